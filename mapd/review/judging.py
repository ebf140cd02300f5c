"""What people do: judge and undo. Each act is one insert with its audit row, in the caller's transaction.

judge(session, Target("rationale", 12), Act.REJECT, by=owner("ann"), reason="false_step", token="…")
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlmodel import Session, col, select

from mapd.answers.grading import Task
from mapd.domain import MOST_MARKS, NOTE, Act, TextReason
from mapd.errors import BadInput, NotFound, Stale
from mapd.judgements import ADJUDICATOR, ANNOTATOR, VERDICT, drop_undone
from mapd.people import Person, Right, require
from mapd.questions.golds import read_correction
from mapd.review import reasons
from mapd.review.queue_index import derivation
from mapd.store import audit_log, judgement_log, queries
from mapd.store import tables as t


class QuestionReason(StrEnum):
    """Why a question is taken out."""

    GOLD_WRONG = "gold_wrong"
    UNCLEAR = "question_unclear"
    OTHER = "other"


REASONS: dict[str, type[StrEnum]] = {"rationale": TextReason, "feedback": TextReason, "question": QuestionReason}
CAN_BE_CORRECTED = frozenset({"rationale", "attempt", "question"})  # a feedback has no answer of its own
TABLES: dict[str, type[t.Travelling]] = {
    "rationale": t.Explanation,
    "feedback": t.Explanation,
    "attempt": t.Attempt,
    "question": t.Question,
}

# Locks a row on PostgreSQL, so that two transactions judge it one after the other; SQLite has one writer anyway.
ONE_AT_A_TIME = {"key_share": True}


@dataclass(frozen=True, slots=True)
class Target:
    """What is judged: `kind` is rationale, feedback, attempt or question; `id` its row's."""

    kind: str
    id: int


@dataclass(frozen=True, slots=True)
class Circumstances:
    """How a judgement came about: what the person saw, and where. `order`: the texts' uids as they stood, if by lot."""

    queue: str | None = None
    sampling_chance: float | None = None
    revealed: bool = True
    seconds: float | None = None
    committee: str | None = None
    order: tuple[str, ...] = ()


ON_ITS_OWN = Circumstances()


def judge(
    session: Session,
    target: Target,
    decision: Act,
    *,
    by: Person,
    reason: str | None = None,
    note: str | None = None,
    value: str | None = None,
    marks: Sequence[tuple[int, int]] = (),
    token: str | None = None,
    latest_seen: int | None = None,
    role: str = ANNOTATOR,
    circumstances: Circumstances = ON_ITS_OWN,
    follow: bool = True,
    at: datetime | None = None,
) -> t.Judgement:
    """Record one person's decision on one target.

    `token` makes it once: the same token again returns the row that is there. `latest_seen` is the id of the latest
    judgement that the person saw on the target (0 = none). `follow` unset: the caller derives the queue index for many
    at once (`derivation.follow_judgements`). `at`: the moment of an act that has many judgements (queries.moment).
    `value` is kept as the question's task reads it. `marks`: the false steps, each from a character up to another.

    Raises: Forbidden; BadInput (what doesn't fit, a withdrawal of nothing); NotFound; Stale (decided meanwhile).
    """
    person = require(by, Right.ADJUDICATE if role == ADJUDICATOR else Right.JUDGE)
    # The lock comes before the look for the token: a second press of the same act waits here, and finds its row.
    judged = _lock_target(session, target)
    if token is not None and (existing := _find_by_token(session, token)) is not None:
        return existing
    check_decision(session, target.kind, decision, reason, note, value, marks)
    _check_unchanged(session, target, latest_seen)
    if decision is Act.WITHDRAW:
        _check_withdrawal(session, target, person, role)
    row = t.Judgement(
        created_at=at or queries.moment(session),
        target=target.kind,
        person=person,
        role=role,
        decision=decision,
        reason=reason,
        note=note.strip() or None if note else None,
        value=_read_value(session, judged, value) if value else None,
        marks=_check_marks(judged, marks),
        token=token or t.new_uid(),
        queue=circumstances.queue,
        sampling_chance=circumstances.sampling_chance,
        revealed=circumstances.revealed,
        seconds=circumstances.seconds,
        committee=circumstances.committee,
    )
    setattr(row, f"{TABLES[target.kind].__tablename__}_id", target.id)
    session.add(row)
    detail = {"reason": reason, "value": row.value} | ({"order": circumstances.order} if circumstances.order else {})
    audit_log.audit(session, person, f"judge {decision}", f"{target.kind} {judged.uid}", **detail)
    if follow:
        derivation.follow_judgements(session, [row])
    return row


