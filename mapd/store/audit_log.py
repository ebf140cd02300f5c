"""The audit: one row for each act of a person, and what its rows tell of the project."""

import hashlib
from collections.abc import Sequence
from typing import Any

from sqlmodel import Session, col, func, select

from mapd.errors import Stale
from mapd.store import tables as t

# The audit's words: for the recorded demo, by which a page knows; for what changes ids or names, and what is renamed
# then; for a person's judgements that don't count any more, and that do again; for a file of the trash that is gone.
RECORDED_DEMO = "load recorded demo"
DELETED, RESTORED, RENAMED = "delete", "restore", "rename"
PROJECT = "project"
SET_ASIDE, COUNTED_AGAIN = "set aside", "count again"
PURGED = "delete for good"
# So many are named; the sha256 is of all.
MOST_FILES = 20


# What was read before one of these may have other ids or names by now, or may not count.
CHANGES = (DELETED, RESTORED, RENAMED, SET_ASIDE, COUNTED_AGAIN)


def edition(session: Session, *acts: str) -> int:
    """Count what was deleted, put back, renamed, or set aside."""
    acts = acts or CHANGES
    return session.exec(select(func.count()).select_from(t.Audit).where(col(t.Audit.action).in_(acts))).one()


def check_ids(session: Session, edition_: int) -> None:
    """Refuse an act on ids that were read before something was deleted: they may be others' by now. Raises: Stale."""
    if edition(session, DELETED) != edition_:
        raise Stale("something was deleted from the project in the meantime; it was reloaded, nothing was saved")


def project_name(session: Session) -> str | None:
    """Return the name that people gave the project last; none where it is called as its folder."""
    query = select(t.Audit.detail).where(t.Audit.action == RENAMED, t.Audit.target == PROJECT)
    latest = session.exec(query.order_by(col(t.Audit.id).desc()).limit(1)).first()
    return latest["to"] or None if latest else None


def describe_files(files: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return an act's details of its files, each as (name, sha256). Of several it is that of their list, as
    `sha256sum` writes one."""
    sums = dict(files)
    if len(sums) < 2:
        return dict(zip(("file", "sha256"), next(iter(sums.items()), ()), strict=False))
    listing = "".join(f"{sha256}  {name}\n" for name, sha256 in sorted(sums.items()))
    surplus = len(sums) - MOST_FILES
    names = ", ".join([*sums][:MOST_FILES]) + (f" and {surplus:,} more" if surplus > 0 else "")
    sha256 = hashlib.sha256(listing.encode()).hexdigest()
    return {"file": names, "sha256": sha256, "files": dict([*sums.items()][:MOST_FILES])}


def audit(session: Session, person: str, action: str, target: str, **detail: Any) -> None:
    """Leave the row that every act leaves."""
    session.add(t.Audit(person=person, action=action, target=target, detail=detail))
