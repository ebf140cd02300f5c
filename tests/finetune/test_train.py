"""Training: the same seed the same adapter, killed or not; the adapter reloads; a full disk costs nothing."""

import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from mapd.errors import BadInput
from mapd.finetune.hyperparameters import Hyperparameters, TrainingStep
from mapd.finetune.train import train
from mapd.models import loader
from tests.finetune import tiny
from tests.finetune.test_loss import plain

GIVEN = Hyperparameters(batch=4, epochs=3, rank=4, learning_rate=3e-2)  # 3 x 3 steps over 10 examples
EXAMPLES = tiny.examples(10)


class BrokenOff(Exception):  # noqa: N818
    pass


def finish(
    folder: Path, given: Hyperparameters = GIVEN, on_step: Callable[[TrainingStep], None] | None = None
) -> list[TrainingStep]:
    """Train a fresh tiny student in `folder` to its end; the steps it told."""
    told: list[TrainingStep] = []

    def tell(step: TrainingStep) -> None:
        told.append(step)
        if on_step:
            on_step(step)

    train(tiny.model(), EXAMPLES, given, folder, tell, checkpoint_every=2)
    return told


def weights(folder: Path) -> dict[str, torch.Tensor]:
    loaded: dict[str, torch.Tensor] = load_file(folder / "adapter" / "adapter_model.safetensors")
    return loaded


def assert_same(one: Path, other: Path) -> None:
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def losses(told: list[TrainingStep]) -> list[tuple[int, float | None, float | None]]:
    return [(step.step, step.loss_feedback, step.loss_rationale) for step in told]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[TrainingStep]]:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("unbroken")
    return folder, finish(folder)


def test_the_loss_falls_and_every_step_is_told(unbroken: tuple[Path, list[TrainingStep]]) -> None:
    folder, told = unbroken
    assert [step.step for step in told] == list(range(1, 10))
    assert {step.total for step in told} == {9}
    for kind in ("loss_feedback", "loss_rationale"):
        assert sum(getattr(step, kind) for step in told[6:]) < sum(getattr(step, kind) for step in told[:3]) - 1
    assert told[-1].seconds_left == 0
    assert all(step.tokens_per_s > 0 and step.seconds > 0 for step in told)
    assert sorted(path.name for path in folder.iterdir()) == ["adapter"]
    assert str(folder) not in (folder / "adapter" / "adapter_config.json").read_text()


@pytest.mark.parametrize("alpha", [0, 1])
def test_a_loss_without_weight_is_none(tmp_path: Path, alpha: float) -> None:
    told = finish(tmp_path, Hyperparameters(alpha=alpha, epochs=1, rank=2))
    assert all((step.loss_feedback is None, step.loss_rationale is None) == (alpha == 0, alpha == 1) for step in told)


def dragging() -> Any:
    """A student with a layer that looks beyond its dialogue."""
    model = tiny.model()
    model.model.layers[0].mlp.register_forward_hook(lambda module, inputs, output: output + output.cumsum(1))
    return model


def test_a_student_that_cannot_be_packed_is_refused_at_an_alpha_between(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="can't be trained on rows that share a prompt"):
        train(dragging(), EXAMPLES, GIVEN, tmp_path, lambda _: None)


@pytest.mark.parametrize("alpha", [0, 1])
def test_a_student_that_cannot_be_packed_learns_at_alpha_0_and_1(tmp_path: Path, alpha: float) -> None:
    told: list[TrainingStep] = []
    train(dragging(), EXAMPLES, Hyperparameters(alpha=alpha, epochs=1), tmp_path, told.append)
    assert len(told) == 2
    first = [EXAMPLES[place] for place in Hyperparameters(epochs=1).plan([1] * len(EXAMPLES))[0][0]]
    assert (told[0].loss_feedback, told[0].loss_rationale) == pytest.approx(plain(dragging(), first, alpha), abs=1e-5)