def undo(
    session: Session,
    judgement_id: int,
    *,
    by: Person,
    token: str | None = None,
    follow: bool = True,
    at: datetime | None = None,
) -> t.Judgement:
    """Take one judgement back by a row that cancels it; undoing that row is a redo. `follow`, `at`: as in `judge`.

    Raises: Forbidden; NotFound; Stale where it was undone already; BadInput where it is another person's.
    """
    person = require(by, Right.JUDGE)
    # Locked, so that two tabs can't undo it twice.
    row = session.get(t.Judgement, judgement_id, with_for_update=ONE_AT_A_TIME)
    if token is not None and (existing := _find_by_token(session, token)) is not None:
        return existing
    if row is None:
        raise NotFound(f"unknown judgement: {judgement_id}")
    if not row.counts:
        raise BadInput(f"judgement {judgement_id} came from elsewhere and doesn't count: there is nothing to undo")
    if row.person != person:
        raise BadInput(f"judgement {judgement_id} is {row.person}'s: only the one who made it can undo it")
    if row.role == ADJUDICATOR:
        require(by, Right.ADJUDICATE)
    earlier_undo = select(t.Judgement.id).where(t.Judgement.undoes_id == judgement_id, t.Judgement.counts)
    if session.exec(earlier_undo).first() is not None:
        raise Stale(f"judgement {judgement_id} was undone already; nothing was changed")
    target = Target(row.target, row.explanation_id or row.attempt_id or row.question_id or 0)
    withdrawal = t.Judgement(
        created_at=at or queries.moment(session),
        target=row.target,
        person=person,
        role=row.role,
        decision=Act.WITHDRAW,
        undoes_id=judgement_id,
        queue=row.queue,
        token=token or t.new_uid(),
    )
    setattr(withdrawal, f"{TABLES[target.kind].__tablename__}_id", target.id)
    session.add(withdrawal)
    about = f"{row.target} {_lock_target(session, target).uid}"
    audit_log.audit(session, person, "undo", about, judgement=row.uid)
    if follow:
        derivation.follow_judgements(session, [withdrawal])
    return withdrawal


def _find_by_token(session: Session, token: str) -> t.Judgement | None:
    return session.exec(select(t.Judgement).where(t.Judgement.token == token)).first()


def check_decision(
    session: Session,
    kind: str,
    decision: Act,
    reason: str | None,
    note: str | None,
    value: str | None,
    marks: Sequence[tuple[int, int]] = (),
) -> None:
    """See that the parts of a judgement go together. Raises: BadInput."""
    if reason == NOTE and not (note and note.strip()):
        raise BadInput("a note has no words")
    if reason is not None:
        allowed = [NOTE] if decision is Act.SKIP else [r.value for r in REASONS.get(kind, [])]
        if REASONS.get(kind) is TextReason and decision is Act.REJECT and reason not in allowed:
            allowed = reasons.list_offered(session)
        if decision not in (Act.REJECT, Act.SKIP):
            raise BadInput(f"a reason goes with reject, not with {decision}: {reason}")
        if reason not in allowed:
            subject = "skip" if decision is Act.SKIP else kind
            raise BadInput(f"unknown reason for a {subject}: {reason}; one of {', '.join(allowed)}")
    if (decision is Act.CORRECT) != bool(value and value.strip()):
        raise BadInput(f"a value goes with correct, and correct needs one: {decision}, {value!r}")
    if decision is Act.CORRECT and kind not in CAN_BE_CORRECTED:
        raise BadInput(f"a {kind} has no answer to correct; accept or reject it")
    if marks and (decision is not Act.REJECT or kind not in ("rationale", "feedback")):
        raise BadInput(f"a false step is marked with a rejection of a text, not with {decision} of this {kind}")


def _check_marks(judged: t.Explanation | t.Attempt | t.Question, marks: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Return the marks as they are kept. Raises: BadInput where they are too many, or one isn't in the text."""
    if len(marks) > MOST_MARKS:
        raise BadInput(f"at most {MOST_MARKS} false steps are marked, not {len(marks):,}; mark the first ones")
    for start, end in marks:
        if not 0 <= start < end <= len(judged.text or ""):
            length = f"{len(judged.text or ''):,} characters"
            raise BadInput(f"a false step is marked within the text's {length}, not from {start:,} up to {end:,}")
    return [list(mark) for mark in marks]


def _lock_target(session: Session, target: Target) -> t.Explanation | t.Attempt | t.Question:
    # The next who judges it waits until this transaction has ended.
    row = session.get(TABLES[target.kind], target.id, with_for_update=ONE_AT_A_TIME)
    if isinstance(row, t.Attempt | t.Question) or (isinstance(row, t.Explanation) and row.kind == target.kind):
        return row
    raise NotFound(f"unknown {target.kind}: {target.id}")


def _read_value(session: Session, judged: t.Explanation | t.Attempt | t.Question, value: str) -> str:
    question = judged if isinstance(judged, t.Question) else session.get_one(t.Question, judged.question_id)
    return read_correction(value, Task(question.task), question.options)


def _check_withdrawal(session: Session, target: Target, person: str, role: str) -> None:
    """Refuse a withdrawal where the person has said nothing that it would end. A skip is said, a note is not.

    Of a text it ends the verdict; how its answer is read stays, and is taken back by an undo.
    """
    about = VERDICT | {Act.SKIP} if target.kind in ("rationale", "feedback") else frozenset(Act)
    history = (row.judged for row in judgement_log.history(session, (target.kind, target.id)) if row.counts)
    statements = [j for j in drop_undone(history) if (j.person, j.role) == (person, role) and j.decision in about]
    if not (decisions := [j for j in statements if not j.only_notes]) or decisions[-1].decision is Act.WITHDRAW:
        words = "has said nothing of" if Act.CORRECT in about else "has no verdict on"
        raise BadInput(f"{person} {words} this {target.kind}: there is nothing to withdraw")


def _check_unchanged(session: Session, target: Target, latest_seen: int | None) -> None:
    if latest_seen is None:
        return
    column = col(judgement_log.TARGET_COLUMN[target.kind])
    query = select(t.Judgement).where(column == target.id, t.Judgement.counts).order_by(col(t.Judgement.id).desc())
    # The highest id came in last, whatever its time says.
    latest = session.exec(query).first()
    if latest is not None and latest.id != latest_seen:
        raise Stale(
            f"{latest.person} decided on this {target.kind} in the meantime; it was reloaded, nothing was saved"
        )
