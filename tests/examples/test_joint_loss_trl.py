"""The recipe: rows that were exported, trained by TRL, have the loss that our own finetune computes on the snapshot."""

from pathlib import Path
from typing import Any

import pytest
import torch
from sqlmodel import Session

from examples import joint_loss_trl
from mapd.curation import live_set, snapshots
from mapd.curation.pairs import Texts
from mapd.domain import Act, ExamInfo
from mapd.exchange.training import FORMATS
from mapd.exchange.training.snapshots import find_source
from mapd.finetune import loss
from mapd.finetune.examples import Examples, examples
from mapd.people import owner
from mapd.review.judging import Target, judge
from tests.finetune import tiny

ALPHA = 0.3


@pytest.fixture
def student(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A student of 40,000 numbers."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    return tiny.save(tmp_path / "student")


@pytest.fixture
def taught(session: Session, exam: ExamInfo, tmp_path: Path) -> Examples:
    """A snapshot as our finetune reads it, and beside it as the recipe's rows."""
    row = snapshots.freeze(session, live_set.load_curated(session, exam.id), by=owner("ann"))
    for name, ending in (("datasets", ""), ("prompt-completion", ".jsonl")):
        FORMATS[name].write(tmp_path / f"rows{ending}", find_source(session, row.sha256))
    return examples(row.manifest, row.lines, tiny.tokenizer(), alpha=ALPHA, max_length=2000)


def options(tmp_path: Path, rows: str, *more: str) -> list[str]:
    words = [str(tmp_path / rows), "--model", str(tmp_path / "student"), "--output", str(tmp_path / "out"), "--cpu"]
    return [*words, "--alpha", str(ALPHA), "--max-length", "2000", *more]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize("rows", ["rows", "rows.jsonl"])
def test_it_is_the_loss_of_our_own_finetune(taught: Examples, student: Path, tmp_path: Path, rows: str) -> None:
    words = options(tmp_path, rows, "--pairs", "4", "--steps", "2", "--learning-rate", "1e-9")
    settings = joint_loss_trl.read_options(words)
    trainer = joint_loss_trl.make_trainer(joint_loss_trl.load(settings.rows), settings)
    model = tiny.model()
    for batch in trainer.get_train_dataloader():
        pairs = [_pair_of(ids, taught) for ids in batch["input_ids"][::2]]
        assert len(pairs) * 2 == len(batch["input_ids"])
        ours = loss.backward(model, pairs, ALPHA)
        theirs = float(trainer.compute_loss(trainer.model, batch).detach())
        assert ours.feedback is not None
        assert ours.rationale is not None
        assert theirs == pytest.approx(ALPHA * ours.feedback + (1 - ALPHA) * ours.rationale, abs=1e-5)


def _pair_of(ids: torch.Tensor, taught: Examples) -> Any:
    """The example whose rationale's dialogue these tokens are."""
    tokens = tuple(ids.tolist())
    return next(
        example
        for example in taught.items
        if tokens[: len(example.prompt) + len(example.rationale)] == example.prompt + example.rationale
    )


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_it_trains(taught: Examples, student: Path, tmp_path: Path) -> None:
    losses = joint_loss_trl.main(options(tmp_path, "rows", "--pairs", "4", "--steps", "6", "--learning-rate", "1e-2"))
    assert len(losses) == 6
    assert losses[-1] < losses[0]
    assert (tmp_path / "out" / "model.safetensors").is_file()


def test_a_step_takes_whole_pairs_in_another_order_each_epoch() -> None:
    sampler = joint_loss_trl.PairSampler([f"pair-{n // 2}" for n in range(20)], seed=1)
    first, second = list(sampler), list(sampler)
    assert first != second
    for order in (first, second):
        assert sorted(order) == list(range(20))
        assert all(order[n] + 1 == order[n + 1] and order[n] % 2 == 0 for n in range(0, 20, 2))


def test_a_pair_with_one_text_alone_is_a_row() -> None:
    sampler = joint_loss_trl.PairSampler(["a", "b", "b", "c", "d", "d"], seed=1)
    order = list(sampler)
    assert sorted(order) == list(range(len(sampler))) == list(range(6))
    assert all(order[order.index(first) + 1] == first + 1 for first in (1, 4))


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_where_some_pairs_have_one_text_alone_it_is_our_loss_too(
    session: Session, exam: ExamInfo, student: Path, tmp_path: Path
) -> None:
    for x in live_set.load_curated(session, exam.id).mistakes[0].feedback:
        judge(session, Target("feedback", x.text.id), Act.REJECT, by=owner("ann"), reason="other")
    every = (Texts.BOTH, Texts.RATIONALE, Texts.FEEDBACK)
    row = snapshots.freeze(session, live_set.load_curated(session, exam.id), by=owner("ann"), texts=every)
    assert row.manifest["counts"]["pairs_without_feedback"] == 1
    FORMATS["datasets"].write(tmp_path / "rows", find_source(session, row.sha256))
    taught = examples(row.manifest, row.lines, tiny.tokenizer(), alpha=ALPHA, max_length=2000)
    # All rows in one step: what it holds doesn't hang on the order.
    settings = joint_loss_trl.read_options(options(tmp_path, "rows", "--pairs", str(row.pairs), "--steps", "1"))
    trainer = joint_loss_trl.make_trainer(joint_loss_trl.load(settings.rows), settings)
    (batch,) = list(trainer.get_train_dataloader())
    theirs = float(trainer.compute_loss(trainer.model, batch).detach())
    ours = loss.backward(tiny.model(), taught.items, ALPHA)
    assert ours.feedback is not None
    assert ours.rationale is not None
    assert theirs == pytest.approx(ALPHA * ours.feedback + (1 - ALPHA) * ours.rationale, abs=1e-5)
