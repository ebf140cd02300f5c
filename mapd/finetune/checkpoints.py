"""What a training keeps on disk, so that it goes on where it was: checkpoints, its best learner, and the result.

    FOLDER/checkpoints/000015/        adapter_model.safetensors, adapter_config.json, optimizer.pt, SHA256SUMS of them
    FOLDER/checkpoints/best-000012/   the learner of the best validation loss so far, as a result has it
    FOLDER/adapter/                   the result; full finetuning writes FOLDER/model, a whole model

A checkpoint of full finetuning has trained.safetensors in place of the adapter's files, and where there is a validation
slice a history.json: {"best": 1.31, "best_step": 12, "misses": 1}.
"""

import hashlib
import json
import math
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel, set_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from mapd.errors import BadInput
from mapd.finetune import learners

SUMS, ADAPTER, TRAINED, HISTORY = "SHA256SUMS", "adapter_model.safetensors", "trained.safetensors", "history.json"


@dataclass(slots=True)
class ValidationHistory:
    """The best validation loss so far, its step, and how many validations since then had no better one."""

    best: float = math.inf
    best_step: int = 0
    misses: int = 0

    def add(self, step: int, loss: float) -> bool:
        """Take a step's validation loss in; return whether it is the best so far."""
        if loss < self.best:
            self.best, self.best_step, self.misses = loss, step, 0
        else:
            self.misses += 1
        return self.best_step == step


def write(folder: Path, step: int, learner: Any, optimizer: torch.optim.Optimizer, history: ValidationHistory) -> None:
    """Write the checkpoint of a step, and remove what only older ones need. Raises: BadInput where the disk is full."""

    def fill(partial: Path) -> None:
        if isinstance(learner, PeftModel):
            learners.save(learner, partial)
        else:
            save_file(_state(learner), partial / TRAINED)
        _save_optimizer(optimizer, partial / "optimizer.pt")
        if history.best_step:
            (partial / HISTORY).write_text(json.dumps(asdict(history)))
        (partial / SUMS).write_text(_sums(partial))

    _write_whole(folder, f"checkpoints/{step:06}", fill)
    needed = {f"{step:06}", _best_name(history)}
    for old in (folder / "checkpoints").iterdir():
        if old.name not in needed:
            shutil.rmtree(old, ignore_errors=True)


def write_best(folder: Path, learner: Any, history: ValidationHistory) -> None:
    """Keep the learner as the best so far. Raises: BadInput where the disk is full."""
    _write_whole(folder, f"checkpoints/{_best_name(history)}", lambda partial: learners.save(learner, partial))


def write_result(folder: Path, name: str, learner: Any, history: ValidationHistory) -> None:
    """Write the learner, or the best one where there was a validation, as the result.

    Raises: BadInput where the disk is full.
    """
    if history.best_step:
        (folder / "checkpoints" / _best_name(history)).rename(folder / name)
    else:
        _write_whole(folder, name, lambda partial: learners.save(learner, partial))
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)


def resume(folder: Path, learner: Any, optimizer: torch.optim.Optimizer, history: ValidationHistory) -> int:
    """Put the last checkpoint's numbers back; return its step, or 0. Raises: BadInput where its files are others."""
    checkpoints = sorted((folder / "checkpoints").glob("[0-9]*"))
    if not checkpoints:
        return 0
    last = checkpoints[-1]
    if not (last / SUMS).is_file() or (last / SUMS).read_text() != _sums(last):
        raise BadInput(
            f"the checkpoint was cut off or changed: {last}; remove the folder {last.parent}, and the training begins "
            "anew"
        )
    if isinstance(learner, PeftModel):
        set_peft_model_state_dict(learner, load_file(last / ADAPTER))
    else:
        tensors = load_file(last / TRAINED, device=str(learner.device))
        with torch.no_grad():
            for name, parameter in _state(learner).items():
                parameter.copy_(tensors[name])
    optimizer.load_state_dict(torch.load(last / "optimizer.pt", weights_only=True, map_location=learner.device))
    if (last / HISTORY).is_file():
        for name, value in json.loads((last / HISTORY).read_text()).items():
            setattr(history, name, value)
    return int(last.name)


def _best_name(history: ValidationHistory) -> str:
    return f"best-{history.best_step:06}"


def _state(learner: Any) -> dict[str, torch.Tensor]:
    """Return what full finetuning trains, by name; weights that two layers share are there once."""
    return {name: parameter.data for name, parameter in learner.named_parameters() if parameter.requires_grad}


def _save_optimizer(optimizer: torch.optim.Optimizer, path: Path) -> None:
    try:
        torch.save(optimizer.state_dict(), path)
    # torch reports a full disk in an error of its own, which names the place in its source.
    except RuntimeError as error:
        raise OSError(f"{path.name} was cut off: the disk is full") from error


def _write_whole(folder: Path, name: str, fill: Callable[[Path], None]) -> None:
    """Let `fill` write to `folder`/`name`: whole or not at all."""
    try:
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder / "checkpoints", ignore_cleanup_errors=True) as temporary:
            partial = Path(temporary) / "partial"
            partial.mkdir()
            fill(partial)
            # A best learner may be there: the same step, before a kill.
            shutil.rmtree(folder / name, ignore_errors=True)
            # One rename at the end: a kill leaves a whole folder under the name, or none.
            partial.rename(folder / name)
    except (OSError, SafetensorError) as error:
        raise BadInput(
            f"the training can't be written to {folder / name} ({error}); free some space and start again: it goes on "
            "from the checkpoint before"
        ) from error


def _sums(folder: Path) -> str:
    files = sorted(path for path in folder.iterdir() if path.name != SUMS)
    return "".join(f"{_sha256(path)}  {path.name}\n" for path in files)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
