"""The hyper-parameters of a finetune, and what each of its steps reports. No torch: pages and the CLI use these too.

Hyperparameters(alpha=0.5).steps(144)           -> 54 optimizer steps over 144 pairs
Hyperparameters().plan([310, 275, …])           -> by epoch and step, the indices of the step's pairs
choose("paper", seed=3)                         -> the paper's: full finetuning, 10 epochs at 1e-5
choose(method="full").learning_rate             -> 5e-05, a tenth of LoRA's
"""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any

from mapd.errors import BadInput
from mapd.finetune import controls
from mapd.store.finetunes import Training

# By method its usual learning rate, and where that comes from.
RATES: Mapping[str, tuple[float, str]] = {
    "lora": (5e-4, "as in the demo, whose student has 135 M parameters; QLoRA's 2e-4 for 7 B and more"),
    "dora": (5e-4, "as LoRA's, which it splits into length and direction (arXiv 2402.09353)"),
    "qlora": (2e-4, "QLoRA's paper for 7 B and 13 B (arXiv 2305.14314)"),
    "full": (5e-5, 'a tenth of LoRA\'s: "LoRA Without Regret", Schulman et al. 2025'),
}
METHODS = tuple(RATES)
SCHEDULES = ("cosine", "linear", "constant")
PRECISIONS = ("auto", "fp32", "bf16")
ALL_LINEAR = "all-linear"
FIRST_FIELDS = 10  # of the hyper-parameters: those that every finetune's row has
# Sets of hyper-parameters by name. `paper`: the authors' code, whose batch is 8 pairs, accumulated twice.
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    "paper": {
        "method": "full",
        "epochs": 10,
        "learning_rate": 1e-5,
        "schedule": "constant",
        "warmup": 0.03,
        "batch": 16,
        "weight_decay": 0.01,
        "clip_norm": 0.3,
        "max_length": 512,
    },
}


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """L = alpha · L_feedback + (1 - alpha) · L_rationale, learned by LoRA on all linear layers; see finetune/loss.py.

    The learning rate rises over the first `warmup` of the steps, then follows the `schedule`; `batch` counts pairs a
    step, and `batch_tokens`, where it isn't 0, ends a step sooner; `max_length` is in tokens a dialogue.
    `tokens_at_once`: a step is computed in parts of so many tokens, which changes no gradient. `validation`: the share
    of the questions that are not taught; their loss is computed every `validate_every` steps (0: at each epoch's end),
    and after `patience` times without a better one the training ends (0: never). `control`: what is taught in place of
    the explanations (controls.py).

    Raises: BadInput, naming the value.
    """

    alpha: float = 0.5
    epochs: int = 3
    learning_rate: float = 5e-4
    batch: int = 8
    rank: int = 16
    seed: int = 0
    warmup: float = 0.05
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    max_length: int = 512
    method: str = "lora"
    lora_alpha: int | None = None  # twice the rank
    targets: str = ALL_LINEAR  # or the names of layers: "q_proj,v_proj"
    dropout: float = 0.0  # of LoRA's input
    schedule: str = "cosine"
    batch_tokens: int = 0
    tokens_at_once: int = 1024
    precision: str = "auto"  # bf16 on a GPU that has it, else fp32
    checkpointing: bool = False  # layers are computed again for the gradient: slower, in less memory
    validation: float = 0.0
    validate_every: int = 0
    patience: int = 0
    control: str = controls.NONE

    def __post_init__(self) -> None:
        _check_range("alpha", self.alpha, 0, 1)
        _check_range("epochs", self.epochs, 1, 1000)
        _check_range("learning rate", self.learning_rate, 1e-9, 1)
        _check_range("batch", self.batch, 1, 4096)
        _check_range("rank", self.rank, 1, 1024)
        _check_range("seed", self.seed, 0, 2**31 - 1)
        _check_range("warmup", self.warmup, 0, 1)
        _check_range("weight decay", self.weight_decay, 0, 1)
        _check_range("clip norm", self.clip_norm, 1e-9, 1e9)
        _check_range("max length", self.max_length, 16, 1_000_000)
        _check_word("method", self.method, METHODS)
        _check_range("lora alpha", 1 if self.lora_alpha is None else self.lora_alpha, 1, 65536)
        _check_range("dropout", self.dropout, 0, 0.9)
        _check_word("schedule", self.schedule, SCHEDULES)
        _check_range("batch tokens", self.batch_tokens, 0, 2**31 - 1)
        _check_range("tokens at once", self.tokens_at_once, 1, 2**31 - 1)
        _check_word("precision", self.precision, PRECISIONS)
        _check_range("validation", self.validation, 0, 0.9)
        _check_range("validate every", self.validate_every, 0, 2**31 - 1)
        _check_range("patience", self.patience, 0, 2**31 - 1)
        _check_word("control", self.control, controls.CONTROLS)
        if self.control == controls.GOLD and self.alpha != 0:
            raise BadInput(f"gold answers have no feedback beside them: set alpha 0, not {self.alpha:g}")
        if not isinstance(self.targets, str) or not self.target_names:
            raise BadInput(f"targets are {ALL_LINEAR}, or names of layers such as q_proj,v_proj, not {self.targets!r}")
        if (self.patience or self.validate_every) and not self.validation:
            raise BadInput("patience and validate every need a validation slice: set validation, 0.1 for a tenth")

    @property
    def target_names(self) -> list[str]:
        """Return the names of the layers that LoRA changes, in order."""
        return sorted({name.strip() for name in self.targets.split(",")} - {""})

    def as_dict(self) -> dict[str, Any]:
        """Return all of it for a row, which alone says how to do it again. A 1 for 1.0 is no other finetune.

        A hyper-parameter that came later is left out where it is as before: older finetunes keep their uid.
        """
        later = fields(self)[FIRST_FIELDS:]
        usual = {field.name: field.default for field in later}
        # An int in a float's field hashes to another uid: 1 and 1.0 must be the same finetune.
        return {
            field.name: float(value) if field.type is float else value
            for field, value in zip(fields(self), astuple(self), strict=True)
            if field.name not in usual or value != usual[field.name]
        }

    def steps(self, pairs: int) -> int:
        """Return the optimizer steps in all; an epoch's last step may hold fewer pairs. With `batch_tokens` or
        `validation` it is about so many: `plan` counts them."""
        taught = pairs - round(pairs * self.validation)
        return self.epochs * math.ceil(max(1, taught) / self.batch)

    def plan(self, sizes: Sequence[int]) -> list[list[tuple[int, ...]]]:
        """Return the indices of the pairs of each step, by epoch. Seed and epoch decide: a resume repeats them.

        `sizes`: the tokens of each pair.
        """
        return [self._plan_epoch(epoch, sizes) for epoch in range(self.epochs)]

    def _plan_epoch(self, epoch: int, sizes: Sequence[int]) -> list[tuple[int, ...]]:
        # Each epoch has an order of its own.
        order = list(range(len(sizes)))
        random.Random(f"{self.seed} {epoch}").shuffle(order)
        steps: list[list[int]] = []
        tokens = 0
        for place in order:
            tokens += sizes[place]
            if not steps or len(steps[-1]) == self.batch or 0 < self.batch_tokens < tokens:
                steps.append([])
                tokens = sizes[place]
            steps[-1].append(place)
        return [tuple(step) for step in steps]

    def weigh(self, feedback: float | None, rationale: float | None) -> float:
        """Return the joint loss of two losses; one that isn't there adds nothing."""
        return self.alpha * (feedback or 0.0) + (1 - self.alpha) * (rationale or 0.0)


