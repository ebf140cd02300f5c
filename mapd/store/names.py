"""The rows that have names, and the jobs that ask by them.

list_names(session, t.Exam)[0]        -> ("5f1c…", "svamp · Llama-2-7b-chat-hf · round 0")
"""

from collections.abc import Collection, Sequence

from sqlmodel import Session, col, select

from mapd.store import tables as t

NamedRow = t.Exam | t.QuestionSet | t.Student | t.Teacher


def is_taken(session: Session, table: type[NamedRow], name: str) -> bool:
    """Return whether a row of the table has the name."""
    return session.exec(select(table.id).where(table.name == name)).first() is not None


def list_names(session: Session, table: type[NamedRow]) -> list[tuple[str, str]]:
    """Return the uid and name of every row but people's, whose names are their own; the newest first."""
    query = select(table.uid, table.name).order_by(col(table.id).desc())
    return list(session.exec(query if table is not t.Teacher else query.where(t.Teacher.kind != "person")).all())


def find_teacher(session: Session, uid: str) -> t.Teacher | None:
    """Return the teacher of this uid, if there is one."""
    return session.exec(select(t.Teacher).where(t.Teacher.uid == uid)).first()


def list_jobs(session: Session, kinds: Collection[str]) -> Sequence[t.Job]:
    """Return every job of these kinds."""
    return session.exec(select(t.Job).where(col(t.Job.kind).in_(kinds))).all()
