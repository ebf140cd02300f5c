"""What a training keeps on disk, so that it goes on where it was: checkpoints, its best learner, and the result.

    FOLDER/checkpoints/000015/        adapter_model.safetensors, adapter_config.json, optimizer.pt, SHA256SUMS of them
    FOLDER/checkpoints/best-000012/   the learner of the best validation loss so far, as a result has it
    FOLDER/adapter/                   the result; full finetuning writes FOLDER/model, a whole model
    FOLDER/last-000054/               beside it the last step, as a checkpoint has it: more epochs go on from there

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
from functools import partial
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel, set_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from mapd.errors import BadInput
from mapd.finetune import learners, origins

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

    _write_whole(folder, f"checkpoints/{step:06}", partial(_fill, learner, optimizer, history))
    needed = {f"{step:06}", _best_name(history)}
    for old in (folder / "checkpoints").iterdir():
        if old.name not in needed:
            shutil.rmtree(old, ignore_errors=True)


def write_best(folder: Path, learner: Any, history: ValidationHistory) -> None:
    """Keep the learner as the best so far. Raises: BadInput where the disk is full."""
    _write_whole(folder, f"checkpoints/{_best_name(history)}", partial(learners.save, learner))


def write_last(
    folder: Path, step: int, learner: Any, optimizer: torch.optim.Optimizer, history: ValidationHistory
) -> None:
    """Keep the last step beside the result, so that the training can go on for more epochs.

    Raises: BadInput where the disk is full.
    """
    _write_whole(folder, f"{origins.LAST}{step:06}", partial(_fill, learner, optimizer, history))


def write_result(folder: Path, result: Path, learner: Any, history: ValidationHistory) -> None:
    """Write the learner, or the best one where there was a validation, as the result. One in the training's own folder
    ends it: its checkpoints go.

    Raises: BadInput where the disk is full.
    """
    best, is_end = folder / "checkpoints" / _best_name(history), result.parent == folder
    if history.best_step and is_end:
        best.rename(result)
    elif history.best_step:
        _write_whole(result.parent, result.name, partial(_copy, best))
    else:
        _write_whole(result.parent, result.name, partial(learners.save, learner))
    # Of a result elsewhere it is the place where it was written, empty by now.
    shutil.rmtree(result.parent / "checkpoints", ignore_errors=True)


def carry_over(source: Path, result: Path, folder: Path) -> None:
    """Put the last step of a training that ended into the folder of one that goes on from it, as its checkpoint.

    `result`: of the one that ended; its best learner, where it has a validation slice.

    Raises: BadInput where its last step isn't there, was cut off or changed, or the disk is full.
    """
    if any((folder / "checkpoints").glob("[0-9]*")):
        return
    last = origins.require_last_step(source, result)
    history = ValidationHistory()
    if (last / HISTORY).is_file():
        # Its patience begins anew: it would end at once, where it had ended early.
        history = ValidationHistory(**json.loads((last / HISTORY).read_text()) | {"misses": 0})
        _write_whole(folder, f"checkpoints/{_best_name(history)}", partial(_copy, result))
    _check_sums(last, "the training that it goes on from has to be put back, or trained again")

    def fill(partial_folder: Path) -> None:
        _copy(last, partial_folder)
        if history.best_step:
            (partial_folder / HISTORY).write_text(json.dumps(asdict(history)))
        (partial_folder / SUMS).write_text(_sums(partial_folder))

    _write_whole(folder, f"checkpoints/{last.name.removeprefix(origins.LAST)}", fill)


def resume(folder: Path, learner: Any, optimizer: torch.optim.Optimizer, history: ValidationHistory) -> int:
    """Put the last checkpoint's numbers back; return its step, or 0. Raises: BadInput where its files are others."""
    checkpoints = sorted((folder / "checkpoints").glob("[0-9]*"))
    if not checkpoints:
        return 0
    last = checkpoints[-1]
    _check_sums(last, f"remove the folder {last.parent}, and the training begins anew")
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


def _check_sums(folder: Path, cure: str) -> None:
    if not (folder / SUMS).is_file() or (folder / SUMS).read_text() != _sums(folder):
        raise BadInput(f"the checkpoint was cut off or changed: {folder}; {cure}")


def _fill(learner: Any, optimizer: torch.optim.Optimizer, history: ValidationHistory, folder: Path) -> None:
    """Write all that the next step hangs on."""
    if isinstance(learner, PeftModel):
        learners.save(learner, folder)
    else:
        save_file(_state(learner), folder / TRAINED)
    _save_optimizer(optimizer, folder / "optimizer.pt")
    if history.best_step:
        (folder / HISTORY).write_text(json.dumps(asdict(history)))
    (folder / SUMS).write_text(_sums(folder))


def _copy(source: Path, folder: Path) -> None:
    shutil.copytree(source, folder, dirs_exist_ok=True)


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
            partial_folder = Path(temporary) / "partial"
            partial_folder.mkdir()
            fill(partial_folder)
            # A best learner may be there: the same step, before a kill.
            shutil.rmtree(folder / name, ignore_errors=True)
            # One rename at the end: a kill leaves a whole folder under the name, or none.
            partial_folder.rename(folder / name)
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