def test_same_seed_same_adapter_another_seed_another(tmp_path: Path, unbroken: tuple[Path, list[TrainingStep]]) -> None:
    torch.manual_seed(99)  # of no account
    assert losses(finish(tmp_path / "again")) == losses(unbroken[1])
    assert_same(tmp_path / "again", unbroken[0])
    finish(tmp_path / "other", Hyperparameters(batch=4, epochs=3, rank=4, learning_rate=3e-2, seed=1))
    one, other = weights(tmp_path / "other"), weights(unbroken[0])
    assert not any(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("at", [1, 2, 3, 6, 9])
def test_broken_anywhere_it_goes_on_to_the_same_adapter(
    tmp_path: Path, unbroken: tuple[Path, list[TrainingStep]], at: int
) -> None:
    def break_off(step: TrainingStep) -> None:
        if step.step == at:
            raise BrokenOff

    with pytest.raises(BrokenOff):
        finish(tmp_path, on_step=break_off)
    told = finish(tmp_path)
    assert told[0].step == (at - 1) // 2 * 2 + 1  # behind the last checkpoint before
    assert losses(told) == losses(unbroken[1])[told[0].step - 1 :]
    assert_same(tmp_path, unbroken[0])
    assert finish(tmp_path) == []  # complete: nothing is left to do


VICTIM = """
import sys, time
from pathlib import Path
import torch
from tests.finetune import test_train
torch.set_num_threads(1)
def tell(step):
    print(step.step, flush=True)
    time.sleep(0.05)
test_train.finish(Path(sys.argv[1]), on_step=tell)
"""


def test_kill_9_and_started_again_gives_the_same_adapter(
    tmp_path: Path, unbroken: tuple[Path, list[TrainingStep]]
) -> None:
    words = [sys.executable, "-c", VICTIM, str(tmp_path)]
    with subprocess.Popen(words, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True) as victim:
        assert victim.stdout is not None
        assert "6" in (line.strip() for line in victim.stdout)  # it has told the step, and reads no further
        time.sleep(0.06)  # about where the checkpoint is written
        victim.send_signal(signal.SIGKILL)
    assert victim.returncode == -signal.SIGKILL
    assert not (tmp_path / "adapter").exists()
    finish(tmp_path)
    assert_same(tmp_path, unbroken[0])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["adapter"]


def test_the_adapter_reloads_to_the_same_outputs_and_can_be_trained_on(tmp_path: Path) -> None:
    base = tiny.save(tmp_path / "base")
    model, _ = loader.load(base)
    ids = torch.tensor([EXAMPLES[0].prompt])
    with torch.no_grad():
        untaught = model(input_ids=ids).logits
    adapter = train(model, EXAMPLES, GIVEN, tmp_path / "first", lambda _: None)
    with torch.no_grad():
        taught = model(input_ids=ids).logits  # peft puts the adapter into the model that it is given
    reloaded, _ = loader.load(base, adapter)
    with torch.no_grad():
        torch.testing.assert_close(reloaded(input_ids=ids).logits, taught, atol=0, rtol=0)
    assert not torch.allclose(untaught, taught)

    told: list[TrainingStep] = []  # the next round
    second = train(reloaded, EXAMPLES, GIVEN, tmp_path / "second", told.append)
    both, _ = loader.load(base, second)
    with torch.no_grad():
        torch.testing.assert_close(both(input_ids=ids).logits, reloaded(input_ids=ids).logits, atol=0, rtol=0)
    again, _ = loader.load(base, adapter)
    with pytest.raises(BadInput, match="rank 4, not 8"):
        train(again, EXAMPLES, Hyperparameters(rank=8), tmp_path / "third", told.append)


@contextmanager
def full_disk() -> Iterator[None]:
    """No file can grow beyond 10 kB: a write fails as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_one_line_and_the_checkpoint_before_stands(
    tmp_path: Path, unbroken: tuple[Path, list[TrainingStep]]
) -> None:
    def fill(step: TrainingStep) -> None:
        if step.step == 4:
            limited.__enter__()

    limited = full_disk()
    try:
        with pytest.raises(
            BadInput, match=r"can't be written to .*000004 .*goes on from the checkpoint before"
        ) as said:
            finish(tmp_path, on_step=fill)
    finally:
        limited.__exit__(None, None, None)
    assert "\n" not in str(said.value)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["000002"]
    assert finish(tmp_path)[0].step == 3
    assert_same(tmp_path, unbroken[0])


def test_a_loss_that_is_no_number_ends_the_training(tmp_path: Path) -> None:
    model = tiny.model()
    with torch.no_grad():
        model.lm_head.weight.fill_(torch.inf)
    with pytest.raises(BadInput, match="no number"):
        train(model, EXAMPLES, Hyperparameters(alpha=0), tmp_path, lambda _: None)
