"""A student that was trained elsewhere on what was exported here: its adapter comes in, beside those of finetunes.

    add(engine, "mine", Path("out"), parent="smollm2", snapshot="3f2a", by=ann, home=home)
    -> AdapterImport(student="9c…", name="mine", parent="smollm2", round=1, snapshot="3f2a…", sha256="7b…", is_new=True)

Its files lie under home/adapters/UID, whole or not at all. The same adapter on the same parent is the same student.
"""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import sqlalchemy as sa
from filelock import FileLock
from sqlmodel import Session, select

from mapd import students
from mapd.errors import BadInput
from mapd.models import adapters, sandbox, weights
from mapd.models.adapters import AdapterSettings
from mapd.people import Person, Right, require
from mapd.store import audit_log, db, finetunes, lookup, queries
from mapd.store import tables as t

UNFINISHED = ".adding"
# As the hub has the packaged model.
PACKAGED_NAME = "HuggingFaceTB/SmolLM2-135M-Instruct"


@dataclass(frozen=True, slots=True)
class AdapterImport:
    """The student that an adapter gave. `sha256`: of its weights. `notes`: what to mind, a line each."""

    student: str
    name: str
    parent: str
    round: int
    snapshot: str | None
    adapter: str
    sha256: str
    is_new: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Place:
    """What the new student is made of: its parent, and the snapshot that it was taught on."""

    parent: t.Student
    snapshot: str | None


def add(
    engine: sa.Engine,
    name: str,
    folder: Path,
    *,
    parent: str,
    snapshot: str | None = None,
    by: Person,
    home: Path,
    source: str | None = None,
) -> AdapterImport:
    """Add a student whose LoRA adapter lies in a folder, as peft wrote it; the same adapter again adds nothing.

    `snapshot`: the beginning of the sha256 of the snapshot that it was trained on; its round is the next one then.
    `source`: how the folder is named in the audit; by default as it is.

    Raises: Forbidden; NotFound; BadInput where the name is taken, the adapter is damaged, no plain LoRA, or doesn't fit
    the parent's base, or can't be written.
    """
    person, name = require(by, Right.ADD_STUDENTS), students.check_name(name)
    settings = adapters.read_settings(folder)
    place = _find_place(engine, name, parent, snapshot)
    base = students.base_folder(engine, place.parent, home)
    notes = tuple(_compare_bases(settings, place.parent, base, folder))
    try:
        with _staging(home) as staged:
            sha256 = adapters.copy_weights(folder, staged)
            # Another process reads the foreign tensors, within a bound of time and memory.
            modules = sandbox.find_modules(base, staged / adapters.WEIGHTS, settings)
            adapters.write_config(staged, settings, modules, weights.published_name(base))
            make_row = partial(_make_row, name, place, weights.fingerprint(staged))
            row = make_row()
            # A refusal comes before files are moved; the transaction asks again, for another import may be faster.
            with db.reading(engine) as session:
                _find_same(session, row)
            target = home / finetunes.ADDED / row.uid
            # The files come before the row, so that no row names files that aren't there.
            _move(staged, target, row.adapter_sha256)
            # A folder's path is this machine's own, so its name alone is noted.
            detail = {"format": "adapter", "file": source or folder.resolve().name, "sha256": sha256}
            detail |= {"parent": place.parent.name, "base": place.parent.base}
            # A transaction may run twice, and each run needs a row of its own.
            result = db.transact(engine, lambda session: _put_in(session, make_row(), person, detail))
    except OSError as error:
        raise BadInput(f"the adapter can't be written to {home} ({error}); free or unlock it") from error
    uid, kept_name, is_new = result
    return AdapterImport(
        uid, kept_name, place.parent.name, row.round, place.snapshot, str(target), sha256, is_new, notes
    )


def _find_place(engine: sa.Engine, name: str, parent: str, snapshot: str | None) -> _Place:
    with db.reading(engine) as session:
        row = students.get(session, parent)
        head = None if snapshot is None else queries.find_snapshot(session, snapshot, with_lines=False).sha256
        if row.name == name:
            raise BadInput(f"the new student can't have its parent's name, {name}; choose another name")
        session.expunge_all()
    return _Place(row, head)


