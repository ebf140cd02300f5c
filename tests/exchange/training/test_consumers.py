"""The files are taken by those who read them: `datasets`, and TRL's trainers on a student of 40,000 numbers."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session

from mapd.curation import live_set, snapshots
from mapd.curation.pairs import Texts
from mapd.curation.selection import narrow
from mapd.domain import ExamInfo
from mapd.exchange.training import FORMATS
from mapd.exchange.training.snapshots import find_source
from mapd.people import owner
from tests.finetune import tiny

JSONL = ("messages.jsonl", "prompt-completion.jsonl")
pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No hub, and a cache of the test's own."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


@pytest.fixture
def folder(session: Session, exam: ExamInfo, tmp_path: Path) -> Path:
    """A snapshot with every accepted rationale, in each format."""
    curated = live_set.load_curated(session, exam.id)
    sha256 = snapshots.freeze(session, curated, by=owner("ann"), everything=True).sha256
    for format_ in FORMATS.values():
        format_.write(tmp_path / f"{format_.name}{format_.ending}", find_source(session, sha256))
    return tmp_path


def load(path: Path, config: str | None = None) -> Any:
    from datasets import load_dataset

    if path.is_dir():
        return load_dataset(str(path), config, split="train")
    return load_dataset(path.suffix[1:].replace("jsonl", "json"), data_files=str(path), split="train")


def test_datasets_loads_the_folder_by_its_card(folder: Path) -> None:
    rows, preferences = load(folder / "datasets"), load(folder / "datasets", "preference")
    manifest = json.loads((folder / "datasets" / "manifest.json").read_text())
    assert len(rows) == 2 * manifest["counts"]["pairs"]
    assert len(preferences) == manifest["counts"]["preferences"] > 0
    assert set(rows["kind"]) == {"rationale", "feedback"}
    assert {type(mean) for mean in rows["mean"]} == {float, type(None)}
    assert rows[0]["scores"][0].keys() == {"reviewer", "score"}
    card = (folder / "datasets" / "README.md").read_text()
    for name in (*rows.column_names, "chosen", "rejected", "margin"):
        assert f"| `{name}` | " in card


def test_two_folders_of_one_name_are_not_taken_for_one(session: Session, exam: ExamInfo, tmp_path: Path) -> None:
    curated, teachers = live_set.load_curated(session, exam.id), []
    for teacher in ("gpt", "gemini"):
        sha256 = snapshots.freeze(session, narrow(curated, [teacher]), by=owner("ann")).sha256
        (tmp_path / teacher).mkdir()
        FORMATS["datasets"].write(tmp_path / teacher / "rows", find_source(session, sha256))
        teachers.append(set(load(tmp_path / teacher / "rows")["teacher"]))
    assert teachers == [{"gpt"}, {"gemini"}]


@pytest.mark.parametrize("name", [*JSONL, "datasets", "parquet.parquet"])
@pytest.mark.parametrize("kind", ["rationale", "feedback"])
def test_a_snapshot_of_one_kind_is_loaded_without_nulls(
    session: Session, exam: ExamInfo, tmp_path: Path, kind: str, name: str
) -> None:
    curated = live_set.load_curated(session, exam.id)
    row = snapshots.freeze(session, curated, by=owner("ann"), texts=[Texts(kind)])
    FORMATS[name.split(".")[0]].write(tmp_path / name, find_source(session, row.sha256))
    rows = load(tmp_path / name)
    assert len(rows) == row.pairs
    assert set(rows["kind"]) == {kind}
    assert None not in rows["uid"]


@pytest.mark.parametrize("name", ["messages.jsonl", "prompt-completion.jsonl", "preference.jsonl", "parquet.parquet"])
def test_datasets_loads_each_file(folder: Path, name: str) -> None:
    rows = load(folder / name)
    lines = (folder / "messages.jsonl").read_text().count("\n")
    assert len(rows) == lines or name.startswith("preference")


def test_a_long_file_without_votes_at_first_is_loaded_to_its_end(folder: Path) -> None:
    """`datasets` takes a column's type from the first 10 MB: what is null there would break what comes behind."""
    path, lines = folder / "long.jsonl", (folder / "messages.jsonl").read_text().splitlines()
    voted = next(line for line in lines if json.loads(line)["mean"])
    nobody = json.loads(lines[1]) | {"mean": "", "scores": "[]", "decided_by": "committee"}
    nobody["messages"][1]["content"] = "x" * 10_000
    with path.open("w") as file:
        file.writelines(json.dumps(nobody) + "\n" for _ in range(1_500))
        file.write(voted + "\n")
    assert len(load(path)) == 1_501


def steps(trainer: Any) -> int:
    trainer.train()
    return int(trainer.state.global_step)


def settings(folder: Path) -> dict[str, Any]:
    common = {"max_steps": 2, "per_device_train_batch_size": 2, "report_to": "none", "save_strategy": "no"}
    return {"output_dir": str(folder / "out"), "use_cpu": True, "bf16": False, **common}


@pytest.mark.parametrize("name", ["messages.jsonl", "prompt-completion.jsonl", "datasets"])
def test_trl_finetunes_two_steps(folder: Path, name: str) -> None:
    from trl import SFTConfig, SFTTrainer

    student = str(tiny.save(folder / "student"))
    trainer = SFTTrainer(student, SFTConfig(max_length=1_500, **settings(folder)), train_dataset=load(folder / name))
    assert steps(trainer) == 2
    if name != "messages.jsonl":
        taught = [
            [token for token, label in zip(row["input_ids"], row["labels"], strict=True) if label != -100]
            for row in trainer.train_dataset
        ]
        texts = [tiny.tokenizer().decode(tokens) for tokens in taught]
        completions = [row["completion"][0]["content"] for row in load(folder / name)]
        assert [text.removesuffix("<|im_end|>\n") for text in texts] == completions, "the completion alone is learned"


@pytest.mark.parametrize("name", ["preference.jsonl", "datasets"])
def test_trl_prefers_two_steps(folder: Path, name: str) -> None:
    from trl import DPOConfig, DPOTrainer

    student = str(tiny.save(folder / "student"))
    rows = load(folder / name, "preference" if name == "datasets" else None)
    trainer = DPOTrainer(student, args=DPOConfig(max_length=1_500, **settings(folder)), train_dataset=rows)
    assert steps(trainer) == 2


def test_trl_learns_a_reward_with_the_margin(folder: Path) -> None:
    from transformers import LlamaConfig, LlamaForSequenceClassification
    from trl import RewardConfig, RewardTrainer

    model = LlamaForSequenceClassification(LlamaConfig(**tiny.SIZES, num_labels=1))
    rows = load(folder / "preference.jsonl")
    config = RewardConfig(max_length=1_500, **settings(folder))
    trainer = RewardTrainer(model, args=config, train_dataset=rows, processing_class=tiny.tokenizer())
    assert "margin" in next(iter(trainer.get_train_dataloader()))
    assert steps(trainer) == 2
