"""How people are to judge: markdown that the project's owner writes, version after version, none ever changed.

    save(session, "# Accept\\nIts answer is right, and each step …", by=owner("ann"), base_uid=None)
    current(session).text          -> what stands beside the work
    versions(session)[-1].verdicts -> so many judgements were made while the first version was the current one

A judgement holds no version: which one was current is told by time.
"""

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from mapd.domain import Act
from mapd.errors import BadInput, Stale
from mapd.people import Person, Right, require
from mapd.store import audit_log, db, queries
from mapd.store import tables as t

LONGEST = 20_000  # characters
# Any number of ours ("guide"): PostgreSQL's advisory lock for "somebody saves guidelines".
LOCK = 0x6775696465


@dataclass(frozen=True, slots=True)
class Version:
    """One version, from when on until when it was the current one, and how many verdicts were given by it."""

    number: int
    uid: str
    text: str
    person: str
    since: datetime
    until: datetime | None
    verdicts: int
    # It came with an archive. It is current only where the project has none of its own.
    from_archive: bool = False


def current(session: Session) -> t.Guidelines | None:
    """Return the latest version; None where nobody wrote any."""
    return session.exec(select(t.Guidelines).order_by(*_NEWEST).limit(1)).first()


# Versions of an archive stand behind the project's own, however new they are.
_OWN_FIRST = sa.case((col(t.Guidelines.origin).is_(None), 0), else_=1)
_NEWEST = (_OWN_FIRST, col(t.Guidelines.created_at).desc(), col(t.Guidelines.id).desc())


def save(session: Session, text: str, *, by: Person, base_uid: str | None) -> t.Guidelines:
    """Keep a new version. `base_uid`: the version that it was written over. The same text again is no version.

    Raises: Forbidden; BadInput (nothing, or too much), Stale (somebody saved another one since).
    """
    db.lock(session, LOCK)
    person, words, last = require(by, Right.WRITE_GUIDELINES), text.strip(), current(session)
    if not 0 < len(words) <= LONGEST:
        raise BadInput(f"guidelines have 1 to {LONGEST:,} characters, not {len(words):,}")
    if last is not None and last.text == words:
        return last
    if last is not None and last.uid != base_uid:
        raise Stale(f"{last.person} saved another version in the meantime; nothing was saved: put yours beside theirs")
    row = t.Guidelines(created_at=queries.moment(session), text=words, person=person)
    session.add(row)
    audit_log.audit(session, person, "save guidelines", f"guidelines {row.uid}")
    session.flush()
    return row


def versions(session: Session) -> list[Version]:
    """Return every version, the newest first."""
    rows = session.exec(select(t.Guidelines).order_by(*_NEWEST)).all()[::-1]
    moments: list[datetime | None] = [*(row.created_at for row in rows), None]
    totals = [_count_verdicts(session, moment) for moment in moments]
    verdict_counts = [max(0, after - so_far) for so_far, after in pairwise(totals)]
    history = [
        Version(n, row.uid, row.text, row.person, row.created_at, end, count, row.origin is not None)
        for n, (row, end, count) in enumerate(zip(rows, moments[1:], verdict_counts, strict=True), 1)
    ]
    return history[::-1]


def _count_verdicts(session: Session, moment: datetime | None) -> int:
    verdicts = col(t.Judgement.decision).in_((Act.ACCEPT, Act.REJECT)) & col(t.Judgement.counts)
    query = select(func.count()).select_from(t.Judgement).where(verdicts)
    return session.exec(query if moment is None else query.where(col(t.Judgement.created_at) < moment)).one()
