"""What the ledger says: how many calls of each kind ended how, what they cost, and which did not give a text.

tally(session, 1)[0] -> Calls(teacher="gpt", kind="review", outcomes={"ok": 774, "failed": 2}, tokens_in=…, …)
list_minutes(session, 1)[0] -> CallMinute(at=datetime(2026, 11, 30, 17, 22, tzinfo=UTC), teacher="gpt", calls=48, …)
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, func

from mapd.store import tables as t


@dataclass(frozen=True, slots=True)
class Calls:
    """All calls of one kind to one teacher; tokens and cost are None where no reply told them."""

    teacher: str
    kind: str
    outcomes: dict[str, int]
    tokens_in: int | None
    tokens_out: int | None
    cost_usd: float | None

    @property
    def total(self) -> int:
        """Return the number of tries."""
        return sum(self.outcomes.values())


@dataclass(frozen=True, slots=True)
class CallFailure:
    """A try that gave no text, with its reason; `mended` if a later try of the same call was ok."""

    teacher: str
    kind: str
    outcome: str
    error: str | None
    reply: str
    try_number: int
    mended: bool
    created_at: datetime


class CallMinute(NamedTuple):
    """The calls to one teacher that ended in one minute, and what they cost; None where no reply's cost is known.

    `uncosted`: the replies whose cost isn't known: the teacher is free, or its price or its tokens were not known.
    """

    at: datetime
    teacher: str
    calls: int
    cost_usd: float | None
    uncosted: int


def tally(session: Session, exam_id: int) -> list[Calls]:
    """Return the calls that were made for an exam, by teacher and kind, in the teachers' order."""
    query = (
        sa.select(
            col(t.Teacher.name),
            col(t.Call.kind),
            col(t.Call.outcome),
            func.count(),
            func.sum(t.Call.tokens_in),
            func.sum(t.Call.tokens_out),
            func.sum(t.Call.cost_usd),
        )
        .join(t.Teacher, col(t.Call.teacher_id) == t.Teacher.id)
        .where(col(t.Call.exam_id) == exam_id)
        .group_by(col(t.Teacher.id), col(t.Teacher.name), col(t.Call.kind), col(t.Call.outcome))
        .order_by(col(t.Teacher.id), col(t.Call.kind), col(t.Call.outcome))
    )
    records: Sequence[Any] = session.execute(query).all()
    groups: dict[tuple[str, str], list[Any]] = {}
    for row in records:
        groups.setdefault((row[0], row[1]), []).append(row)
    return [
        Calls(
            teacher,
            kind,
            outcomes={row[2]: row[3] for row in rows},
            tokens_in=_sum(row[4] for row in rows),
            tokens_out=_sum(row[5] for row in rows),
            cost_usd=_sum(row[6] for row in rows),
        )
        for (teacher, kind), rows in groups.items()
    ]


def _sum(amounts: Iterable[Any]) -> Any:
    numbers = [value for value in amounts if value is not None]
    # None, not 0: where no reply told its tokens, nobody knows them.
    return sum(numbers) if numbers else None


def list_minutes(session: Session, exam_id: int) -> list[CallMinute]:
    """Return the calls that were made for an exam, by minute and teacher, the oldest first."""
    seconds = sa.extract("epoch", col(t.Call.created_at))
    # As text, not as a parameter: PostgreSQL takes two parameters of one value for two expressions.
    minute = seconds - seconds % sa.literal_column("60")
    # A call that failed brought nothing that has a price.
    is_uncosted = col(t.Call.cost_usd).is_(None) & (col(t.Call.outcome) != "failed")
    query = (
        sa.select(
            minute.label("at"),
            col(t.Teacher.name),
            func.count(),
            func.sum(t.Call.cost_usd),
            func.sum(sa.case((is_uncosted, 1), else_=0)),
        )
        .join(t.Teacher, col(t.Call.teacher_id) == t.Teacher.id)
        .where(col(t.Call.exam_id) == exam_id)
        .group_by(minute, col(t.Teacher.id), col(t.Teacher.name))
        .order_by(sa.text("at"), col(t.Teacher.id))
    )
    return [
        CallMinute(datetime.fromtimestamp(int(at), UTC), name, calls, cost, uncosted)
        for at, name, calls, cost, uncosted in session.execute(query)
    ]


def unmended(session: Session, exam_id: int, teachers: Sequence[str]) -> int:
    """Count the exam's calls to these teachers that gave no text, and none since."""
    query = (
        sa.select(func.count(sa.distinct(col(t.Call.key))))
        .join(t.Teacher, col(t.Call.teacher_id) == t.Teacher.id)
        .where(col(t.Call.exam_id) == exam_id, col(t.Call.outcome) != "ok", ~_has_succeeded())
        .where(col(t.Teacher.name).in_(teachers))
    )
    return int(session.execute(query).scalar_one())


def _has_succeeded() -> sa.Exists:
    # A key is one call: any of its tries that was ok mends the others.
    retry = sa.orm.aliased(t.Call)
    return sa.exists().where(col(retry.key) == col(t.Call.key), col(retry.outcome) == "ok")


def failures(session: Session, exam_id: int, limit: int = 25) -> list[CallFailure]:
    """Return the latest tries for an exam that gave no text."""
    query = (
        sa.select(t.Call, col(t.Teacher.name), _has_succeeded())
        .join(t.Teacher, col(t.Call.teacher_id) == t.Teacher.id)
        .where(col(t.Call.exam_id) == exam_id, col(t.Call.outcome) != "ok")
        .order_by(col(t.Call.id).desc())
        .limit(limit)
    )
    return [
        CallFailure(name, c.kind, c.outcome, c.error, c.reply, c.try_number, bool(is_mended), c.created_at)
        for c, name, is_mended in session.execute(query).all()
    ]
