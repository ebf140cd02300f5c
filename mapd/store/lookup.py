"""Rows by what they are known by: an id, a uid or a name; a job by what it asks for, a model's files by their source.

session.exec(by_reference(select(t.Student), t.Student, "smollm2")).first()       -> the student, or None
list_names(session, t.Exam)[0]                    -> ("5f1c…", "svamp · Llama-2-7b-chat-hf · round 0")
find_fingerprint(session, "path:/models/mine")    -> "b3a1…", the sha256 of all files that a loader reads
"""

from collections.abc import Collection, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlmodel import Session, col, select

from mapd.store import tables as t

Query = TypeVar("Query", bound=sa.Select[*tuple[Any, ...]])
# A longer number is no id: it may not fit into the 64 bits of a database's integer.
MOST_DIGITS = 17
NamedRow = t.Exam | t.QuestionSet | t.Student | t.Teacher


def by_reference(query: Query, table: type[t.Travelling], ref: str | int) -> Query:
    """Return the query for the one row of the table that has this name, uid or id; a number is an id alone."""
    id_, uid = col(table.id), col(table.uid)
    if isinstance(ref, int):
        return query.where(id_ == ref)
    matches = [uid == ref]
    if (name := getattr(table, "name", None)) is not None:
        matches.insert(0, name == ref)
    if ref.isascii() and ref.isdigit() and len(ref) <= MOST_DIGITS:
        matches.append(id_ == int(ref))
    # A name may look like another row's uid or id: then the name counts.
    rank = sa.case(*((match, place) for place, match in enumerate(matches)))
    return query.where(sa.or_(*matches)).order_by(rank).limit(1)


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


def find_fingerprint(session: Session, source: str) -> str | None:
    """Return the source's fingerprint; None where it has none yet."""
    return session.exec(select(t.Fingerprint.sha256).where(t.Fingerprint.source == source)).first()


def list_fingerprints(session: Session) -> dict[str, str]:
    """Return every fingerprint, by source."""
    return dict(session.exec(select(t.Fingerprint.source, t.Fingerprint.sha256)).all())


def replace_fingerprint(session: Session, source: str, sha256: str) -> None:
    """Give the source another fingerprint."""
    session.execute(sa.update(t.Fingerprint).where(col(t.Fingerprint.source) == source).values(sha256=sha256))


def find_exams(session: Session, attempts: Collection[str], at_once: int = 500) -> dict[str, str]:
    """Return the uid of each attempt's exam, by the attempt's; those that aren't here are absent."""
    uids = sorted(attempts)
    query = select(t.Attempt.uid, t.Exam.uid).join(t.Exam, col(t.Attempt.exam_id) == t.Exam.id)
    blocks = (uids[start : start + at_once] for start in range(0, len(uids), at_once))
    return {uid: exam for block in blocks for uid, exam in session.exec(query.where(col(t.Attempt.uid).in_(block)))}
