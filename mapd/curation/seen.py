"""Which texts a person has seen with all that is known of them: what they say of one later wasn't judged first.

note(session, "ann", {17, 18})       # as they are shown
of(session, "ann", {17, 18, 19})     -> {17, 18}, in whatever tab and on whatever day
"""

from collections.abc import Collection

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from mapd.store import tables as t


def find_exposed(session: Session, person: str, texts: Collection[int]) -> set[int]:
    """Return those of the texts that this person has seen unblinded."""
    query = select(t.Seen.explanation_id).where(t.Seen.person == person, col(t.Seen.explanation_id).in_(texts))
    return set(session.exec(query).all())


def record(session: Session, person: str, texts: Collection[int]) -> None:
    """Record that this person is shown these texts unblinded."""
    fresh = set(texts) - find_exposed(session, person, texts)
    if not fresh:
        return
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    rows = [{"person": person, "explanation_id": text} for text in sorted(fresh)]
    session.execute(insert(t.Seen).values(rows).on_conflict_do_nothing())  # another tab may be first
