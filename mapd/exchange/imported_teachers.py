"""Teachers whom files name: they wrote and reviewed elsewhere, and nobody can ask them here.

find(session, "gpt")       -> ("gpt", the teacher) or ("gpt", None) where it isn't there yet
ensure(session, "gpt")     -> its id; where another kind of teacher has the name, "gpt (imported)" is made
"""

import hashlib
from uuid import NAMESPACE_URL, uuid5

from sqlmodel import Session, select

from mapd.errors import BadInput
from mapd.store import queries
from mapd.store import tables as t

# The prompt of what came in: the file doesn't say.
UNKNOWN_PROMPT = hashlib.sha256(b"").hexdigest()


def find(session: Session, name: str) -> tuple[str, t.Teacher | None]:
    """Return under which name an imported teacher stands here, and its row where it is there.

    Raises: BadInput where both names belong to other teachers.
    """
    for display_name in (name, f"{name} (imported)"):
        teacher = _present_teacher(session, _uid(display_name), display_name)
        if teacher is None or teacher.kind == "imported":
            return display_name, teacher
    raise BadInput(f"the names {name} and {name} (imported) belong to teachers of the project; rename one of them")


def ensure(session: Session, name: str) -> int:
    """Return the id of the imported teacher of this name; one that isn't there is added. Raises: BadInput."""
    display_name, teacher = find(session, name)
    if teacher is None:
        teacher = t.Teacher(uid=_uid(display_name), name=display_name, kind="imported")
        session.add(teacher)
        session.flush()
    return queries.identity(teacher)


def ensure_prompt(session: Session) -> None:
    """Have the prompt of imports there."""
    if session.get(t.Prompt, UNKNOWN_PROMPT) is None:
        session.add(t.Prompt(sha256=UNKNOWN_PROMPT, kind="imported", text=""))
        session.flush()


def _uid(display_name: str) -> str:
    return uuid5(NAMESPACE_URL, f"imported teacher {display_name}").hex


def _present_teacher(session: Session, uid: str, name: str) -> t.Teacher | None:
    # By uid first: the teacher may have been renamed since.
    for condition in (t.Teacher.uid == uid, t.Teacher.name == name):
        if (row := session.exec(select(t.Teacher).where(condition)).first()) is not None:
            return row
    return None
