"""`benchmarks/gpu.py` runs as far as a machine without a GPU can tell: each of its parts, on a tiny model."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import gpu
from mapd.errors import BadInput


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> gpu.Job:
    folder = tmp_path_factory.mktemp("model")
    # However busy the machine is, all is measured.
    job = replace(gpu.Job(str(folder), tiny=True), **gpu.TINY | {"seconds": 600})
    assert gpu.make_model(job)["parameters"] > 100_000
    return job


def test_the_exam_is_measured_beside_one_by_one(job: gpu.Job) -> None:
    result = gpu.measure_exam(job)
    assert result.keys() == {"reference", "ours", "ours, 256 at once"}
    assert all(way["tokens_per_s"] > 0 for way in result.values())
    assert result["ours"]["answers"] == job.questions


def test_the_losses_are_equal(job: gpu.Job) -> None:
    assert gpu.measure_losses(job)["difference"] < 1e-5


def test_training_is_measured_beside_the_reference_with_the_same_losses(job: gpu.Job) -> None:
    ours, reference = (gpu.measure_training(job, way) for way in ("ours", "reference"))
    assert len(ours["losses"]) == job.steps
    assert ours["losses"] == pytest.approx(reference["losses"], abs=2e-4)  # they are rounded to 4 digits


def test_a_part_that_cant_be_run_says_why_in_a_line(job: gpu.Job, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModuleNotFoundError, match=r"^no TRL in nowhere; name a Python that has it, with --trl$"):
        gpu.measure_trl(replace(job, trl=str(Path(job.folder) / "nowhere")))
    with pytest.raises(BadInput, match="vLLM"):
        gpu.measure_vllm(job)
    monkeypatch.setitem(gpu.LIMITS, "exam", 0.01)
    assert gpu.run_part("exam", job) == {"skipped": "it took longer than 0.01 s"}


def test_a_skipped_part_stands_in_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "run_part", lambda name, job: {"skipped": "no GPU"})
    lines: list[str] = []
    result = gpu.run_all(gpu.Job("nowhere"), lines.append)
    assert len(lines) == len(gpu.PARTS)
    assert result["exam"] == {way: {"skipped": "no GPU"} for way in ("reference", "ours", "vllm")}
    assert result["train"].keys() == {"reference", "ours", "trl"}
    assert sum(gpu.LIMITS.values()) <= 600
