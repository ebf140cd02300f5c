"""Saved views: filters of the browse page under a name, kept in the project and open to all of it.

save(session, "wrong but accepted", {"verdict": "accepted", "gold": "fails"}, by=owner("ann"))
saved_views(session)        -> [View("5e…", "wrong but accepted", {"verdict": "accepted", "gold": "fails"})]
remove(session, "5e…", by=owner("ann"))     -> the view, so that it can be saved again

A view is renamed and deleted by its uid: its name may have changed since a button was drawn.
"""

from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select

from mapd.errors import BadInput, NotFound
from mapd.people import Person, Right, require
from mapd.store import audit_log
from mapd.store import tables as t

LONGEST = 60  # characters of a name
Address = dict[str, Any]  # the filters that differ from the default


@dataclass(frozen=True, slots=True)
class View:
    """Filters under a name."""

    uid: str
    name: str
    address: Address


def saved_views(session: Session) -> list[View]:
    """Return every view, by name."""
    rows = session.exec(select(t.SavedView).order_by(col(t.SavedView.name))).all()
    return [View(row.uid, row.name, row.address) for row in rows]


def save(session: Session, name: str, address: Address, *, by: Person, replace: bool = False) -> None:
    """Save filters under a name. A view of this name has these from now on where it is to `replace` it.

    Raises: Forbidden; BadInput for a name that can't be one, or that a view with other filters has.
    """
    person, name = require(by, Right.SAVE_VIEW), _check_name(name)
    row = session.exec(select(t.SavedView).where(t.SavedView.name == name)).first()
    if row is not None and row.address != address and not replace:
        raise BadInput(f"a view is named {name!r}, with other filters; replace it, or choose another name")
    previous = row and row.address
    row = row or t.SavedView(name=name, address={}, person=person)
    row.address, row.person = address, person
    session.add(row)
    audit_log.audit(session, person, "save view", f"view {name}", address=address, before=previous)


def rename(session: Session, uid: str, to: str, *, by: Person) -> None:
    """Give a view another name. Raises: Forbidden; NotFound; BadInput for no name, or another view's."""
    person, to, row = require(by, Right.SAVE_VIEW), _check_name(to), _view(session, uid)
    if to == row.name:
        return
    if session.exec(select(t.SavedView.id).where(t.SavedView.name == to)).first() is not None:
        raise BadInput(f"another view is named {to!r}; rename or delete that one first")
    audit_log.audit(session, person, "rename view", f"view {row.name}", to=to)
    row.name = to


def remove(session: Session, uid: str, *, by: Person) -> View:
    """Delete a view and return it, as it was. Raises: Forbidden; NotFound."""
    person, row = require(by, Right.SAVE_VIEW), _view(session, uid)
    session.delete(row)
    audit_log.audit(session, person, "delete view", f"view {row.name}", address=row.address)
    return View(row.uid, row.name, row.address)


def _view(session: Session, uid: str) -> t.SavedView:
    row = session.exec(select(t.SavedView).where(t.SavedView.uid == uid)).first()
    if row is None:
        raise NotFound(f"the view {uid[:12]} was deleted meanwhile; nothing was changed")
    return row


def _check_name(name: str) -> str:
    name = " ".join(name.split())
    if not 0 < len(name) <= LONGEST or not name.isprintable():
        raise BadInput(f"a view can't be named {name!r}: 1 to {LONGEST} characters")
    return name
