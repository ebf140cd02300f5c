"""One exam's first answers, for the comparison of two.

list_answers(session, 3)[0]    -> ("9c…", "two-step", "45", "incorrect", "stop")
"""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from mapd.domain import ExamInfo
from mapd.store import tables as t


def list_answers(session: Session, exam_id: int) -> Sequence[sa.Row[str, str | None, str, str, str]]:
    """Return each question's uid, family and gold, and the outcome and finish of its first sample, in order."""
    # Sample 0 alone: the pairs of McNemar's test have to be independent.
    query = (
        sa.select(
            col(t.Question.uid),
            col(t.Question.family),
            col(t.Question.gold),
            col(t.Attempt.outcome),
            col(t.Attempt.finish),
        )
        .join(t.Attempt, col(t.Attempt.question_id) == t.Question.id)
        .where(col(t.Attempt.exam_id) == exam_id, col(t.Attempt.sample) == 0)
        .order_by(col(t.Question.position))
    )
    return session.execute(query).all()


def count_questions(session: Session, exam: ExamInfo) -> int:
    """Return how many questions the exam asks."""
    set_id = select(t.Exam.set_id).where(t.Exam.id == exam.id).scalar_subquery()
    query = select(func.count()).select_from(t.Question).where(col(t.Question.set_id) == set_id)
    return session.exec(query.where(t.Question.split == exam.split)).one()


def count_samples(session: Session, exam_id: int) -> int:
    """Return the most answers that the exam has of a question."""
    return 1 + (session.exec(select(func.max(t.Attempt.sample)).where(t.Attempt.exam_id == exam_id)).one() or 0)
