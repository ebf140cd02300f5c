"""Who teaches in an exam: texts and votes of its committee count there, and people's; those of other teachers don't.

    name_members(session, 1, [2, 3])     # by `mapd collect`, the committee page, an import
    members(session, 1)                  -> (2, 3), the teachers' ids

One row of `committee_member`: exam_id=1, teacher_id=2 (gemini). Rows are only added: who was named once stays named.
"""

from collections.abc import Collection
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import sqlalchemy as sa
from sqlmodel import Session, col, select

from mapd.store import db
from mapd.store import tables as t


def members(session: Session, exam_id: int) -> tuple[int, ...]:
    """Return the ids of the teachers whom the exam's committee named, in their order."""
    query = select(t.CommitteeMember.teacher_id).where(t.CommitteeMember.exam_id == exam_id)
    return tuple(session.exec(query.order_by(col(t.CommitteeMember.teacher_id))).all())


def member_uids(session: Session, exam_id: int) -> list[str]:
    """Return the uids of these teachers."""
    member = t.CommitteeMember
    query = select(t.Teacher.uid).join(member, col(member.teacher_id) == t.Teacher.id)
    return list(session.exec(query.where(member.exam_id == exam_id)))


def name_members(session: Session, exam_id: int, teachers: Collection[int]) -> None:
    """Name these teachers for the exam's committee; who is in it already stays."""
    pairs = select(t.Exam.id, t.Exam.uid, t.Teacher.id, t.Teacher.uid).join(t.Teacher, sa.true())
    rows = session.execute(pairs.where(t.Exam.id == exam_id, col(t.Teacher.id).in_(teachers))).all()
    if rows:
        # Another run may be first.
        statement = db.insert(session, t.CommitteeMember).on_conflict_do_nothing()
        session.execute(statement, [member_row(*row) for row in rows])


def member_row(exam_id: int, exam: str, teacher_id: int, teacher: str) -> dict[str, Any]:
    """Return one row; its uid is the same in every project."""
    uid = uuid5(NAMESPACE_URL, f"committee {exam} {teacher}").hex
    return {"uid": uid, "created_at": t.now(), "exam_id": exam_id, "teacher_id": teacher_id}
