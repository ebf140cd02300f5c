"""Saved views: kept by name, replaced, renamed, deleted; each act leaves its row."""

import pytest
from sqlmodel import Session, select

from mapd.errors import BadInput, NotFound
from mapd.people import owner
from mapd.review import saved_views
from mapd.store import tables as t

WRONG = {"verdict": "accepted", "gold": "fails"}


def named(session: Session) -> dict[str, saved_views.Address]:
    return {view.name: view.address for view in saved_views.saved_views(session)}


def uid(session: Session, name: str) -> str:
    return next(view.uid for view in saved_views.saved_views(session) if view.name == name)


def test_a_view_is_saved_replaced_renamed_and_deleted(session: Session) -> None:
    saved_views.save(session, "  wrong   but accepted ", WRONG, by=owner("Ann"))
    saved_views.save(session, "all", {}, by=owner("ann"))
    assert named(session) == {"all": {}, "wrong but accepted": WRONG}
    saved_views.save(session, "all", {"show": "mistakes"}, by=owner("bob"), replace=True)
    saved_views.rename(session, uid(session, "all"), "mistakes", by=owner("bob"))
    assert named(session) == {"mistakes": {"show": "mistakes"}, "wrong but accepted": WRONG}
    gone = saved_views.remove(session, uid(session, "wrong but accepted"), by=owner("bob"))
    assert (gone.name, gone.address) == ("wrong but accepted", WRONG)
    assert list(named(session)) == ["mistakes"]
    acts = [(a.action, a.detail.get("before")) for a in session.exec(select(t.Audit)).all()]
    assert acts[2] == ("save view", {}), "what was replaced can be read"
    assert [act for act, _ in acts] == ["save view"] * 3 + ["rename view", "delete view"]


def test_what_can_not_be_is_one_clear_line(session: Session) -> None:
    saved_views.save(session, "a", {}, by=owner("ann"))
    saved_views.save(session, "b", {}, by=owner("ann"))
    with pytest.raises(BadInput, match="another view is named 'b'"):
        saved_views.rename(session, uid(session, "a"), "b", by=owner("ann"))
    with pytest.raises(BadInput, match="a view is named 'a', with other filters; replace it, or choose another name"):
        saved_views.save(session, "a", WRONG, by=owner("ann"))
    saved_views.save(session, "a", {}, by=owner("ann"))  # the same again is no fault
    for name in ("", "x" * 61, "a\u202eb"):
        with pytest.raises(BadInput, match="can't be named"):
            saved_views.save(session, name, {}, by=owner("ann"))
    with pytest.raises(NotFound, match="was deleted meanwhile"):
        saved_views.remove(session, "c", by=owner("ann"))
