"""The fingerprint of each local model's files, as they were when the model was first named here.

find(session, "path:/models/mine")   -> "b3a1…", the sha256 of all files that a loader reads
"""

import sqlalchemy as sa
from sqlmodel import Session, col, select

from mapd.store import tables as t


def find(session: Session, source: str) -> str | None:
    """Return the source's fingerprint; None where it has none yet."""
    return session.exec(select(t.Fingerprint.sha256).where(t.Fingerprint.source == source)).first()


def by_source(session: Session) -> dict[str, str]:
    """Return every fingerprint, by source."""
    return dict(session.exec(select(t.Fingerprint.source, t.Fingerprint.sha256)).all())


def replace(session: Session, source: str, sha256: str) -> None:
    """Give the source another fingerprint."""
    session.execute(sa.update(t.Fingerprint).where(col(t.Fingerprint.source) == source).values(sha256=sha256))
