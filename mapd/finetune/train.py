"""Train a student's model on examples, into an adapter or into weights of its own. Files only, no database.

Killed at any moment and started again it gives what an unbroken run gives; what it keeps: see checkpoints.py.
"""

import math
import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate, chain
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import torch
from transformers import get_scheduler

from mapd.errors import BadInput, Stopped
from mapd.finetune import checkpoints, learners, loss, processes
from mapd.finetune.checkpoints import ValidationHistory
from mapd.finetune.examples import Example
from mapd.finetune.hyperparameters import Hyperparameters, TrainingStep
from mapd.models import weights

# Steps between two checkpoints: an adapter's takes some 60 MB and a tenth of a second, all weights' a hundred times it.
CHECKPOINT_EVERY = 5
WHOLE_CHECKPOINT_EVERY = 25
# How a training ends behind a step, before its last one.
GO_ON, STOP, KEEP = range(3)
# By our words, transformers' name.
SCHEDULES = {"cosine": "cosine", "linear": "linear", "constant": "constant_with_warmup"}


@dataclass(slots=True)
class Trainer:
    """A learner with its optimizer, and all that its next step hangs on."""

    learner: Any
    hyperparameters: Hyperparameters
    examples: Sequence[Example]
    validation: Sequence[Example] = ()
    steps: list[tuple[int, ...]] = field(default_factory=list)
    validated_steps: frozenset[int] = frozenset()
    tokens_at_once: int = loss.TOKENS_AT_ONCE
    optimizer: Any = None
    rate: Callable[[int], float] = lambda _: 0.0

    @property
    def total(self) -> int:
        """Return how many steps there are."""
        return len(self.steps)

    def learn(self, step: int) -> tuple[loss.Losses, float, float]:
        """Do a step; return its losses, its learning rate, and the gradient's norm before it was clipped.

        Raises: BadInput where memory is full, or a loss or the gradient is no number; no weight was changed then.
        """
        taught, rate = [self.examples[place] for place in self.steps[step - 1]], self.rate(step)
        settings = self.hyperparameters
        with _enough_memory(step, settings):
            with learners.drawn_dropout(settings, step), learners.autocast(self.learner, settings):
                losses = loss.backward(self.learner, taught, settings.alpha, self.tokens_at_once)
            norm = float(torch.nn.utils.clip_grad_norm_(learners.list_trainable(self.learner), settings.clip_norm))
            # A loss may be infinite where its gradient is not.
            _require_numbers(step, norm, losses.feedback, losses.rationale)
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            self.optimizer.step()
            self.optimizer.zero_grad()
        return losses, rate, norm

    def validate(self, step: int) -> loss.Losses:
        """Return the losses on the validation slice, behind a step. Raises: BadInput, as `learn`."""
        settings = self.hyperparameters
        with (
            _enough_memory(step, settings),
            learners.eval_mode(self.learner),
            learners.autocast(self.learner, settings),
        ):
            losses = loss.evaluate(self.learner, self.validation, settings.alpha, self.tokens_at_once)
        _require_numbers(step, losses.feedback, losses.rationale)
        return losses


