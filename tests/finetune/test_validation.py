"""A validation slice is never taught; its losses end a training, and choose what is kept."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapd.errors import BadInput
from mapd.finetune import loss
from mapd.finetune.checkpoints import ValidationHistory
from mapd.finetune.examples import draw_validation
from mapd.finetune.hyperparameters import Hyperparameters, TrainingStep
from mapd.finetune.train import train
from mapd.models import loader
from tests.finetune import tiny
from tests.finetune.test_loss import plain
from tests.finetune.test_train import BrokenOff

SETTINGS = Hyperparameters(batch=4, epochs=6, rank=4, learning_rate=3e-2, validation=0.2, patience=2)
EXAMPLES, HELD_OUT = tiny.examples(10), tiny.examples(4, seed=9)


@given(
    keys=st.lists(st.integers(0, 9), min_size=2).filter(lambda keys: len(set(keys)) > 1),
    share=st.floats(0.01, 0.9),
    seed=st.integers(0, 5),
)
def test_the_slice_is_of_whole_questions_and_some_are_taught(keys: list[int], share: float, seed: int) -> None:
    questions = draw_validation(keys, share, seed)
    assert 1 <= len(questions) < len(set(keys))
    assert questions == draw_validation(keys, share, seed)
    assert questions <= set(keys)


def test_one_question_alone_gives_no_slice() -> None:
    assert draw_validation(["a", "a"], 0.0, 0) == set()
    with pytest.raises(BadInput, match="all pairs are of one question"):
        draw_validation(["a", "a"], 0.5, 0)


@pytest.mark.parametrize("alpha", [0, 0.5, 1])
@pytest.mark.parametrize("tokens_at_once", [1, 10_000])
def test_the_validations_loss_is_that_of_two_plain_passes(alpha: float, tokens_at_once: int) -> None:
    model = tiny.model()
    found = loss.evaluate(model, HELD_OUT, alpha, tokens_at_once)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert (found.feedback, found.rationale) == pytest.approx(plain(model, HELD_OUT, alpha), abs=1e-5)


def test_the_history_counts_what_came_no_better() -> None:
    history = ValidationHistory()
    assert [history.add(step, loss_) for step, loss_ in ((3, 2.0), (6, 1.5), (9, 1.5), (12, 1.6))] == [
        True,
        True,
        False,
        False,
    ]
    assert (history.best, history.best_step, history.misses) == (1.5, 6, 2)


def learn(
    folder: Path, settings: Hyperparameters = SETTINGS, stop_at: int = 0, asked: list[tuple[int, bool]] | None = None
) -> list[TrainingStep]:
    steps: list[TrainingStep] = []

    def tell(step: TrainingStep) -> None:
        steps.append(step)
        if step.step == stop_at:
            raise BrokenOff

    def ask(_: object, step: int, is_end: bool) -> None:
        if asked is not None:
            asked.append((step, is_end))

    train(tiny.model(), EXAMPLES, settings, folder, tell, checkpoint_every=2, validation=HELD_OUT, ask=ask)
    return steps


def test_both_losses_come_each_epoch_the_training_ends_early_and_the_best_is_kept(tmp_path: Path) -> None:
    asked: list[tuple[int, bool]] = []
    steps = learn(tmp_path / "whole", replace(SETTINGS, epochs=30), asked=asked)
    assert asked == [(0, False), *((s.step, s is steps[-1]) for s in steps)], "its end is known where it ends early"
    validated = [step for step in steps if step.validation_rationale is not None]
    assert [step.step for step in validated] == [step.step for step in steps if step.step % 3 == 0]
    joint = [SETTINGS.weigh(s.validation_feedback, s.validation_rationale) for s in validated]
    best = joint.index(min(joint))
    assert len(joint) - 1 - best == 2, "these random texts can't be learned from others"
    assert len(steps) < steps[0].total == 90
    model = tiny.model()
    model.save_pretrained(tmp_path / "base")
    tiny.tokenizer().save_pretrained(tmp_path / "base")
    kept, _ = loader.load(tmp_path / "base", tmp_path / "whole" / "adapter")
    found = loss.evaluate(kept, HELD_OUT, 0.5)
    assert SETTINGS.weigh(found.feedback, found.rationale) == pytest.approx(joint[best], abs=1e-5)
    assert [path.name for path in (tmp_path / "whole").iterdir()] == ["adapter"]


@pytest.mark.parametrize("at", [3, 5, 6, 8])
def test_broken_off_it_keeps_its_best_and_its_patience(tmp_path: Path, at: int) -> None:
    settings = replace(SETTINGS, patience=3)
    whole = learn(tmp_path / "whole", settings)
    with pytest.raises(BrokenOff):
        learn(tmp_path / "broken", settings, stop_at=at)
    again = learn(tmp_path / "broken", settings)
    assert [(s.step, s.validation_rationale) for s in again] == [(s.step, s.validation_rationale) for s in whole][
        again[0].step - 1 :
    ]
    files = [(tmp_path / name / "adapter" / "adapter_model.safetensors").read_bytes() for name in ("whole", "broken")]
    assert files[0] == files[1]


def test_it_is_computed_every_so_many_steps_and_at_the_end(tmp_path: Path) -> None:
    steps = learn(tmp_path, replace(SETTINGS, validate_every=4, patience=0, epochs=2, dropout=0.2))
    assert [step.step for step in steps if step.validation_feedback is not None] == [4, 6]
