"""What is sent to the hub: a folder with a card, made anew from the project each time.

    pack_student(engine, "mine", "org/tuned", place, home)
    -> Parcel("model", "adapter", "student 9c…", (ParcelFile("README.md", 2310, "7b…"), …), "adapter_model.safetensors")

No path of this machine goes along: an adapter's config names its base as others can find it.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from mapd import students
from mapd.exchange import files, student_folders
from mapd.exchange.archive.outgoing import find_masks, mask, one_moment
from mapd.exchange.training import FORMATS
from mapd.exchange.training.snapshots import find_source
from mapd.fingerprints import FINETUNE

CARD = "README.md"
MANIFEST = "manifest.json"
DATASETS = FORMATS["datasets"]


@dataclass(frozen=True, slots=True)
class ParcelFile:
    """One file of the folder."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Parcel:
    """A folder to send. `kind`: the repository's, as the hub has it. `subject`: what it is, for the audit.

    `identity`: the file that says which snapshot or student this is. Where the hub's differs, it has another one.
    """

    kind: str
    format: str
    subject: str
    folder: Path
    files: tuple[ParcelFile, ...]
    identity: str
    rows: int | None = None

    def git_sha1(self, path: str) -> str:
        """Return a file's name in git."""
        # Git names a file by the sha1 of a heading and its bytes; that name protects nothing here.
        content = (self.folder / path).read_bytes()
        return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def pack_snapshot(engine: sa.Engine, ref: str, repository: str, place: Path, home: Path) -> Parcel:
    """Write the snapshot's `datasets` folder to `place`. Raises: NotFound; BadInput where it can't be exported."""
    with one_moment(engine) as session:
        source = find_source(session, ref)
        rows = DATASETS.write(place, source)
        masks = find_masks(session, home)
    # The card shows how to load a folder; on the hub the repository's name stands in its place.
    card = (place / CARD).read_text(encoding="utf-8").replace("PATH/OF/THIS/FOLDER", repository)
    (place / CARD).write_text(str(mask(card, masks)), encoding="utf-8")
    subject = f"snapshot {source.sha256}"
    return Parcel("dataset", "datasets", subject, place, _list_files(place), MANIFEST, rows)


def pack_student(engine: sa.Engine, ref: str, repository: str, place: Path, home: Path) -> Parcel:
    """Write the student's adapter to `place`, or all its weights where full finetuning wrote them, with a card.

    Raises: NotFound; BadInput where it was not taught here, its weights aren't here, or not as they were.
    """
    with one_moment(engine) as session:
        student = students.get(session, ref)
    if is_whole := student.base.startswith(f"{FINETUNE}:") and student.adapter is None:
        student_folders.write_model(engine, ref, repository, place, home)
    else:
        student_folders.write_adapter(engine, ref, repository, place, home)
    written = _list_files(place)
    # The first file of weights says which student this is: large models have several.
    identity = next(file.path for file in written if file.path.endswith(".safetensors"))
    return Parcel("model", "model" if is_whole else "adapter", f"student {student.uid}", place, written, identity)


def _list_files(place: Path) -> tuple[ParcelFile, ...]:
    paths = sorted(path for path in place.rglob("*") if path.is_file())
    return tuple(
        ParcelFile(path.relative_to(place).as_posix(), path.stat().st_size, files.sha256_of(path)) for path in paths
    )
