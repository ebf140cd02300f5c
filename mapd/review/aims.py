"""What decisions are about: rows of an exam by their uids, locked until the decisions are written. The SQL of it.

resolve(session, exam_id, decisions)[("rationale", "a1b2…")]  -> DecisionTarget("rationale", 17, "a1b2…", 5)
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from mapd.domain import Act, Judged, JudgementRow
from mapd.review.blinding import TEXTS
from mapd.review.judging import Target
from mapd.review.messages import Decision
from mapd.store import judgement_log, queries
from mapd.store import tables as t


class DecisionTarget(NamedTuple):
    """What a decision is about."""

    kind: str
    id: int
    uid: str
    question_id: int

    @property
    def target(self) -> Target:
        """Return the target as judging.py takes it."""
        return Target(self.kind, self.id)


def resolve(session: Session, exam_id: int, decisions: Sequence[Decision]) -> dict[tuple[str, str], DecisionTarget]:
    """Return what the decisions are about, by kind and uid, locked in the same order by everybody."""
    uids_of: dict[str, set[str]] = {"text": set(), "attempt": set(), "question": set()}
    for decision in decisions:
        uids = {text.uid for text in decision.texts} | ({decision.target} if decision.target else set())
        uids_of["text" if decision.kind in TEXTS else decision.kind or "text"] |= uids
        uids_of["attempt"] |= {decision.mistake} if decision.mistake else set()
    # Everybody locks in the order of the ids, so that no two transactions wait for each other.
    aims: dict[tuple[str, str], DecisionTarget] = {}
    x, attempt, question = t.Explanation, t.Attempt, t.Question
    if uids_of["text"]:
        of_exam = sa.select(col(attempt.id)).where(col(attempt.exam_id) == exam_id)
        is_of_exam = col(x.attempt_id).is_(None) | col(x.attempt_id).in_(of_exam)
        texts = select(x.id, x.uid, x.kind, x.question_id).where(col(x.uid).in_(uids_of["text"]), is_of_exam)
        for id_, uid, kind, of in _read_locked(session, texts.order_by(col(x.id))):
            aims[kind, uid] = DecisionTarget(kind, id_, uid, of)
    if uids_of["attempt"]:
        where = (col(attempt.uid).in_(uids_of["attempt"]), attempt.exam_id == exam_id)
        attempts = select(attempt.id, attempt.uid, attempt.question_id).where(*where).order_by(col(attempt.id))
        for id_, uid, of in _read_locked(session, attempts):
            aims["attempt", uid] = DecisionTarget("attempt", id_, uid, of)
    if uids_of["question"]:
        rows = select(question.id, question.uid).where(col(question.uid).in_(uids_of["question"]))
        for id_, uid in _read_locked(session, rows.order_by(col(question.id))):
            aims["question", uid] = DecisionTarget("question", id_, uid, id_)
    return aims


def _read_locked(session: Session, query: Any) -> Sequence[Any]:
    return session.execute(query.with_for_update(key_share=True)).all()


def row_of(row: t.Judgement, aim: DecisionTarget) -> JudgementRow:
    """Return a judgement that was written just now as it would be read."""
    return JudgementRow(
        judged=Judged(
            queries.identity(row), row.person, Act(row.decision), row.reason, row.value, row.role, row.undoes_id
        ),
        uid=row.uid,
        target=row.target,
        target_id=aim.id,
        target_uid=aim.uid,
        note=row.note,
        committee=row.committee,
        created_at=row.created_at,
        queue=row.queue,
        revealed=row.revealed,
        batch=judgement_log.batch_of(row.token),
        seconds=row.seconds,
        counts=row.counts,
        marks=tuple((start, end) for start, end in row.marks),
    )