def _compare_bases(settings: AdapterSettings, parent: t.Student, base: Path, folder: Path) -> Iterator[str]:
    """Yield what to mind of an adapter that names its base in another way. Raises: BadInput where it is another."""
    kind, _, where = parent.base.partition(":")
    own_name = {"package": PACKAGED_NAME, "hub": where}.get(kind)
    theirs = settings.base
    if theirs is None:
        yield "it doesn't say on which model it was trained: see that it was the parent's"
    elif theirs not in (own_name, where, str(base)) and not _is_same_folder(theirs, base):
        if own_name is not None and weights.is_hub_name(theirs) and not adapters.is_same_name(theirs, own_name):
            raise BadInput(
                f"the adapter was trained on {theirs[:120]}, and the parent {parent.name} is {own_name}: name the "
                "student that it was trained on"
            )
        yield f"it calls its base {theirs[:120]}, and the parent's is {own_name or where}: see that they are the same"
    if settings.revision and parent.revision and settings.revision != parent.revision:
        yield f"it was trained on commit {settings.revision[:40]}, and the parent is of {parent.revision}"
    if parent.adapter is not None:
        yield (
            f"it stands in place of the adapter of {parent.name}: right where its training went on from that, wrong "
            "where that was merged first"
        )
    yield from _compare_vocabularies(folder, base, parent.name)
    if (template := weights.read_template(folder)) is not None and template != weights.read_template(base):
        yield "it brings another chat template, which isn't used: the student is asked as its parent is"


def _compare_vocabularies(folder: Path, base: Path, parent: str) -> Iterator[str]:
    """Yield what to mind of the adapter's own tokenizer. Raises: BadInput where its tokens have other numbers."""
    theirs, ours = adapters.read_vocabulary(folder), adapters.read_vocabulary(base)
    if theirs is None or ours is None:
        return
    other = next((token for token, number in ours.items() if theirs.get(token) != number), None)
    if other is not None:
        raise BadInput(
            f"the adapter was trained with another vocabulary: token {other[:40]!a} is {theirs.get(other)} there, and "
            f"{ours[other]} of {parent}: name the student that it was trained on"
        )
    if len(theirs) > len(ours):
        yield f"its tokenizer has {len(theirs) - len(ours):,} more tokens, which the student isn't given"


def _is_same_folder(name: str, base: Path) -> bool:
    try:
        # A relative name would be looked up in the folder where we happen to run.
        return Path(name).is_absolute() and Path(name).samefile(base)
    except (OSError, ValueError):
        return False


@contextmanager
def _staging(home: Path) -> Iterator[Path]:
    """Yield an empty folder. One adapter comes in at a time, so what a killed run left can go."""
    place = home / finetunes.ADDED / UNFINISHED
    place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(place.with_suffix(".lock")):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)


def _make_row(name: str, place: _Place, fingerprint: str) -> t.Student:
    parent = place.parent
    uid = hashlib.sha256(f"adapter {parent.uid} {fingerprint}".encode()).hexdigest()[:32]
    return t.Student(
        uid=uid,
        name=name,
        base=parent.base,
        revision=parent.revision,
        # It is asked as its parent is, so that their exams can be compared.
        template=parent.template,
        shots=parent.shots,
        parent_id=parent.id,
        snapshot_sha256=place.snapshot,
        adapter=f"{finetunes.ADDED}/{uid}",
        adapter_sha256=fingerprint,
        # A round is a training on what was curated here; without a snapshot nobody knows that.
        round=parent.round + (place.snapshot is not None),
    )


def _find_same(session: Session, row: t.Student) -> t.Student | None:
    """Return the student of this adapter and parent. Raises: BadInput: it is of another snapshot, or the name taken."""
    same = session.exec(select(t.Student).where(t.Student.uid == row.uid)).first()
    if same is None:
        if lookup.is_taken(session, t.Student, row.name):
            raise BadInput(f"there is another student named {row.name}; choose another name")
        return None
    if (same.snapshot_sha256, same.adapter, same.adapter_sha256) != (
        row.snapshot_sha256,
        row.adapter,
        row.adapter_sha256,
    ):
        taught_on = same.snapshot_sha256[:12] if same.snapshot_sha256 else "no snapshot"
        raise BadInput(f"this adapter is in the project already, as student {same.name}, of {taught_on}; use that one")
    return same


def _move(staged: Path, target: Path, fingerprint: str | None) -> None:
    # It may be there: a run was killed before the row, or an archive brought the row, or files were changed since.
    if target.is_dir() and weights.fingerprint(target) == fingerprint:
        return
    shutil.rmtree(target, ignore_errors=True)
    staged.rename(target)


def _put_in(session: Session, row: t.Student, person: str, detail: dict[str, str]) -> tuple[str, str, bool]:
    """Return uid and name of the student, and whether it is new."""
    if (same := _find_same(session, row)) is not None:
        return same.uid, same.name, False
    session.add(row)
    audit_log.audit(session, person, "add student", f"student {row.uid}", **detail)
    session.flush()
    return row.uid, row.name, True