@contextmanager
def _enough_memory(step: int, settings: Hyperparameters) -> Iterator[None]:
    """Say in a line that a step doesn't fit into memory. Raises: BadInput."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        # A GPU has an error for it, a CPU a RuntimeError like any other.
        if not isinstance(error, torch.OutOfMemoryError | MemoryError) and "allocate memory" not in str(error):
            raise
        raise BadInput(
            f"step {step} doesn't fit into memory: lower --tokens-at-once (it is {settings.tokens_at_once:,}), add "
            "--gradient-checkpointing, or take --method lora; the checkpoint before is kept"
        ) from error


def _require_numbers(step: int, *values: float | None) -> None:
    if not all(value is None or math.isfinite(value) for value in values):
        raise BadInput(
            f"the loss is no number any more, at step {step}: lower the learning rate (--lr) and start again; the "
            "checkpoint before is kept"
        )


def prepare(
    model: Any, examples: Sequence[Example], hyperparameters: Hyperparameters, validation: Sequence[Example] = ()
) -> Trainer:
    """Return what does the steps. `model` is what `models.loader.load` gives.

    Raises: BadInput where the model can't be trained so.
    """
    learner = learners.make(model, hyperparameters)
    # What has no weight in the loss is no part of a row.
    epochs = hyperparameters.plan([len(example.weighted_by(hyperparameters.alpha)) for example in examples])
    steps = list(chain.from_iterable(epochs))
    every = hyperparameters.validate_every
    ends = accumulate(map(len, epochs)) if not every else range(every, len(steps), every)
    optimizer = torch.optim.AdamW(learners.list_trainable(learner), weight_decay=hyperparameters.weight_decay)
    return Trainer(
        learner,
        hyperparameters,
        examples,
        validation,
        steps,
        frozenset({*ends, len(steps)} if validation else ()),
        _tokens_at_once(learner, examples, hyperparameters),
        optimizer,
        rates(optimizer, hyperparameters, len(steps)),
    )


def train(
    model: Any,
    examples: Sequence[Example],
    hyperparameters: Hyperparameters,
    folder: Path,
    on_step: Callable[[TrainingStep], None],
    checkpoint_every: int | None = None,
    stopping: Callable[[], bool] = lambda: False,
    validation: Sequence[Example] = (),
    ask: Callable[[Any, int, bool], None] = lambda *_: None,
    find_place_to_keep: Callable[[int], Path | None] = lambda _: None,
    keep_optimizer: bool = False,
) -> Path:
    """Train, from the last checkpoint under `folder` if there is one; return the result's folder.

    After each step `on_step` is called, and again for steps that a restart repeats; then `find_place_to_keep`, which
    returns another folder where the training is to end here and its result so far to be kept there; then `ask` gets the
    learner, the step, and whether the training ends here (also once before the first step of this run); then `stopping`
    is asked. `keep_optimizer`: the last step stays beside the result, for more epochs.

    Raises: BadInput where the model can't be trained so, the loss is no number, or memory or the disk is full; Stopped,
    behind a checkpoint of the last step.
    """
    result = weights.result_folder(folder, hyperparameters.method)
    if processes.agree(result.is_dir()):
        if processes.is_first():
            shutil.rmtree(folder / "checkpoints", ignore_errors=True)
        return result
    trainer, history = prepare(model, examples, hyperparameters, validation), ValidationHistory()
    # Weights, optimizer and history are all that one step hands to the next: order, rate and dropout come from seed and
    # step number. So a resumed run goes on as the unbroken one.
    last = first = checkpoints.resume(folder, trainer.learner, trainer.optimizer, history)
    every = checkpoint_every or (WHOLE_CHECKPOINT_EVERY if hyperparameters.method == "full" else CHECKPOINT_EVERY)
    began = time.perf_counter()
    ask(trainer.learner, first, False)
    while last < trainer.total and not _is_beyond_best(history, hyperparameters):
        step = _do_step(trainer, folder, history, last + 1, (began, first))
        last = step.step
        on_step(step)
        # After the last step the result itself is written: a checkpoint would be of no use.
        is_over = last == trainer.total or _is_beyond_best(history, hyperparameters)
        kept_folder = None if is_over else find_place_to_keep(last)
        ask(trainer.learner, last, is_over or kept_folder is not None)
        ending = GO_ON if is_over else processes.agree(KEEP if kept_folder else STOP if stopping() else GO_ON)
        if processes.is_first() and (ending or (last % every == 0 and not is_over)):
            checkpoints.write(folder, last, trainer.learner, trainer.optimizer, history)
        if ending == KEEP:
            return _keep(trainer, folder, kept_folder, last, history, keep_optimizer=keep_optimizer)
        if ending == STOP:
            raise Stopped(last, trainer.total)
    return _keep(trainer, folder, folder, last, history, keep_optimizer=keep_optimizer)


def _keep(
    trainer: Trainer,
    folder: Path,
    result_in: Path | None,
    step: int,
    history: ValidationHistory,
    *,
    keep_optimizer: bool,
) -> Path:
    """Write the result, with what goes on from it; return its folder. A helping process only knows where it lies."""
    result = weights.result_folder(result_in or folder, trainer.hyperparameters.method)
    if processes.is_first() and result_in is not None:
        if keep_optimizer:
            checkpoints.write_last(result_in, step, trainer.learner, trainer.optimizer, history)
        checkpoints.write_result(folder, result, trainer.learner, history)
    return result


def _do_step(
    trainer: Trainer, folder: Path, history: ValidationHistory, number: int, since: tuple[float, int]
) -> TrainingStep:
    """Do a step, and the validation behind it; return what it reports. `since`: when this run began, behind which
    step."""
    started = time.perf_counter()
    losses, rate, norm = trainer.learn(number)
    seconds = time.perf_counter() - started
    validation = loss.Losses(None, None, 0)
    if number in trainer.validated_steps:
        validation = trainer.validate(number)
        is_best = history.add(number, trainer.hyperparameters.weigh(validation.feedback, validation.rationale))
        if is_best and processes.is_first():
            checkpoints.write_best(folder, trainer.learner, history)
    began, first = since
    seconds_a_step = (time.perf_counter() - began) / (number - first)
    return TrainingStep(
        number,
        trainer.total,
        losses.feedback,
        losses.rationale,
        rate,
        losses.tokens / seconds,
        seconds,
        seconds_a_step * (trainer.total - number),
        norm,
        measure_memory_mb(),
        validation.feedback,
        validation.rationale,
    )


def _is_beyond_best(history: ValidationHistory, hyperparameters: Hyperparameters) -> bool:
    return 0 < hyperparameters.patience <= history.misses


def rates(optimizer: Any, hyperparameters: Hyperparameters, total: int) -> Callable[[int], float]:
    """Return the function from a step (from 1) to its learning rate, never zero; the step alone decides it."""
    warm = math.ceil(hyperparameters.warmup * total)
    name = SCHEDULES[hyperparameters.schedule]
    scheduler: Any = get_scheduler(name, optimizer, num_warmup_steps=warm, num_training_steps=total)
    (factor,) = scheduler.lr_lambdas
    # transformers counts from 0: its first step would learn nothing in a warm-up. Behind that its count is right.
    return lambda step: hyperparameters.learning_rate * factor(step if step <= warm else step - 1)


def measure_memory_mb() -> float:
    """Return the most memory that has been held so far, in MB: the GPU's, or on a CPU the process's."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / (1 << 20)
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10  # bytes there, kilobytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def measure_free_mb() -> float:
    """Return how much memory is free, in MB: the GPU's, where there is one."""
    free = torch.cuda.mem_get_info()[0] if torch.cuda.is_available() else psutil.virtual_memory().available
    return free / (1 << 20)


def _tokens_at_once(learner: Any, examples: Sequence[Example], hyperparameters: Hyperparameters) -> int:
    # A student that can't read packed rows is taught one dialogue at a time.
    alpha = hyperparameters.alpha
    with learners.eval_mode(learner):
        if loss.can_pack(learner, examples, alpha):
            return hyperparameters.tokens_at_once
    if 0 < alpha < 1 and any(example.has_both for example in examples):
        raise BadInput(
            "this student can't be trained on rows that share a prompt: its layers carry more than plain attention "
            "from token to token; take another student, or --alpha 0"
        )
    return 1
