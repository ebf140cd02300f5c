"""Texts that a person has seen unblinded: with scores, checks and verdict. Later judgements on them are not blind.

record(session, "ann", {17, 18})              # as they are shown
find_exposed(session, "ann", {17, 18, 19})    -> {17, 18}, in whatever tab and on whatever day
"""

from collections.abc import Collection

from sqlmodel import Session, col, select

from mapd.store import db
from mapd.store import tables as t


def find_exposed(session: Session, person: str, texts: Collection[int]) -> set[int]:
    """Return those of the texts that this person has seen unblinded."""
    query = select(t.Exposure.explanation_id).where(
        t.Exposure.person == person, col(t.Exposure.explanation_id).in_(texts)
    )
    return set(session.exec(query).all())


def record(session: Session, person: str, texts: Collection[int]) -> None:
    """Record that this person is shown these texts unblinded."""
    fresh = set(texts) - find_exposed(session, person, texts)
    if not fresh:
        return
    rows = [{"person": person, "explanation_id": text} for text in sorted(fresh)]
    # Another tab may have written the same rows since they were looked for.
    session.execute(db.insert(session, t.Exposure).values(rows).on_conflict_do_nothing())
