"""LoRA's forms and full finetuning: each learns, resumes to the same numbers, and reloads to the same outputs."""

import random
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import LlamaConfig, LlamaForCausalLM

from mapd.errors import BadInput
from mapd.finetune import loss
from mapd.finetune.hyperparameters import Hyperparameters, TrainingStep
from mapd.finetune.train import prepare, train
from mapd.models import loader
from tests.finetune import tiny
from tests.finetune.test_loss import gradient
from tests.finetune.test_train import BrokenOff, full_disk

BASIS = Hyperparameters(batch=4, epochs=3, rank=4, learning_rate=1e-2, seed=3)
METHODS = {
    "lora": BASIS,
    "dora": replace(BASIS, method="dora"),
    "full": replace(BASIS, method="full", learning_rate=2e-3),
    "lora with dropout": replace(BASIS, dropout=0.3),
    "dora with dropout": replace(BASIS, method="dora", dropout=0.3),
}
EXAMPLES = tiny.examples(10)
PROMPT = torch.tensor([EXAMPLES[0].prompt])


def learn(
    folder: Path,
    settings: Hyperparameters,
    base: Path,
    on_step: Callable[[TrainingStep], None] = lambda _: None,
    **options: Any,
) -> list[TrainingStep]:
    """Train the student at `base` to its end; its steps."""
    steps: list[TrainingStep] = []

    def tell(step: TrainingStep) -> None:
        steps.append(step)
        on_step(step)

    precision = "fp32" if settings.method == "full" else settings.precision
    model, _ = loader.load(base, precision=precision)
    train(model, EXAMPLES, settings, folder, tell, checkpoint_every=2, **options)
    return steps


def losses(steps: list[TrainingStep]) -> list[float | None]:
    return [number for step in steps for number in (step.loss_feedback, step.loss_rationale)]


def result(folder: Path) -> Path:
    return next(folder / name for name in ("adapter", "model") if (folder / name).is_dir())


def weights(folder: Path) -> dict[str, torch.Tensor]:
    (file,) = result(folder).glob("*.safetensors")
    tensors: dict[str, torch.Tensor] = load_file(file)
    return tensors


