"""Train a student's model on examples, into an adapter. Files only, no database.

    FOLDER/checkpoints/000015/   adapter_model.safetensors, adapter_config.json, optimizer.pt, SHA256SUMS of them
    FOLDER/adapter/              the result: the same two adapter files

Killed at any moment and started again it gives the adapter that an unbroken run gives.
"""

import hashlib
import io
import math
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from mapd.errors import BadInput, Stopped
from mapd.finetune import loss
from mapd.finetune.examples import Example
from mapd.finetune.hyperparameters import Hyperparameters, TrainingStep
from mapd.models import weights

# Steps between two checkpoints; one takes some 60 MB and a tenth of a second.
CHECKPOINT_EVERY = 5
SUMS = "SHA256SUMS"


def train(
    model: Any,
    examples: Sequence[Example],
    hyperparameters: Hyperparameters,
    folder: Path,
    on_step: Callable[[TrainingStep], None],
    checkpoint_every: int = CHECKPOINT_EVERY,
    stopping: Callable[[], bool] = lambda: False,
) -> Path:
    """Train, from the last checkpoint under `folder` if there is one; return the adapter's folder.

    `model` is what `models.loader.load` gives; a parent's adapter on it is trained on, so that the result stands alone.
    `on_step` is called after each step, and again for steps that a restart repeats; `stopping` is asked after each.

    Raises: BadInput where the model can't be trained so, the loss is no number, or the disk is full; Stopped, behind
    a checkpoint of the last step.
    """
    adapter = folder / "adapter"
    if adapter.is_dir():
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
        return adapter
    learner = _add_adapter(model, hyperparameters)
    tokens_at_once = _tokens_at_once(learner, examples, hyperparameters.alpha)
    optimizer = torch.optim.AdamW(_trainable(learner), weight_decay=hyperparameters.weight_decay)
    # Adapter and optimizer are all that one step hands to the next: order and rate come from seed and step number,
    # and without dropout nothing is drawn. So a resumed run goes on as the unbroken one.
    first = 1 + _resume(folder, learner, optimizer)
    total = hyperparameters.steps(len(examples))
    began = time.perf_counter()
    for step in range(first, total + 1):
        started = time.perf_counter()
        taught = [examples[place] for place in hyperparameters.pairs_at(step, len(examples))]
        rate = hyperparameters.learning_rate_at(step, total)
        losses = _learn(learner, optimizer, taught, rate, hyperparameters, tokens_at_once)
        finished = time.perf_counter()
        seconds_left = (finished - began) / (step - first + 1) * (total - step)
        tokens_per_s = losses.tokens / (finished - started)
        on_step(
            TrainingStep(
                step, total, losses.feedback, losses.rationale, rate, tokens_per_s, finished - started, seconds_left
            )
        )
        stop = step < total and stopping()
        # After the last step the adapter itself is written: a checkpoint would be of no use.
        if stop or (step % checkpoint_every == 0 and step < total):
            _write_adapter(folder, f"checkpoints/{step:06}", learner, optimizer)
            _remove_older(folder, but=step)
        if stop:
            raise Stopped(step, total)
    _write_adapter(folder, "adapter", learner)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    return adapter


def _add_adapter(model: Any, hyperparameters: Hyperparameters) -> Any:
    """Return the model with LoRA on every linear layer but the head; only that is trained."""
    rank = hyperparameters.rank
    if isinstance(model, PeftModel):
        trained: Any = model.peft_config["default"]
        if trained.r != rank:
            raise BadInput(
                f"the student's adapter has rank {trained.r}, not {rank}, and is trained on: --rank {trained.r}"
            )
        for name, parameter in model.named_parameters():
            parameter.requires_grad_("lora_" in name)
        _name_base(trained, model.get_base_model())
        return model
    # LoRA's A is drawn: the seed makes it the same in every run, and the fork leaves the caller's generator alone.
    with torch.random.fork_rng():
        torch.manual_seed(hyperparameters.seed)
        config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")
        with warnings.catch_warnings(action="ignore", category=FutureWarning):  # between peft and transformers
            learner = get_peft_model(model, config)
    _name_base(config, model)
    # A set's order differs from process to process, and the adapter's files are compared byte by byte.
    config.target_modules = sorted(config.target_modules or ())
    # eval: no dropout, so nothing is drawn after LoRA's first numbers.
    return learner.eval()


