"""What a project holds, an exam a row, and when it came in: for the data page.

holdings(session)[0] -> Holding("svamp · Llama-2-7b-chat-hf · round 0", mistakes=387, teachers=("gpt", …), …)
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from mapd.store import queries
from mapd.store import tables as t


@dataclass(frozen=True, slots=True)
class Holding:
    """One exam. `mistakes` as recorded, before people's corrections."""

    uid: str
    name: str
    student: str
    question_set: str
    mistakes: int
    teachers: tuple[str, ...]
    snapshots: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ImportRecord:
    """One act of importing, from the audit: who, when, and which exam it gave."""

    person: str
    at: datetime
    kind: str
    exam: str
    mistakes: int


def holdings(session: Session) -> list[Holding]:
    """Return every exam, the newest first."""
    mistakes = (
        sa.select(sa.func.count())
        .where(col(t.Attempt.exam_id) == t.Exam.id, col(t.Attempt.outcome) != "correct")
        .scalar_subquery()
    )
    snapshot_count = sa.select(sa.func.count()).where(col(t.Snapshot.exam_id) == t.Exam.id).scalar_subquery()
    query = (
        sa.select(
            col(t.Exam.id),
            col(t.Exam.uid),
            col(t.Exam.name),
            col(t.Student.name),
            col(t.QuestionSet.name),
            mistakes,
            snapshot_count,
            col(t.Exam.created_at),
        )
        .join(t.Student, col(t.Exam.student_id) == t.Student.id)
        .join(t.QuestionSet, col(t.Exam.set_id) == t.QuestionSet.id)
        .order_by(col(t.Exam.id).desc())
    )
    return [
        Holding(uid, name, student, questions, count, tuple(queries.voices(session, id_)), snapshots, created_at)
        for id_, uid, name, student, questions, count, snapshots, created_at in session.execute(query).all()
    ]


def imports(session: Session) -> list[ImportRecord]:
    """Return every import there was, the newest first."""
    query = select(t.Audit).where(col(t.Audit.action).startswith("import ")).order_by(col(t.Audit.id).desc())
    return [
        ImportRecord(
            a.person,
            a.created_at,
            a.action.removeprefix("import "),
            a.target.removeprefix("exam "),
            a.detail.get("mistakes", 0),
        )
        for a in session.exec(query).all()
    ]
