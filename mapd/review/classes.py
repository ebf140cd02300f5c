"""A queue's class of texts decided at once, some of them a request, so that a person sees how far it is.

    panel(session, setting, QUEUES["no-work"], ann)          -> ClassPanel(texts=728, takes=728, version="d41d…")
    decide(session, setting, queue, Act.REJECT, by=ann, token="7f9c…", version="d41d…")   -> ClassProgress(200, 728)
    decide(… the same again …)                               -> ClassProgress(400, 728)

All of it has one token, so one undo takes all of it back. Which texts it is about is settled with the first request:
the audit's row holds them.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, func, select

from mapd.domain import Act
from mapd.errors import BadInput, Stale
from mapd.people import Person, Right, require
from mapd.review import batches, judging, reasons
from mapd.review.batches import BatchText
from mapd.review.curated_part import Setting
from mapd.review.judging import Circumstances
from mapd.review.messages import ClassPanel, ClassReject
from mapd.review.queue_index import derivation
from mapd.review.queues import BatchRule, Queue
from mapd.store import audit_log, queries
from mapd.store import tables as t

AT_ONCE = 100  # texts that one request decides
ACTION = "judge class"  # the audit's word for it


@dataclass(frozen=True, slots=True)
class ClassProgress:
    """So many texts of the class are decided, of all."""

    decided: int
    all: int


def panel(session: Session, setting: Setting, queue: Queue, person: Person) -> ClassPanel | None:
    """Return how many texts of the queue's class wait for this person; none where it has no class."""
    if queue.batch_rule is None or not person.name:
        return None
    waiting = _waiting(session, setting, queue.batch_rule, person.name)
    first = waiting[: batches.MOST]
    reject = ClassReject(reason=queue.batch_rule.reason, words=reasons.words(queue.batch_rule.reason))
    return ClassPanel(texts=len(waiting), takes=len(first), version=_version(first), reject=reject)


def decide(
    session: Session, setting: Setting, queue: Queue, decision: Act, *, by: Person, token: str, version: str
) -> ClassProgress:
    """Decide the next texts of the class. `version`: the panel's, which the person saw.

    Raises: Forbidden; BadInput where the queue has no class; Stale where other texts wait by now.
    """
    person = require(by, Right.JUDGE)
    if queue.batch_rule is None:
        raise BadInput(f"the texts of this queue can't be decided at once: {queue.name}")
    texts = _find_texts(session, token)
    waiting = _waiting(session, setting, queue.batch_rule, person)
    if texts is None:
        first = waiting[: batches.MOST]
        if _version(first) != version:
            raise Stale(f"other texts wait in this class by now: {len(waiting):,}; nothing was saved: look again")
        texts = {text.target.id for text in first}
        audit_log.audit(session, person, ACTION, f"class {token}", queue=queue.name, texts=sorted(texts))
    # Tokens go on from here: a request that is sent again decides the next texts, never the same twice.
    number = _count_judgements(session, token)
    remaining = [text for text in waiting if text.target.id in texts]
    reason = queue.batch_rule.reason if decision is Act.REJECT else None
    rows = _judge(session, remaining[:AT_ONCE], decision, reason, by, token, number)
    derivation.follow_judgements(session, rows)
    return ClassProgress(number + len(rows), number + len(remaining))


def _judge(
    session: Session, texts: Sequence[BatchText], decision: Act, reason: str | None, by: Person, token: str, number: int
) -> list[t.Judgement]:
    at = queries.moment(session)
    # Without autoflush the rows are written in one go, not one by one with each query.
    with session.no_autoflush:
        return [
            judging.judge(
                session,
                text.target,
                decision,
                by=by,
                reason=reason,
                token=f"{token}/{place}",
                circumstances=Circumstances(queue=batches.QUEUE, committee=text.committee),
                follow=False,
                at=at,
            )
            for place, text in enumerate(texts, number)
        ]


def _waiting(session: Session, setting: Setting, rule: BatchRule, person: str) -> list[BatchText]:
    return batches.load_waiting(session, setting.exam, rule, setting.threshold, person)


def _version(texts: Sequence[BatchText]) -> str:
    # Another judgement, or another text, gives another version.
    return hashlib.sha256(repr([(text.target.id, text.latest_seen) for text in texts]).encode()).hexdigest()[:32]


def _find_texts(session: Session, token: str) -> set[int] | None:
    audit = t.Audit
    detail = session.exec(select(audit.detail).where(audit.action == ACTION, audit.target == f"class {token}")).first()
    return None if detail is None else {int(text) for text in detail["texts"]}


def _count_judgements(session: Session, token: str) -> int:
    # `autoescape`: a "_" or "%" in the token is no wildcard.
    begins = col(t.Judgement.token).startswith(f"{token}/", autoescape=True)
    return session.exec(select(func.count()).select_from(t.Judgement).where(begins)).one()
