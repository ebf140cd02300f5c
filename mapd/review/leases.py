"""Who has which mistake in front of them: the card that they see and the next one or two. It expires.

    take(session, ann, {17: 1, 18: 1}, leave=[12])   -> [MistakeLease(17, "ann", since, until), …], []
    take(session, bob, {17: 1})                      -> [], [17]; list_leases(session, exam_id) says who has it

A lease is no lock: a link opens the mistake all the same, and decisions.py finds what is decided twice. What is
prefetched behind the next two isn't held, so that nobody starves. `places`: so many people may have it at once.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from mapd.people import Person, Right, require
from mapd.review.card_messages import Holder
from mapd.review.messages import OtherPerson
from mapd.review.passages import line
from mapd.store import db
from mapd.store import tables as t

LEASE = timedelta(minutes=3)
# Mistakes that one tab has: the one in front and the next two.
AT_ONCE = 3
# A page that is loaded again leaves a tab's leases behind, so a person may have two tabs' leases.
TABS = 2
SECONDS = int(LEASE.total_seconds())


@dataclass(frozen=True, slots=True)
class MistakeLease:
    """A mistake that somebody has in front of them."""

    attempt_id: int
    person: str
    since: datetime
    until: datetime

    @property
    def holder(self) -> Holder:
        """Return who has it since when, for the browser."""
        return Holder(person=line(self.person, 60), since=self.since)


def list_leases(session: Session, exam_id: int) -> list[MistakeLease]:
    """Return all of the exam that is in front of somebody now."""
    lease = t.Lease
    query = (
        select(lease)
        .join(t.Attempt, col(lease.attempt_id) == t.Attempt.id)
        .where(t.Attempt.exam_id == exam_id, ~_is_over(db.clock(session)))
        .order_by(col(lease.id))
    )
    return [MistakeLease(row.attempt_id, row.person, row.since, row.until) for row in session.exec(query).all()]


def list_others(rows: Iterable[MistakeLease], person: str, among: Collection[int] | None = None) -> list[OtherPerson]:
    """Return who else has something in front of them (of these mistakes), since when, the earliest first."""
    since: dict[str, list[datetime]] = {}
    for row in rows:
        if row.person != person and (among is None or row.attempt_id in among):
            since.setdefault(row.person, []).append(row.since)
    people = [OtherPerson(person=line(who, 60), mistakes=len(at), since=min(at)) for who, at in since.items()]
    return sorted(people, key=lambda holder: holder.since)


def take(
    session: Session, by: Person, places: Mapping[int, int], leave: Collection[int] = ()
) -> tuple[list[MistakeLease], list[int]]:
    """Take or renew leases on these mistakes (by id, with their places), in this order; give back those that are left.

    Returns what the person has of them now, and what they have not, because as many others do.

    Raises: Forbidden, BadInput.
    """
    person = require(by, Right.JUDGE)
    lease, mistakes = t.Lease, list(places)
    # One at a time on each mistake: on PostgreSQL the next one waits here. SQLite has but one writer anyway.
    rows = select(t.Attempt.id).where(col(t.Attempt.id).in_(mistakes)).order_by(col(t.Attempt.id))
    session.exec(rows.with_for_update(key_share=True)).all()
    moment = db.clock(session)
    over, of_person = _is_over(moment), col(lease.person) == person
    expired = col(lease.attempt_id).in_(mistakes) & over
    session.execute(sa.delete(lease).where(expired | (of_person & (over | col(lease.attempt_id).in_(list(leave))))))
    leases = session.exec(select(lease).where(col(lease.attempt_id).in_(mistakes))).all()
    having: dict[int, list[t.Lease]] = {attempt: [] for attempt in mistakes}
    for row in leases:
        having[row.attempt_id].append(row)
    granted, refused = [], []
    for attempt, number in places.items():
        lease_of = next((row for row in having[attempt] if row.person == person), None)
        if lease_of is None and len(having[attempt]) >= number:
            refused.append(attempt)
            continue
        # A renewed lease keeps its beginning: others see since when.
        lease_of = lease_of or lease(attempt_id=attempt, person=person, since=moment, until=moment)
        lease_of.until = moment + LEASE
        session.add(lease_of)
        granted.append(MistakeLease(attempt, person, lease_of.since, lease_of.until))
    session.flush()
    _keep_latest(session, person, mistakes)
    return granted, refused


def _is_over(at: datetime) -> sa.ColumnElement[bool]:
    # The database's clock counts. A lease that was taken before it was set back is over, too.
    # Twice the time: another request may have renewed the lease since `at` was read.
    return sa.not_(col(t.Lease.until).between(at, at + 2 * LEASE))


def _keep_latest(session: Session, person: str, mistakes: Collection[int]) -> None:
    # A person's tabs can't show more: what was taken longest ago is let go.
    latest = (col(t.Lease.until).desc(), col(t.Lease.id).desc())
    of_others = select(t.Lease.id).where(t.Lease.person == person, col(t.Lease.attempt_id).not_in(mistakes))
    spare = max(0, TABS * AT_ONCE - len(mistakes))
    # `skip_locked`: a row that another request renews now is none that is left over.
    spare_leases = session.exec(of_others.order_by(*latest).offset(spare).with_for_update(skip_locked=True)).all()
    if spare_leases:
        session.execute(sa.delete(t.Lease).where(col(t.Lease.id).in_(spare_leases)))