def assert_same(first: Path, second: Path) -> None:
    one, other = weights(first), weights(second)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def logits(base: Path, folder: Path | None = None) -> torch.Tensor:
    """What a student says, loaded as an exam loads it."""
    place = base if folder is None else result(folder)
    model, _ = loader.load(base, place) if place.name == "adapter" else loader.load(place)
    with torch.no_grad():
        return model(input_ids=PROMPT).logits  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return tiny.save(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def tied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student whose head is its embedding."""
    folder = tmp_path_factory.mktemp("tied")
    torch.manual_seed(0)
    LlamaForCausalLM(LlamaConfig(**tiny.SIZES, tie_word_embeddings=True)).save_pretrained(folder)
    tiny.tokenizer().save_pretrained(folder)
    return folder


@pytest.mark.parametrize("name", METHODS)
def test_each_method_learns_and_broken_off_goes_on_to_the_same_numbers(tmp_path: Path, base: Path, name: str) -> None:
    settings, at = METHODS[name], random.Random(name).randrange(3, 9)

    def break_off(step: TrainingStep) -> None:
        if step.step == at:
            raise BrokenOff

    unbroken = learn(tmp_path / "unbroken", settings, base)
    assert sum(s.loss_rationale or 0 for s in unbroken[-3:]) < sum(s.loss_rationale or 0 for s in unbroken[:3])
    assert all(step.gradient_norm and step.memory_mb for step in unbroken)
    with pytest.raises(BrokenOff):
        learn(tmp_path / "broken", settings, base, break_off)
    again = learn(tmp_path / "broken", settings, base)
    assert again[0].step == (at - 1) // 2 * 2 + 1  # behind the last checkpoint before
    assert losses(again) == losses(unbroken)[2 * (again[0].step - 1) :]
    assert_same(tmp_path / "broken", tmp_path / "unbroken")
    assert not torch.allclose(logits(base, tmp_path / "broken"), logits(base))


VICTIM = """
import sys, time
from pathlib import Path
import torch
from tests.finetune import test_methods
torch.set_num_threads(1)
def tell(step):
    print(step.step, flush=True)
    time.sleep(0.05)
test_methods.learn(Path(sys.argv[1]), test_methods.METHODS[sys.argv[3]], Path(sys.argv[2]), tell)
"""


def test_kill_9_and_started_again_gives_the_same_student(tmp_path: Path, base: Path) -> None:
    name = "full"  # an adapter: test_train
    unbroken = learn(tmp_path / "unbroken", METHODS[name], base)
    at = random.randrange(2, 9)
    words = [sys.executable, "-c", VICTIM, str(tmp_path / "killed"), str(base), name]
    with subprocess.Popen(words, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True) as victim:
        assert victim.stdout is not None
        assert str(at) in (line.strip() for line in victim.stdout)
        victim.send_signal(signal.SIGKILL)
    again = learn(tmp_path / "killed", METHODS[name], base)
    assert losses(again) == pytest.approx(losses(unbroken)[-2 * len(again) :], abs=1e-4), f"killed at step {at}"
    assert_same(tmp_path / "killed", tmp_path / "unbroken")


@pytest.mark.parametrize("shares_weights", [False, True])
def test_full_finetuning_writes_a_model_that_says_what_the_learner_said(
    tmp_path: Path, base: Path, tied: Path, shares_weights: bool
) -> None:
    student = tied if shares_weights else base
    model, _ = loader.load(student)
    place = train(model, EXAMPLES, METHODS["full"], tmp_path, lambda _: None)
    with torch.no_grad():
        taught = model(input_ids=PROMPT).logits
    torch.testing.assert_close(logits(student, tmp_path), taught, atol=0, rtol=0)
    assert ("lm_head.weight" in weights(tmp_path)) is not shares_weights
    reloaded, tokenizer = loader.load(place)
    head, embedding = reloaded.get_output_embeddings().weight, reloaded.get_input_embeddings().weight
    assert (head.data_ptr() == embedding.data_ptr()) is shares_weights
    assert (place / "tokenizer.json").read_bytes() == (student / "tokenizer.json").read_bytes()
    dialogue = [{"role": "user", "content": "1 + 1"}]
    own_template = loader.load(student)[1].apply_chat_template(dialogue, add_generation_prompt=True)
    assert tokenizer.apply_chat_template(dialogue, add_generation_prompt=True) == own_template


def test_full_finetuning_goes_on_from_an_adapter(tmp_path: Path, base: Path) -> None:
    learn(tmp_path / "first", METHODS["lora"], base)
    model, _ = loader.load(base, result(tmp_path / "first"))
    steps: list[TrainingStep] = []
    train(model, EXAMPLES, METHODS["full"], tmp_path / "second", steps.append)
    assert (steps[0].loss_rationale or 0) < (learn(tmp_path / "third", METHODS["full"], base)[0].loss_rationale or 0)


def test_an_adapter_is_trained_on_in_its_own_form(tmp_path: Path, base: Path) -> None:
    learn(tmp_path / "first", METHODS["dora"], base)

    def go_on(**choices: Any) -> None:
        model, _ = loader.load(base, result(tmp_path / "first"))
        train(model, EXAMPLES, replace(METHODS["dora"], **choices), tmp_path / "second", lambda _: None)

    with pytest.raises(BadInput, match="has method dora, not lora, and is trained on: --method dora"):
        go_on(method="lora")
    with pytest.raises(BadInput, match="has lora alpha 8, not 16, and is trained on: --lora-alpha 8"):
        go_on(lora_alpha=16)
    with pytest.raises(BadInput, match="leave --targets out"):
        go_on(targets="q_proj")
    go_on(lora_alpha=8, dropout=0.1)
    assert weights(tmp_path / "second").keys() == weights(tmp_path / "first").keys()


def test_the_targets_are_those_that_are_named(tmp_path: Path, base: Path) -> None:
    learn(tmp_path, replace(BASIS, targets="v_proj, q_proj", lora_alpha=3, epochs=1), base)
    modules = {name.split(".")[-3] for name in weights(tmp_path)}
    assert modules == {"q_proj", "v_proj"}
    with pytest.raises(BadInput, match="the targets can't be taught: x_proj") as refusal:
        learn(tmp_path / "bad", replace(BASIS, targets="x_proj"), base)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", ["lora", "dora", "full"])
@pytest.mark.parametrize("part", [{"tokens_at_once": 1}, {"checkpointing": True}])
def test_a_step_in_parts_or_with_its_layers_computed_again_is_the_same_step(
    base: Path, name: str, part: dict[str, Any]
) -> None:
    found = []
    for settings in (METHODS[name], replace(METHODS[name], **part)):
        trainer = prepare(loader.load(base)[0], EXAMPLES, settings)
        trainer.learn(1)  # an adapter begins as nothing
        losses_ = loss.backward(trainer.learner, EXAMPLES, 0.5, trainer.tokens_at_once)
        found.append((losses_.feedback, losses_.rationale, gradient(trainer.learner)))
    (feedback, rationale, whole), (again_feedback, again_rationale, again) = found
    assert (again_feedback, again_rationale) == pytest.approx((feedback, rationale), abs=1e-5)
    torch.testing.assert_close(again, whole, atol=1e-4, rtol=1e-4)


def test_checkpointed_layers_are_computed_again(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    attend = loss.sdpa_attention_forward
    monkeypatch.setattr(loss, "sdpa_attention_forward", lambda *a, **o: calls.append(1) or attend(*a, **o))
    counts = []
    for is_checkpointed in (False, True):
        trainer = prepare(loader.load(base)[0], EXAMPLES, replace(METHODS["full"], checkpointing=is_checkpointed))
        calls.clear()
        trainer.learn(1)
        counts.append(len(calls))
    assert counts[1] == 2 * counts[0]


@pytest.mark.parametrize("name", ["lora", "full"])
def test_bf16_gives_about_the_same_losses(tmp_path: Path, base: Path, name: str) -> None:
    exact = learn(tmp_path / "fp32", METHODS[name], base)
    rounded = learn(tmp_path / "bf16", replace(METHODS[name], precision="bf16"), base)
    assert rounded[0].loss_rationale == pytest.approx(exact[0].loss_rationale, abs=0.2)
    assert losses(rounded) != losses(exact)
    assert {tensor.dtype for tensor in weights(tmp_path / "bf16").values()} == {torch.float32}


def test_qlora_without_its_hardware_is_one_line(base: Path) -> None:
    with pytest.raises(BadInput, match="QLoRA needs a CUDA GPU and the package bitsandbytes") as refusal:
        loader.load(base, precision="4bit")
    assert "\n" not in str(refusal.value)


def test_a_full_disk_keeps_the_checkpoint_of_all_weights(tmp_path: Path, base: Path) -> None:
    def fill(step: TrainingStep) -> None:
        if step.step == 4:
            limited.__enter__()

    limited = full_disk()
    try:
        with pytest.raises(BadInput, match=r"can't be written to .*000004 .*goes on from the checkpoint") as refusal:
            learn(tmp_path, METHODS["full"], base, fill)
    finally:
        limited.__exit__(None, None, None)
    assert "\n" not in str(refusal.value)
    assert learn(tmp_path, METHODS["full"], base)[0].step == 3


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError(), RuntimeError("can't allocate memory: 9 GB")]
)
def test_full_memory_is_one_line_with_what_to_change_and_the_checkpoint_stays(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: Any) -> None:
        raise error

    with monkeypatch.context() as patch, pytest.raises(BadInput, match="step 4 doesn't fit into memory: lower") as line:
        learn(
            tmp_path,
            METHODS["lora"],
            base,
            lambda step: patch.setattr(loss, "backward", fail) if step.step == 3 else None,
        )
    assert "\n" not in str(line.value)
    assert learn(tmp_path, METHODS["lora"], base)[0].step == 3


def test_a_fault_that_is_none_of_memorys_is_not_hidden(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = prepare(loader.load(base)[0], EXAMPLES, BASIS)

    def fail(*_: Any) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(loss, "backward", fail)
    with pytest.raises(RuntimeError, match="shapes"):
        trainer.learn(1)
