"""A training's numbers, told to what a lab watches its runs with: TensorBoard, Weights & Biases, trackio.

    with open_trackers(("tensorboard",), row, "smollm2", home) as report:
        report(step)                 HOME/trackers/tensorboard/9c1e…: loss/rationale, validation/feedback, rate, …

accelerate's own trackers do the writing. They get numbers and hyper-parameters: no text of a question, no path, no key.
Weights & Biases sends them to its server, by its own settings and key; it is told to collect nothing of the machine.
"""

import importlib.util
import json
import logging
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

from mapd.errors import BadInput, in_a_line
from mapd.finetune.hyperparameters import TrainingStep
from mapd.finetune.options import TRACKERS
from mapd.store import tables as t

PROJECT = "mapd"
log = logging.getLogger("mapd.finetune")
# By a step's field, its name at a tracker.
NUMBERS = {
    "loss_feedback": "loss/feedback",
    "loss_rationale": "loss/rationale",
    "validation_feedback": "validation/feedback",
    "validation_rationale": "validation/rationale",
    "learning_rate": "learning_rate",
    "gradient_norm": "gradient_norm",
    "tokens_per_s": "tokens_per_s",
    "memory_mb": "memory_mb",
}
# Else it would send the command line, the host's name, the repository and what is printed.
SILENT_WANDB: dict[str, Any] = {"console": "off", "disable_code": True, "disable_git": True, "host": "mapd"}
SILENT_WANDB |= dict.fromkeys(("x_disable_meta", "x_disable_stats"), True) | {"x_save_requirements": False}


def require_installed(names: Sequence[str]) -> None:
    """See that the trackers' packages are there. Raises: BadInput."""
    for name in names:
        if importlib.util.find_spec(TRACKERS[name]) is None:
            raise BadInput(f"{name} isn't installed: pip install 'mapd-studio[{name}]', or leave --report-to out")


@contextmanager
def open_trackers(
    names: Sequence[str], row: t.Finetune, student: str, home: Path
) -> Iterator[Callable[[TrainingStep], None]]:
    """Yield what reports a step to each tracker; one that fails then gets nothing more, and the training goes on.

    Raises: BadInput where one can't be opened.
    """
    trackers: dict[str, Any] = {}

    def attempt(name: str, act: Callable[[], None]) -> None:
        try:
            # What they print is no result of a command.
            with redirect_stdout(sys.stderr):
                act()
        except _errors_of(name) as error:
            trackers.pop(name, None)
            log.warning("%s gets nothing more of this training (%s: %s)", name, type(error).__name__, in_a_line(error))

    def report(step: TrainingStep) -> None:
        values = {label: getattr(step, field) for field, label in NUMBERS.items()}
        numbers = {label: value for label, value in values.items() if value is not None}
        for name, tracker in list(trackers.items()):
            attempt(name, partial(tracker.log, numbers, step=step.step))

    with ExitStack() as stack:
        for name in names:
            trackers[name] = _open(name, row.uid, _describe(row, student), home / "trackers")
            stack.callback(attempt, name, trackers[name].finish)
        yield report


def _describe(row: t.Finetune, student: str) -> dict[str, Any]:
    """Return what a tracker says a training was made with."""
    facts = {"student": student, "arm": row.arm, "continues": row.continues, "alpha": row.alpha, "seed": row.seed}
    return {name: value for name, value in {**facts, **row.hyperparameters}.items() if value is not None}


def _open(name: str, uid: str, settings: dict[str, Any], folder: Path) -> Any:
    from accelerate import PartialState, tracking  # type: ignore[import-untyped] # it takes seconds to import

    run: dict[str, Any]
    place = folder / name
    try:
        # What they print is no result of a command.
        with redirect_stdout(sys.stderr):
            # Its trackers' logger asks which process this is.
            PartialState()
            place.mkdir(parents=True, exist_ok=True)
            if name == "tensorboard":
                tracker = tracking.TensorBoardTracker(uid, place)
            elif name == "wandb":
                run = {"name": uid[:12], "id": uid, "resume": "allow", "dir": str(place), "settings": SILENT_WANDB}
                tracker = tracking.WandBTracker(PROJECT, config=settings, **run)
            else:
                # Unless it is said where, among the project's own files.
                os.environ.setdefault("TRACKIO_DIR", str(place))
                run = {"name": uid, "resume": "allow", "embed": False, "auto_log_gpu": False, "auto_log_cpu": False}
                tracker = tracking.TrackioTracker(PROJECT, config=settings, **run)
            tracker.start()
            if name == "tensorboard":
                tracker.log({"settings": json.dumps(settings, indent=1)}, step=0)
    except _errors_of(name) as error:
        raise BadInput(
            f"{name} can't be opened ({type(error).__name__}: {in_a_line(error)}); mend that, or leave --report-to out"
        ) from error
    return tracker


def _errors_of(name: str) -> tuple[type[Exception], ...]:
    """Return what a tracker raises where it has no place to write to, no key, or no server."""
    usual = (OSError, RuntimeError, ValueError, TypeError, sqlite3.Error)
    if name != "wandb":
        return usual
    import wandb  # type: ignore[import-not-found]
    from wandb.sdk.mailbox import MailboxClosedError  # type: ignore[import-not-found] # its service is gone

    return (*usual, wandb.Error, MailboxClosedError)
