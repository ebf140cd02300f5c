"""A queue's class of texts decided at once, some of them a request, so that a person sees how far it is.

    panel(session, setting, QUEUES["no-work"], ann)          -> ClassPanel(texts=728, takes=728, version="d41d…")
    decide(session, setting, queue, Act.REJECT, by=ann, token="7f9c…", version="d41d…")   -> (200, 728)
    decide(… the same again …)                               -> (400, 728)

All of it has one token, so one undo takes all of it back. Which texts it is about is settled with the first request:
the audit's row holds them.
"""

import hashlib
from collections.abc import Sequence

from sqlmodel import Session, col, func, select

from mapd.domain import Act
from mapd.errors import BadInput, Stale
from mapd.people import Person, Right, require
from mapd.review import batches, reasons
from mapd.review.batches import BatchText
from mapd.review.curated_part import Setting
from mapd.review.messages import ClassPanel, ClassReject
from mapd.review.queues import Queue
from mapd.store import audit_log
from mapd.store import tables as t

AT_ONCE = 100  # texts that one request decides
ACTION = "judge class"  # the audit's word for it


def panel(session: Session, setting: Setting, queue: Queue, person: Person) -> ClassPanel | None:
    """Return how many texts of the queue's class wait for this person; none where it has no class."""
    if queue.batch_rule is None or not person.name:
        return None
    waiting = batches.load_waiting(session, setting, queue.batch_rule, person.name)
    first = waiting[: batches.MOST]
    reject = ClassReject(reason=queue.batch_rule.reason, words=reasons.words(queue.batch_rule.reason))
    return ClassPanel(texts=len(waiting), takes=len(first), version=_version(first), reject=reject)


def decide(
    session: Session, setting: Setting, queue: Queue, decision: Act, *, by: Person, token: str, version: str
) -> tuple[int, int]:
    """Decide the next texts of the class; return how many are decided, of all. `version`: of the panel that was seen.

    Raises: Forbidden; BadInput where the queue has no class; Stale where other texts wait by now.
    """
    person = require(by, Right.JUDGE)
    if queue.batch_rule is None:
        raise BadInput(f"the texts of this queue can't be decided at once: {queue.name}")
    texts = _find_texts(session, token)
    waiting = batches.load_waiting(session, setting, queue.batch_rule, person)
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
    by_token = {f"{token}/{place}": text for place, text in enumerate(remaining[:AT_ONCE], number)}
    rows = batches.judge_each(session, by_token, decision, by=by, reason=reason)
    return number + len(rows), number + len(remaining)


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
