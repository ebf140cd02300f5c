"""The row that a person names, by its id, its uid or its name: exam 3, 5e0c… or Tiny-1b.

session.exec(by_reference(select(t.Student), t.Student, "smollm2")).first()       -> the student, or None
"""

from typing import Any, TypeVar

import sqlalchemy as sa
from sqlmodel import col

from mapd.store import tables as t

Query = TypeVar("Query", bound=sa.Select[*tuple[Any, ...]])
# A longer number is no id: it may not fit into the 64 bits of a database's integer.
MOST_DIGITS = 17


def by_reference(query: Query, table: type[t.Travelling], ref: str | int) -> Query:
    """Return the query for the one row of the table that has this name, uid or id; a number is an id alone."""
    id_, uid = col(table.id), col(table.uid)
    if isinstance(ref, int):
        return query.where(id_ == ref)
    matches = [uid == ref]
    if (name := getattr(table, "name", None)) is not None:
        matches.insert(0, name == ref)
    if ref.isascii() and ref.isdigit() and len(ref) <= MOST_DIGITS:
        matches.append(id_ == int(ref))
    # A name may look like another row's uid or id: then the name counts.
    rank = sa.case(*((match, place) for place, match in enumerate(matches)))
    return query.where(sa.or_(*matches)).order_by(rank).limit(1)
