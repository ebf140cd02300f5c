"""Every judgement of an exam with what it is on, one by one: their number doesn't matter.

for row in iterate_judgements(session, exam_id): …       # the oldest first, also undone ones
row.person, row.kind, row.uid, row.decision              -> "ann", "rationale", "c1…", "reject"
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col

from mapd.store import judgement_log
from mapd.store import tables as t

# Rows that are read at once.
BLOCK = 500


class JudgementRecord(NamedTuple):
    """A judgement as the database has it, and by name what it is on. `undoes`, `undone_by`: judgements, by uid.

    On a repair: what it `repairs`, by uid, and its `text`; a project that hasn't the repair can make it of them.
    """

    judgement: str
    person: str
    role: str
    kind: str
    uid: str
    question: str
    teacher: str | None
    decision: str
    reason: str | None
    value: str | None
    note: str | None
    marks: Sequence[Sequence[int]]
    created_at: datetime
    seconds: float | None
    revealed: bool
    queue: str | None
    committee: str | None
    undoes: str | None
    undone_by: str | None
    counts: bool
    repairs: str | None
    text: str | None


def count_judgements(session: Session, exam_id: int, person: str | None = None) -> int:
    """Return how many judgements `iterate_judgements` yields."""
    query = sa.select(sa.func.count()).select_from(t.Judgement).where(_condition(exam_id, person))
    return int(session.scalar(query) or 0)


def iterate_judgements(session: Session, exam_id: int, person: str | None = None) -> Iterator[JudgementRecord]:
    """Yield every judgement (of one person) on the exam's texts, attempts and questions, the oldest first."""
    undone, undo = sa.orm.aliased(t.Judgement), sa.orm.aliased(t.Judgement)
    broken = sa.orm.aliased(t.Explanation)
    question_id = sa.func.coalesce(t.Judgement.question_id, t.Explanation.question_id, t.Attempt.question_id)
    columns: list[Any] = [
        *(t.Judgement.uid, t.Judgement.person, t.Judgement.role, t.Judgement.target),
        sa.func.coalesce(t.Explanation.uid, t.Attempt.uid, t.Question.uid),
        *(t.Question.source_id, t.Teacher.name, t.Judgement.decision, t.Judgement.reason, t.Judgement.value),
        *(t.Judgement.note, t.Judgement.marks, t.Judgement.created_at, t.Judgement.seconds, t.Judgement.revealed),
        *(t.Judgement.queue, t.Judgement.committee, undone.uid, undo.uid, t.Judgement.counts),
        *(broken.uid, sa.case((col(t.Explanation.repairs_id).is_not(None), t.Explanation.text))),
    ]
    query = (
        sa.select(*columns)
        .select_from(t.Judgement)
        .outerjoin(t.Explanation, col(t.Judgement.explanation_id) == col(t.Explanation.id))
        .outerjoin(t.Attempt, col(t.Judgement.attempt_id) == col(t.Attempt.id))
        .outerjoin(broken, col(t.Explanation.repairs_id) == col(broken.id))
        .join(t.Question, col(t.Question.id) == question_id)
        .outerjoin(t.Teacher, col(t.Explanation.author_id) == col(t.Teacher.id))
        .outerjoin(undone, col(t.Judgement.undoes_id) == col(undone.id))
        # Only one that counts undoes, and there is but one (uq_judgement_undone).
        .outerjoin(undo, (col(undo.undoes_id) == col(t.Judgement.id)) & col(undo.counts))
        .where(_condition(exam_id, person))
        # By time: ids alone would tell when a merged archive came in.
        .order_by(col(t.Judgement.created_at), col(t.Judgement.id))
    )
    for row in session.execute(query.execution_options(yield_per=BLOCK)):
        yield JudgementRecord(*row)


def _condition(exam_id: int, person: str | None) -> sa.ColumnElement[bool]:
    of_exam = judgement_log.judgement_condition(exam_id)
    return of_exam if person is None else of_exam & (col(t.Judgement.person) == person)
