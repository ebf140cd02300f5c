"""The hyper-parameters of a finetune, and what each of its steps reports. No torch: pages and the CLI use these too.

Hyperparameters(alpha=0.5).steps(144)       -> 54 optimizer steps over 144 pairs
Hyperparameters().taught_at(19, 144)        -> the pairs of step 19, the first of epoch 2: (131, 20, 7, …)
"""

import math
import random
from dataclasses import asdict, dataclass
from typing import Any

from mapd.errors import BadInput


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """L = alpha · L_feedback + (1 - alpha) · L_rationale, learned by LoRA on all linear layers; see finetune/loss.py.

    The learning rate rises over the first `warmup` of the steps and falls as a cosine; `batch` counts pairs a step;
    `max_length` is in tokens a dialogue.

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

    def __post_init__(self) -> None:
        _within("alpha", self.alpha, 0, 1)
        _within("epochs", self.epochs, 1, 1000)
        _within("learning rate", self.learning_rate, 1e-9, 1)
        _within("batch", self.batch, 1, 4096)
        _within("rank", self.rank, 1, 1024)
        _within("seed", self.seed, 0, 2**31 - 1)
        _within("warmup", self.warmup, 0, 1)
        _within("weight decay", self.weight_decay, 0, 1)
        _within("clip norm", self.clip_norm, 1e-9, 1e9)
        _within("max length", self.max_length, 16, 1_000_000)

    def as_dict(self) -> dict[str, Any]:
        """Return all of it for a row, which alone says how to do it again. A 1 for 1.0 is no other finetune."""
        # An int in a float's field hashes to another uid: 1 and 1.0 must be the same finetune.
        return {
            name: float(value) if self.__annotations__[name] is float else value for name, value in asdict(self).items()
        }

    def steps(self, pairs: int) -> int:
        """Return the optimizer steps in all; an epoch's last step may hold fewer pairs."""
        return self.epochs * math.ceil(pairs / self.batch)

    def pairs_at(self, step: int, pairs: int) -> tuple[int, ...]:
        """Return the indices of the pairs of a step (from 1). Seed, epoch and step decide: a resume repeats them."""
        epoch, within = divmod(step - 1, math.ceil(pairs / self.batch))
        # Each epoch has an order of its own.
        order = list(range(pairs))
        random.Random(f"{self.seed} {epoch}").shuffle(order)
        return tuple(order[within * self.batch : (within + 1) * self.batch])

    def learning_rate_at(self, step: int, total: int) -> float:
        """Return the learning rate of a step (from 1), never zero; the step alone decides it."""
        # Linear up over the warm-up, then a half cosine down. A function of the step alone: a resume needs no state.
        warm = math.ceil(self.warmup * total)
        if step <= warm:
            return self.learning_rate * step / warm
        return self.learning_rate * (1 + math.cos(math.pi * (step - 1 - warm) / (total - warm))) / 2


@dataclass(frozen=True, slots=True)
class TrainingStep:
    """One optimizer step, done. A loss is None where the step teaches nothing of its kind; tokens are the rows'."""

    step: int
    total: int
    loss_feedback: float | None
    loss_rationale: float | None
    learning_rate: float
    tokens_per_s: float
    seconds: float
    seconds_left: float

    @property
    def in_words(self) -> str:
        """Return its losses, and its speed."""
        losses = {"feedback": self.loss_feedback, "rationale": self.loss_rationale}
        taught = ", ".join(f"{kind} {loss:.3f}" for kind, loss in losses.items() if loss is not None)
        return f"loss: {taught}, {self.tokens_per_s:.0f} tokens/s"


def _within(name: str, value: float, low: float, high: float) -> None:
    # Written so that a NaN, which compares false with all, is refused.
    if not low <= value <= high:
        raise BadInput(f"{name} is a number from {low:g} to {high:g}, not {value:g}")