def _name_base(config: LoraConfig, model: Any) -> None:
    # For `AutoPeftModel`, so that others find the base; here the student's row names it.
    config.base_model_name_or_path, config.revision = None, None
    if model.name_or_path:
        config.base_model_name_or_path, config.revision = weights.published_name(Path(model.name_or_path))


def _tokens_at_once(learner: Any, examples: Sequence[Example], alpha: float) -> int:
    # A student that can't read packed rows is taught one dialogue at a time.
    if loss.can_pack(learner, examples, alpha):
        return loss.TOKENS_AT_ONCE
    if 0 < alpha < 1 and any(example.has_both for example in examples):
        raise BadInput(
            "this student can't be trained on rows that share a prompt: its layers carry more than plain attention "
            "from token to token; take another student, or --alpha 0"
        )
    return 1


def _trainable(learner: Any) -> list[torch.nn.Parameter]:
    return [parameter for parameter in learner.parameters() if parameter.requires_grad]


def _learn(
    learner: Any,
    optimizer: torch.optim.Optimizer,
    taught: Sequence[Example],
    learning_rate: float,
    hyperparameters: Hyperparameters,
    tokens_at_once: int,
) -> loss.Losses:
    losses = loss.backward(learner, taught, hyperparameters.alpha, tokens_at_once)
    norm = torch.nn.utils.clip_grad_norm_(_trainable(learner), hyperparameters.clip_norm)
    if not math.isfinite(norm):
        raise BadInput("the loss is no number any more: lower the learning rate (--lr) and start again")
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
    optimizer.step()
    optimizer.zero_grad()
    return losses


def _write_adapter(folder: Path, name: str, learner: Any, optimizer: torch.optim.Optimizer | None = None) -> None:
    """Write the adapter, and what the optimizer knows, to `folder`/`name`: whole or not at all."""
    try:
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder / "checkpoints", ignore_cleanup_errors=True) as temporary:
            partial = Path(temporary) / "partial"
            learner.peft_config["default"].save_pretrained(partial)
            tensors = get_peft_model_state_dict(learner, save_embedding_layers=False)
            save_file(tensors, partial / "adapter_model.safetensors")
            if optimizer is not None:
                # Through memory: torch reports a full disk in an error of its own, a plain write as OSError.
                state = io.BytesIO()
                torch.save(optimizer.state_dict(), state)
                (partial / "optimizer.pt").write_bytes(state.getvalue())
                (partial / SUMS).write_text(_sums(partial))
            # One rename at the end: a kill leaves a whole folder under the name, or none.
            partial.rename(folder / name)
    except (OSError, SafetensorError) as error:
        raise BadInput(
            f"the adapter can't be written to {folder / name} ({error}); free some space and start again: it goes on "
            "from the checkpoint before"
        ) from error


def _resume(folder: Path, learner: Any, optimizer: torch.optim.Optimizer) -> int:
    """Put the last checkpoint's numbers back; return its step, or 0. Raises: BadInput where its files are others."""
    checkpoints = sorted((folder / "checkpoints").glob("[0-9]*"))
    if not checkpoints:
        return 0
    if not (checkpoints[-1] / SUMS).is_file() or (checkpoints[-1] / SUMS).read_text() != _sums(checkpoints[-1]):
        raise BadInput(
            f"the checkpoint was cut off or changed: {checkpoints[-1]}; remove the folder {checkpoints[-1].parent}, "
            "and the training begins anew"
        )
    set_peft_model_state_dict(learner, load_file(checkpoints[-1] / "adapter_model.safetensors"))
    optimizer.load_state_dict(torch.load(checkpoints[-1] / "optimizer.pt", weights_only=True))
    return int(checkpoints[-1].name)


def _sums(folder: Path) -> str:
    files = sorted(path for path in folder.iterdir() if path.name != SUMS)
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)


def _remove_older(folder: Path, but: int) -> None:
    # All but the newest checkpoint, and what a kill left half written.
    for old in (folder / "checkpoints").iterdir():
        if old.name != f"{but:06}":
            shutil.rmtree(old, ignore_errors=True)