def choose(preset: str = "default", **choices: Any) -> Hyperparameters:
    """Return a preset's hyper-parameters; what is set beside it counts, None doesn't. The rate follows the method.

    Raises: BadInput, naming the value.
    """
    _check_word("preset", preset, tuple(PRESETS))
    values = {**PRESETS[preset], **{name: value for name, value in choices.items() if value is not None}}
    method = values.get("method", METHODS[0])
    _check_word("method", method, METHODS)
    # A preset's rate is its method's: another method has its own.
    if choices.get("learning_rate") is None and method != PRESETS[preset].get("method"):
        values["learning_rate"] = RATES[method][0]
    return Hyperparameters(**values)


def hyperparameters_of(training: Training) -> Hyperparameters:
    """Return a training's hyper-parameters, the usual ones too, which its row leaves out."""
    return Hyperparameters(alpha=training.alpha, seed=training.seed, **training.hyperparameters)


@dataclass(frozen=True, slots=True)
class TrainingStep:
    """One optimizer step, done. A loss is None where the step teaches nothing of its kind; tokens are the rows'.

    `gradient_norm`: before it was clipped. `memory_mb`: the most that the process, or the GPU, has held so far.
    `validation_…`: the losses of the validation slice behind this step, where they were computed.
    """

    step: int
    total: int
    loss_feedback: float | None
    loss_rationale: float | None
    learning_rate: float
    tokens_per_s: float
    seconds: float
    seconds_left: float
    gradient_norm: float | None = None
    memory_mb: float | None = None
    validation_feedback: float | None = None
    validation_rationale: float | None = None

    @property
    def in_words(self) -> str:
        """Return its losses, and its speed."""
        losses = {
            "feedback": self.loss_feedback,
            "rationale": self.loss_rationale,
            "validation feedback": self.validation_feedback,
            "validation rationale": self.validation_rationale,
        }
        taught = ", ".join(f"{kind} {loss:.3f}" for kind, loss in losses.items() if loss is not None)
        return f"loss: {taught}, {self.tokens_per_s:.0f} tokens/s"


def _check_range(name: str, value: float, low: float, high: float) -> None:
    # Written so that a NaN, which compares false with all, is refused.
    if not low <= value <= high:
        raise BadInput(f"{name} is a number from {low:g} to {high:g}, not {value:g}")


def _check_word(name: str, word: str, words: Sequence[str]) -> None:
    if word not in words:
        raise BadInput(f"{name} is one of {', '.join(words)}, not {word!r}")
