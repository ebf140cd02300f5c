"""Who teaches in an exam: texts and votes of its committee count there, and people's; those of other teachers don't.

    name_members(session, 1, [2, 3])     # by `mapd collect`, the committee page, an import
    members(session, 1)                  -> (2, 3), the teachers' ids

One row of `committee_member`: exam_id=1, teacher_id=2 (gemini). Rows are only added: who was named once stays named.
"""

from collections.abc import Collection
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from mapd.store import tables as t

# Until there was this table (migration 0019), whoever wrote or reviewed counted in every exam over the question.
_ON_EXAM = (
    "JOIN attempt a ON a.question_id = x.question_id AND a.exam_id = e.id"
    " AND (x.attempt_id IS NULL OR x.attempt_id = a.id)"
)
_WROTE_OR_REVIEWED = (
    "SELECT e.id AS exam_id, e.uid AS exam, t.id AS teacher_id, t.uid AS teacher"
    " FROM exam e JOIN teacher t ON t.kind <> 'person'"
    f" WHERE EXISTS (SELECT 1 FROM explanation x {_ON_EXAM} WHERE x.author_id = t.id)"
    f" OR EXISTS (SELECT 1 FROM review r JOIN explanation x ON x.id = r.explanation_id {_ON_EXAM}"
    " WHERE r.reviewer_id = t.id) ORDER BY e.id, t.id"
)


def members(session: Session, exam_id: int) -> tuple[int, ...]:
    """Return the ids of the teachers whom the exam's committee named, in their order."""
    query = select(t.CommitteeMember.teacher_id).where(t.CommitteeMember.exam_id == exam_id)
    return tuple(session.exec(query.order_by(col(t.CommitteeMember.teacher_id))).all())


def name_members(session: Session, exam_id: int, teachers: Collection[int]) -> None:
    """Name these teachers for the exam's committee; who is in it already stays."""
    pairs = select(t.Exam.id, t.Exam.uid, t.Teacher.id, t.Teacher.uid).join(t.Teacher, sa.true())
    rows = session.execute(pairs.where(t.Exam.id == exam_id, col(t.Teacher.id).in_(teachers))).all()
    if rows:
        insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
        # Another run may be first.
        statement = insert(t.CommitteeMember).on_conflict_do_nothing()
        session.execute(statement, [member_row(*row) for row in rows])


def derive_members(connection: sa.Connection) -> list[dict[str, Any]]:
    """Return the rows of a database that has none yet: all whose texts and votes counted in each exam so far."""
    return [member_row(*row) for row in connection.execute(sa.text(_WROTE_OR_REVIEWED))]


def member_row(exam_id: int, exam: str, teacher_id: int, teacher: str) -> dict[str, Any]:
    """Return one row; its uid is the same in every project."""
    uid = uuid5(NAMESPACE_URL, f"committee {exam} {teacher}").hex
    return {"uid": uid, "created_at": t.now(), "exam_id": exam_id, "teacher_id": teacher_id}
