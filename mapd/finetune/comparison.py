"""What differs between trainings that are laid over each other; what is alike in all of them is left out. Pure.

differences([first, second])    -> (Difference("learning rate", ("0.0005", "0.0002")), Difference("seed", ("0", "1")))
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from mapd.finetune.hyperparameters import Hyperparameters, hyperparameters_of
from mapd.store.finetunes import Training

SHORT = 12
# As in the form; a field that isn't here has its own name.
WORDS = {
    "alpha": "weight of feedback (alpha)",
    "batch": "pairs a step",
    "max_length": "tokens a dialogue",
    "rank": "rank of the adapter",
    "clip_norm": "longest gradient",
    "checkpointing": "layers computed again",
    "validate_every": "steps between validations",
}
FACTS: dict[str, Callable[[Training], object]] = {
    "taught student": lambda training: training.parent,
    "snapshot": lambda training: training.snapshot[:SHORT],
    "pairs": lambda training: training.pairs,
    "arm": lambda training: training.arm,
    "goes on from": lambda training: training.continues and training.continues[:SHORT],
    "stopped at step": lambda training: training.stopped_at,
    # An older one kept no plan: what it did is its number, once it has ended.
    "steps": lambda training: training.planned_steps or (training.steps_done if training.student else None),
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which trainings differ, with the value of each; None where one has none."""

    name: str
    values: tuple[str | None, ...]


def differences(trainings: Sequence[Training]) -> tuple[Difference, ...]:
    """Return what differs: whom they teach, on what, and every hyper-parameter, a usual one too."""
    settings = [hyperparameters_of(training) for training in trainings]
    values: dict[str, list[Any]] = {name: [read(training) for training in trainings] for name, read in FACTS.items()}
    for field in fields(Hyperparameters):
        values[label(field.name)] = [getattr(setting, field.name) for setting in settings]
    return tuple(
        Difference(name, tuple(None if value is None else value_in_words(value) for value in row))
        for name, row in values.items()
        if any(value != row[0] for value in row)
    )


def label(name: str) -> str:
    """Return the words for a hyper-parameter's name."""
    return WORDS.get(name, name.replace("_", " "))


def value_in_words(value: object) -> str:
    """Return a hyper-parameter's value, or a fact, as it is read."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
