"""Saved views: kept by name, replaced, renamed, deleted; each act leaves its row."""

import pytest
from sqlmodel import Session, select

from mapd.curation import views
from mapd.errors import BadInput, NotFound
from mapd.people import owner
from mapd.store import tables as t

WRONG = {"verdict": "accepted", "gold": "fails"}


def test_a_view_is_saved_replaced_renamed_and_deleted(session: Session) -> None:
    views.save(session, "  wrong   but accepted ", WRONG, by=owner("Ann"))
    views.save(session, "all", {}, by=owner("ann"))
    assert views.saved_views(session) == {"all": {}, "wrong but accepted": WRONG}
    views.save(session, "all", {"show": "mistakes"}, by=owner("bob"))
    views.rename(session, "all", "mistakes", by=owner("bob"))
    assert views.saved_views(session) == {"mistakes": {"show": "mistakes"}, "wrong but accepted": WRONG}
    assert views.remove(session, "wrong but accepted", by=owner("bob")) == WRONG
    assert list(views.saved_views(session)) == ["mistakes"]
    acts = [(a.action, a.detail.get("before")) for a in session.exec(select(t.Audit)).all()]
    assert acts[2] == ("save view", {}), "what was replaced can be read"
    assert [act for act, _ in acts] == ["save view"] * 3 + ["rename view", "delete view"]


def test_what_can_not_be_is_one_clear_line(session: Session) -> None:
    views.save(session, "a", {}, by=owner("ann"))
    views.save(session, "b", {}, by=owner("ann"))
    with pytest.raises(BadInput, match="another view is named 'b'"):
        views.rename(session, "a", "b", by=owner("ann"))
    for name in ("", "x" * 61, "a\u202eb"):
        with pytest.raises(BadInput, match="can't be named"):
            views.save(session, name, {}, by=owner("ann"))
    with pytest.raises(NotFound, match="no view is named 'c'"):
        views.remove(session, "c", by=owner("ann"))
