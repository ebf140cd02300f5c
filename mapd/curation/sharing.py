"""How several people share an exam: who has which mistake in front of them, and how many are to judge each text.

    take(session, attempt_id, "ann")     -> True: the queues give it to nobody else until it is released or runs out
    take(session, attempt_id, "bob")     -> False, and held(session, exam_id) says that ann has it
    want(session, exam_id, by=owner("ann"), judgements_wanted=2)  -> each text waits until two people have judged it

A lease is no lock: a link opens the mistake all the same, and what is saved twice is found by judging.py.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from mapd.errors import BadInput, NotFound
from mapd.people import Person, Right, require
from mapd.store import db, queries
from mapd.store import tables as t

LEASE = timedelta(minutes=3)
TABS = 2  # mistakes that one person can have at once: a page that is loaded again leaves a lease behind
MOST = 9  # judgements of one text that an exam can want
NUMBERS = {  # what an exam can want, by its column: from, to, in words
    "judgements_wanted": (1, MOST, "judgements of each text"),
    "practice": (0, 50, "practice texts"),
    "check_every": (0, 1_000, "texts between two checks"),
    "repeat_every": (0, 1_000, "texts between two repeats"),
}


@dataclass(frozen=True, slots=True)
class Held:
    """A mistake that somebody has in front of them."""

    attempt_id: int
    person: str
    until: datetime


def held(session: Session, exam_id: int) -> list[Held]:
    """All of the exam that is in front of somebody now."""
    query = (
        select(t.Lease)
        .join(t.Attempt, col(t.Lease.attempt_id) == t.Attempt.id)
        .where(t.Attempt.exam_id == exam_id, ~_over(db.clock(session)))
        .order_by(col(t.Lease.id))
    )
    return [Held(row.attempt_id, row.person, row.until) for row in session.exec(query).all()]


def _over(at: datetime) -> sa.ColumnElement[bool]:
    """Whether a lease has run out, at this time of the database's; or was taken before its clock was set back."""
    return sa.not_(col(t.Lease.until).between(at, at + 2 * LEASE))  # it may have been renewed just now


def take(session: Session, attempt_id: int, person: str, *, places: int = 1, leaving: int | None = None) -> bool:
    """Whether this person has the mistake from now on: not where as many others have it as there are `places`.

    The mistake that they are `leaving` is released, and so is the oldest where they have more than TABS.
    """
    # One at a time: on PostgreSQL the next one waits here for the first; SQLite has but one writer anyway.
    session.exec(select(t.Attempt.id).where(t.Attempt.id == attempt_id).with_for_update(key_share=True)).one()
    moment, lease = db.clock(session), t.Lease
    over, mine = _over(moment), col(lease.person) == person
    gone = (col(lease.attempt_id) == attempt_id) & over
    left = mine & (over | (col(lease.attempt_id) == leaving)) & (col(lease.attempt_id) != attempt_id)
    session.execute(sa.delete(lease).where(gone | left))
    having = session.exec(select(lease).where(lease.attempt_id == attempt_id)).all()
    own = next((row for row in having if row.person == person), None)
    if own is None and len(having) >= places:
        return False
    if own is None:
        own = lease(attempt_id=attempt_id, person=person, until=moment)
        session.add(own)
    own.until = moment + LEASE
    session.flush()
    _keep_latest(session, person)
    return True


def _keep_latest(session: Session, person: str) -> None:
    """Let go of what this person took or renewed longest ago, where they have more than two tabs can show."""
    latest = (col(t.Lease.until).desc(), col(t.Lease.id).desc())
    more = select(t.Lease.id).where(t.Lease.person == person).order_by(*latest).offset(TABS)
    gone = session.exec(more.with_for_update(skip_locked=True)).all()  # another tab may do the same
    if gone:
        session.execute(sa.delete(t.Lease).where(col(t.Lease.id).in_(gone)))


def release(session: Session, attempt_id: int, person: str) -> None:
    """Let go of a mistake."""
    lease = t.Lease
    session.execute(sa.delete(lease).where(col(lease.attempt_id) == attempt_id, col(lease.person) == person))


def want(session: Session, exam_id: int, *, by: Person, **numbers: int) -> None:
    """Say how people are to judge the exam: any of NUMBERS. What isn't named stays.

    `judgements_wanted`: by so many people each text. `practice`: so many explained texts before a person's first.
    `check_every`, `repeat_every`: after so many texts a hidden check, a repeat; 0 is never.

    Raises: Forbidden; BadInput, NotFound.
    """
    person = require(by, Right.SET_EXAM)
    row = session.get(t.Exam, exam_id)
    if row is None:
        raise NotFound(f"unknown exam: {exam_id}")
    for name, number in numbers.items():
        low, high, words = NUMBERS[name]
        if not low <= number <= high:
            raise BadInput(f"an exam wants {low} to {high:,} {words}, not {number:,}")
        setattr(row, name, number)
    queries.audit(session, person, "want judgements", f"exam {row.uid}", **numbers)
    session.flush()
