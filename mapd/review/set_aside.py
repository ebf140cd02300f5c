"""A person's judgements of an exam, set aside as a whole: a bot's, a careless reader's, a test's. And the way back.

    set_aside(session, exam_id, "eve", "clicked through", by=owner("ann"))   -> 212, which count no more
    list_set_aside(session, exam_id)                                         -> [SetAside("eve", "clicked through", …)]
    count_again(session, exam_id, "eve", by=owner("ann"))                    -> 212

Nothing is deleted: the history shows the judgements, and that they don't count. The committee decides again what
they had decided, and the texts wait for others. What the person judges afterwards counts. A rationale is shared by the
exams that ask its question: a judgement of it is set aside in all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from mapd.errors import BadInput
from mapd.people import Person, Right, require
from mapd.review.queue_index import derivation
from mapd.store import audit_log, judgement_log, queries
from mapd.store import tables as t

LONGEST_REASON = 500
# Judgements in one statement.
BLOCK = 500


@dataclass(frozen=True, slots=True)
class SetAside:
    """Whose judgements of an exam don't count, why, how many, and who said so when."""

    person: str
    reason: str
    judgements: int
    by: str
    at: datetime


def set_aside(session: Session, exam_id: int, name: str, reason: str, *, by: Person) -> int:
    """Let none of a person's judgements on the exam count any more; return their number.

    Raises: Forbidden; NotFound; BadInput without a reason, or where nothing of theirs counts.
    """
    person, exam = require(by, Right.SET_EXAM), queries.exam(session, exam_id)
    if not 0 < len(reason.strip()) <= LONGEST_REASON:
        raise BadInput(f"why are {name}'s judgements set aside? In 1 to {LONGEST_REASON} characters")
    rows = judgement_log.judgements_by(session, exam.id, name)
    if not rows:
        raise BadInput(f"nothing that {name} said of {exam.name} counts; `mapd people show` lists who judged")
    _count(session, [row.judged.id for row in rows], counts=False)
    # Of what came with an archive it has to be told apart what never counted here.
    detail = {"of": name, "reason": reason.strip(), "judgements": [row.uid for row in rows]}
    audit_log.audit(session, person, audit_log.SET_ASIDE, _target(exam.uid), **detail)
    session.flush()
    return len(rows)


def count_again(session: Session, exam_id: int, name: str, *, by: Person) -> int:
    """Let a person's judgements count again that were set aside; return their number. Raises: Forbidden; BadInput."""
    person, exam = require(by, Right.SET_EXAM), queries.exam(session, exam_id)
    uids = [uid for act in _acts_in_force(session, exam.uid).get(name, ()) for uid in act.detail["judgements"]]
    ids: list[int] = []
    for block in (uids[start : start + BLOCK] for start in range(0, len(uids), BLOCK)):
        query = select(t.Judgement.id).where(col(t.Judgement.uid).in_(block), ~col(t.Judgement.counts))
        ids += (id_ for id_ in session.exec(query) if id_ is not None)
    if not ids:
        raise BadInput(f"nothing that {name} said of {exam.name} is set aside; `mapd people show` lists what is")
    _count(session, ids, counts=True)
    audit_log.audit(session, person, audit_log.COUNTED_AGAIN, _target(exam.uid), of=name, judgements=len(ids))
    session.flush()
    return len(ids)


def list_set_aside(session: Session, exam_id: int) -> list[SetAside]:
    """Return whose judgements of the exam are set aside; the latest reason stands for all of a person's."""
    acts_of = _acts_in_force(session, queries.exam(session, exam_id).uid)
    return [
        SetAside(
            person=name,
            reason=acts[-1].detail["reason"],
            judgements=sum(len(act.detail["judgements"]) for act in acts),
            by=acts[-1].person,
            at=acts[-1].created_at,
        )
        for name, acts in acts_of.items()
        if acts
    ]


def _acts_in_force(session: Session, exam_uid: str) -> dict[str, list[t.Audit]]:
    """Return by person the acts that set their judgements aside since these counted last."""
    query = select(t.Audit).where(col(t.Audit.action).in_((audit_log.SET_ASIDE, audit_log.COUNTED_AGAIN)))
    acts_of: dict[str, list[t.Audit]] = {}
    for act in session.exec(query.where(t.Audit.target == _target(exam_uid)).order_by(col(t.Audit.id))):
        acts = acts_of.setdefault(act.detail["of"], [])
        if act.action == audit_log.SET_ASIDE:
            acts.append(act)
        else:
            acts.clear()
    return acts_of


def _count(session: Session, ids: Sequence[int], *, counts: bool) -> None:
    for block in (ids[start : start + BLOCK] for start in range(0, len(ids), BLOCK)):
        session.execute(sa.update(t.Judgement).where(col(t.Judgement.id).in_(block)).values(counts=counts))
        # Triggers mark the questions of new judgements; changed ones are marked here.
        queries.mark_stale(session, block)
    # The queue index is right when this commits: no reader meets the old decisions.
    while derivation.derive_marked(session):
        pass


def _target(exam_uid: str) -> str:
    return f"exam {exam_uid}"
