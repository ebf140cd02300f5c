"""Saved views: filters of the browse page under a name, kept in the project and open to all of it.

save(session, "wrong but accepted", {"verdict": "accepted", "gold": "fails"}, by=owner("ann"))
remove(session, "wrong but accepted", by=owner("ann"))     -> its filters, so that it can be saved again
"""

from typing import Any

from sqlmodel import Session, col, select

from mapd.errors import BadInput, NotFound
from mapd.people import Person, Right, require
from mapd.store import queries
from mapd.store import tables as t

LONGEST = 60  # characters of a name
Address = dict[str, Any]  # the filters that aren't as they always are


def saved_views(session: Session) -> dict[str, Address]:
    """Every view's filters, by name in their order."""
    rows = session.exec(select(t.SavedView).order_by(col(t.SavedView.name))).all()
    return {row.name: row.address for row in rows}


def save(session: Session, name: str, address: Address, *, by: Person) -> None:
    """Save filters under a name; a view that is there has these from now on.

    Raises: Forbidden; BadInput for a name of no characters.
    """
    person, name = require(by, Right.SAVE_VIEW), _named(name)
    row = session.exec(select(t.SavedView).where(t.SavedView.name == name)).first()
    before = row and row.address
    row = row or t.SavedView(name=name, address={}, person=person)
    row.address, row.person = address, person
    session.add(row)
    queries.audit(session, person, "save view", f"view {name}", address=address, before=before)


def rename(session: Session, name: str, to: str, *, by: Person) -> None:
    """Give a view another name.

    Raises: Forbidden; NotFound; BadInput for a name of no characters, or one that another view has.
    """
    person, to, row = require(by, Right.SAVE_VIEW), _named(to), _view(session, name)
    if to == name:
        return
    if session.exec(select(t.SavedView.id).where(t.SavedView.name == to)).first() is not None:
        raise BadInput(f"another view is named {to!r}; rename or delete that one first")
    row.name = to
    queries.audit(session, person, "rename view", f"view {name}", to=to)


def remove(session: Session, name: str, *, by: Person) -> Address:
    """Delete a view; returns its filters.

    Raises: Forbidden; NotFound.
    """
    person, row = require(by, Right.SAVE_VIEW), _view(session, name)
    session.delete(row)
    queries.audit(session, person, "delete view", f"view {name}", address=row.address)
    return row.address


def _view(session: Session, name: str) -> t.SavedView:
    row = session.exec(select(t.SavedView).where(t.SavedView.name == name)).first()
    if row is None:
        raise NotFound(f"no view is named {name!r} any more")
    return row


def _named(name: str) -> str:
    name = " ".join(name.split())
    if not 0 < len(name) <= LONGEST or not name.isprintable():
        raise BadInput(f"a view can't be named {name!r}: 1 to {LONGEST} characters")
    return name
