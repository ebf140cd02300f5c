"""What a finetune that goes on for more epochs needs of the one that it goes on from.

require(session, make_row(…, Hyperparameters(epochs=5), None, Lineage("9c1e…")))    -> the row of 9c1e…, of 3 epochs
require_last_step(home / "finetunes/9c1e…", home / "finetunes/9c1e…/adapter")       -> …/9c1e…/last-000054
"""

from pathlib import Path

from sqlmodel import Session, select

from mapd.errors import BadInput
from mapd.store import tables as t

LAST = "last-"  # the folder of a last step, before its number


def require(session: Session, row: t.Finetune) -> t.Finetune:
    """Return the finetune that the row's goes on from: the same, ended, and of fewer epochs. Raises: BadInput."""
    origin = session.exec(select(t.Finetune).where(t.Finetune.uid == row.continues)).first()
    if origin is None:
        raise BadInput(f"the finetune to go on from isn't in this project: {row.continues}; name one that is")
    require_ended(origin.uid, origin.student_id)
    same = ("parent_id", "snapshot_id", "arm", "alpha", "seed")
    epochs = [int(x.hyperparameters["epochs"]) for x in (origin, row)]
    settings = [{**x.hyperparameters, "epochs": None} for x in (origin, row)]
    if any(getattr(origin, name) != getattr(row, name) for name in same) or settings[0] != settings[1]:
        raise BadInput(
            f"finetune {origin.uid[:12]} goes on as it began, for more epochs: its student, snapshot and "
            "hyper-parameters stay; start another one for others"
        )
    if epochs[1] <= epochs[0]:
        raise BadInput(f"finetune {origin.uid[:12]} has {epochs[0]} epochs, and goes on to more, not to {epochs[1]}")
    return origin


def require_ended(uid: str, student: object) -> None:
    """See that a finetune has made its student. Raises: BadInput."""
    if student is None:
        raise BadInput(f"finetune {uid[:12]} hasn't ended: start it again, and it goes on from its checkpoint")


def require_last_step(folder: Path, result: Path) -> Path:
    """Return the folder of the last step that an ended finetune keeps in its own, beside its result.

    Raises: BadInput where it isn't there, with the cause.
    """
    name = f"finetune {folder.name[:12]}"
    if not result.is_dir():
        raise BadInput(
            f"the files of {name} aren't here: {result}; go on where it was trained, put them back, or train anew with "
            "more --epochs"
        )
    last = max(folder.glob(f"{LAST}[0-9]*"), default=None)
    if last is None:
        cause = f"its last step isn't beside its adapter, in {folder}"
        if result.name == "model":
            cause = "full finetuning keeps its optimizer only with --keep-optimizer"
        raise BadInput(f"{name} can't go on: {cause}; train anew with more --epochs")
    return last
