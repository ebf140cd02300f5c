"""The real student, really trained for a few steps: the loss falls, the adapter reloads to the same outputs."""

from pathlib import Path
from typing import Any

import torch

from mapd.finetune.examples import Example, example
from mapd.finetune.hyperparameters import Hyperparameters, TrainingStep
from mapd.finetune.train import train
from mapd.models.loader import load
from mapd.models.simulated import SimulatedTeacher
from mapd.questions import generated
from tests.finetune.test_loss import assert_equal

WRONG = "I can not say.\nAnswer: 101"


def pairs(tokenizer: Any) -> list[Example]:
    """Two pairs of the demo: a wrong answer, and what the sound teacher says."""
    teacher = SimulatedTeacher.of("sound", {})
    made = []
    for q in generated.generate("chain_sum", 2, seed=0):
        rng = teacher.rng(q.text)
        question = {"text": q.text, "context": None, "options": [], "task": q.task, "gold": q.gold}
        texts = {
            "attempt": {"text": WRONG},
            "rationale": {"text": teacher.rationale(q, rng).text},
            "feedback": {"text": teacher.feedback(q, WRONG, q.gold, rng).text},
        }
        made.append(example({"question": question, **texts}, tokenizer))
    return made


def test_the_loss_falls_and_the_adapter_reloads(smollm2: Path, tmp_path: Path) -> None:
    model, tokenizer = load(smollm2)
    taught = pairs(tokenizer)
    model.requires_grad_(False).model.layers[0].requires_grad_(True)  # the gradient that comes the longest way
    assert_equal(model, taught[:1], 0.5, tokens_at_once=1000)
    told: list[TrainingStep] = []
    adapter = train(model, taught, Hyperparameters(batch=2, epochs=3), tmp_path, told.append)
    assert [step.step for step in told] == [1, 2, 3]
    for kind in ("loss_feedback", "loss_rationale"):
        assert getattr(told[-1], kind) < 0.8 * getattr(told[0], kind)
    ids = torch.tensor([taught[0].prompt])
    reloaded, _ = load(smollm2, adapter)
    with torch.no_grad():
        assert torch.equal(reloaded(input_ids=ids).logits, model(input_ids=ids).logits)
        with reloaded.disable_adapter():
            assert not torch.allclose(reloaded(input_ids=ids).logits, model(input_ids=ids).logits)
