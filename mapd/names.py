"""Rename what a project holds: an exam, a question set, a student, a teacher, the project itself.

    rename(session, "exam", "svamp · Llama-2-7b-chat-hf · round 0", "svamp, first", by=owner("ann"))
    rename_project(session, "SVAMP pilot", by=owner("ann"))

A name is for people: uids, hashes and what is frozen stay. Work that was asked for by the old name, and may be resumed
or asked for again, is told the new one.
"""

from collections.abc import Mapping

from sqlmodel import Session

from mapd import students, teachers
from mapd.errors import BadInput
from mapd.people import Person, Right, require
from mapd.questions import sets
from mapd.store import audit_log, queries
from mapd.store import lookup as store
from mapd.store import tables as t
from mapd.store.lookup import NamedRow

LONGEST = 200  # characters
TABLES: Mapping[str, type[NamedRow]] = {
    "exam": t.Exam,
    "question set": t.QuestionSet,
    "student": t.Student,
    "teacher": t.Teacher,
}
JOB_PARAMETERS = {  # by what is named: the parameters of jobs that may have its name, by the kind of job
    "exam": {"collect": "exam"},
    "question set": {"exam": "questions"},
    "student": {"exam": "student", "finetune": "student"},
    "teacher": {"collect": "teachers"},
}


def rename(session: Session, kind: str, ref: str | int, to: str, *, by: Person) -> NamedRow:
    """Give what `ref` names another name.

    Raises: Forbidden; NotFound; BadInput for a name that can't be one, or is taken, or of a person.
    """
    person, name, row = require(by, Right.RENAME), _check_name(kind, to), _row(session, kind, ref)
    if isinstance(row, t.Teacher) and row.kind == "person":
        raise BadInput(f"{row.name} is a person who repaired a text: a person's name is their own")
    old_name, table = row.name, TABLES[kind]
    if name == old_name:
        return row
    if store.is_taken(session, table, name):
        raise BadInput(f"another {kind} is named {name!r}; rename that one first, or choose another name")
    row.name = name
    session.add(row)
    # A job asks by name, and may be resumed after this: it has to find the same row.
    _tell_jobs(session, kind, old_name, name)
    audit_log.audit(session, person, audit_log.RENAMED, f"{kind} {row.uid}", before=old_name, to=name)
    session.flush()
    return row


def list_names(session: Session, kind: str) -> list[tuple[str, str]]:
    """Return the uid and name of all of a kind that can be renamed, the newest first."""
    return store.list_names(session, TABLES[kind])


def rename_project(session: Session, to: str, *, by: Person) -> str:
    """Give the project a name of its own; an empty one gives back that of its folder. Return the name.

    Raises: Forbidden; BadInput for a name that can't be one.
    """
    person, old_name = require(by, Right.RENAME), audit_log.project_name(session)
    name = _check_name("project", to) if to.strip() else ""
    audit_log.audit(session, person, audit_log.RENAMED, audit_log.PROJECT, before=old_name or "", to=name)
    session.flush()
    return name


def _check_name(kind: str, name: str) -> str:
    words = " ".join(name.split())
    if not 0 < len(words) <= LONGEST or not words.isprintable():
        raise BadInput(f"a {kind} can't be named {name[:60]!r}: 1 to {LONGEST} characters that can be printed")
    return words


def _row(session: Session, kind: str, ref: str | int) -> NamedRow:
    """Return the row by uid, or as its own commands find it."""
    if kind == "exam":
        return queries.exam_row(session, queries.exam(session, ref).id)
    if kind == "question set":
        return sets.get(session, ref)
    if kind == "student":
        return students.get(session, ref)
    return store.find_teacher(session, str(ref)) or teachers.get(session, str(ref))


def _tell_jobs(session: Session, kind: str, old_name: str, new_name: str) -> None:
    for job in store.list_jobs(session, JOB_PARAMETERS[kind]):
        key = JOB_PARAMETERS[kind][job.kind]
        value = job.parameters.get(key)
        if isinstance(value, list) and old_name in value:
            job.parameters = job.parameters | {key: [new_name if item == old_name else item for item in value]}
        elif value == old_name:
            job.parameters = job.parameters | {key: new_name}
        session.add(job)
