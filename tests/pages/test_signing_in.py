"""Who sees what: before signing in, as an owner, as one who only judges; and an app that others can reach."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from sqlmodel import Session, select
from streamlit.testing.v1 import AppTest

from mapd.domain import Act
from mapd.people import owner
from mapd.review import assignment, judging
from mapd.settings import Settings
from mapd.store import db, sign_ins
from mapd.store import tables as t
from mapd.ui.kit import cookies
from mapd.ui.kit.sign_in import is_loopback, providers
from tests.conftest import writing
from tests.pages.running import ROOT, errors, has_triage, shown

PEOPLE = {"MAPD_OWNERS": "ann@x.org", "MAPD_ANNOTATORS": "bob@x.org"}
PAGES = ("loop/data", "loop/exam", "curate/threshold", "train/results", "review/room")


@pytest.fixture(autouse=True)
def people(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in PEOPLE.items():
        monkeypatch.setenv(name, value)


def visit(page: str, email: str | None, wanted: str = "", **params: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30)
    user: dict[str, Any] = {"is_logged_in": email is not None}
    app.user = user | ({"email": email, "email_verified": True, "iat": time.time()} if email else {})
    app.secrets = {"auth": {"client_id": "mapd"}}
    for name, value in params.items():
        app.query_params[name] = value
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            cookies, "read", {cookies.RETURN_ADDRESS: wanted, cookies.PERSON: "", cookies.VIEW: ""}.__getitem__
        )
        app.switch_page(f"pages/{page}.py").run()
    assert not app.exception
    return app


def links(app: AppTest) -> list[str]:
    return [one.proto.label for one in app.sidebar.get("page_link")]


def test_who_has_not_signed_in_sees_the_way_in_and_nothing_of_the_project(full_home: Path) -> None:
    app = visit("review/triage", None, queue="disagree")
    assert [b.label for b in app.button] == ["Sign in"]
    assert not app.selectbox
    assert not links(app)
    assert "pilot" not in shown(app)
    assert "disagree" in shown(app), "where to go afterwards, kept in the browser"


def test_a_sign_in_that_is_not_set_up_is_one_line(full_home: Path) -> None:
    app = visit("review/triage", None)
    app.button[0].click().run()
    assert not app.exception
    assert "signing in isn" in errors(app)[0], "streamlit itself finds no [auth] here"


def test_an_owner_sees_everything_under_their_e_mail(full_home: Path) -> None:
    app = visit("review/guidelines", "Ann@x.org")
    assert "<b>ann@x.org</b>, an owner" in shown(app)
    assert "Save as a new version" in [b.label for b in app.button]
    assert "Data" in links(app)
    assert not [field for field in app.text_input if field.key == "person_name"], "the name is the e-mail"


def test_one_who_judges_sees_what_judging_needs(full_home: Path) -> None:
    app = visit("review/guidelines", "bob@x.org")
    assert links(app) == ["Triage", "Browse", "People", "Guidelines"]
    assert "<b>bob@x.org</b>, who judges" in shown(app)
    assert "Save as a new version" not in [b.label for b in app.button]
    assert not visit("review/people", "bob@x.org").number_input
    for page in PAGES:
        (said,) = errors(visit(page, "bob@x.org"))
        assert "is for this project's owners" in said.replace("&#x27;", "'")


def test_one_who_judges_begins_has_triage(full_home: Path) -> None:
    app = visit("loop/overview", "bob@x.org", judge="first")
    assert has_triage(app)
    assert app.query_params["judge"] == ["first"] or app.query_params["judge"] == "first", "what was asked is kept"


def test_who_signed_in_is_taken_to_what_they_had_asked_for(full_home: Path) -> None:
    app = visit("loop/overview", "bob@x.org", wanted="people?record=bob%40x.org&exam=?")
    assert [h.value for h in app.header] == ["People"]
    assert app.query_params["record"] == "bob@x.org"
    for nowhere in ("nowhere?a=1", "//evil.org", "http://evil.org?", "%00"):
        assert has_triage(visit("loop/overview", "bob@x.org", wanted=nowhere)), nowhere
    assert [h.value for h in visit("review/people", "bob@x.org", wanted="browse?").header] == ["People"]


def test_a_stranger_is_told_why_and_can_sign_out(full_home: Path) -> None:
    app = visit("review/browse", "eve@evil.org")
    assert "eve@evil.org is none of this project" in errors(app)[0]
    assert [b.label for b in app.button] == ["Sign out"]
    assert not app.selectbox


@pytest.fixture
def reading(full_home: Path) -> Iterator[Session]:
    engine = db.open_store(Settings())
    with db.reading(engine) as session:
        yield session
    engine.dispose()


def press(app: AppTest, label: str) -> None:
    """Press a button of the page."""
    next(button for button in app.button if re.search(label, button.label)).click().run()
    assert not app.exception


def test_who_lost_their_role_is_shown_nothing_more(full_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = visit("review/triage", "bob@x.org")
    assert has_triage(app)
    monkeypatch.setenv("MAPD_ANNOTATORS", "")
    app.run()
    assert "bob@x.org is none of this project" in errors(app)[0]
    assert not has_triage(app)


def test_an_owner_who_only_judges_now_does_so_from_the_next_act_on(
    reading: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = visit("review/guidelines", "ann@x.org")
    monkeypatch.setenv("MAPD_OWNERS", "eve@x.org")
    monkeypatch.setenv("MAPD_ANNOTATORS", "ann@x.org")
    app.text_area[0].set_value("accept all")
    press(app, "Save as a new version")
    assert reading.exec(select(t.Guidelines)).all() == []
    assert "<b>ann@x.org</b>, who judges" in shown(app)


def test_who_signed_out_in_another_tab_is_shown_nothing_more_here(full_home: Path) -> None:
    app = visit("review/triage", "bob@x.org")
    with db.writing(db.open_store(Settings())) as session:
        sign_ins.end(session, app.user)
    app.run()
    assert [b.label for b in app.button] == ["Sign in"]
    assert any("You signed out" in m.value for m in app.markdown)
    assert not has_triage(app)


def test_named_people_without_a_way_to_sign_in_shut_the_app(full_home: Path) -> None:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30).run()
    assert "nobody can sign in" in errors(app)[0]
    assert not app.selectbox


def test_an_app_that_others_can_reach_asks_who_they_are(full_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PEOPLE:
        monkeypatch.delenv(name)
    real = st.get_option
    monkeypatch.setattr(st, "get_option", lambda name: "0.0.0.0" if name == "server.address" else real(name))
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30).run()
    assert "can be reached from other machines, and nobody has to sign in: 0.0.0.0" in errors(app)[0]


@pytest.mark.parametrize(
    ("address", "here"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("every address", False)],
)
def test_which_addresses_are_this_machines_alone(address: str, here: bool) -> None:
    assert is_loopback(address) is here


def test_each_provider_has_a_button() -> None:
    assert providers({"client_id": "a", "cookie_secret": "b"}) == [(None, "Sign in")]
    several = {"cookie_secret": "b", "google": {"client_id": "a"}, "okta": {"client_id": "c"}}
    assert providers(several) == [("google", "Sign in with google"), ("okta", "Sign in with okta")]


def test_a_curator_sees_all_judgements_and_who_judges_sees_none_before_their_own(full_home: Path) -> None:
    engine = db.open_store(Settings())
    with writing(engine) as session:
        judging.judge(session, judging.Target("rationale", 1), Act.REJECT, by=owner("bob@x.org"))
        assignment.set_judging(session, 1, by=owner("ann"), judgements_wanted=2)
    mine = visit("review/browse", "ann@x.org", verdict="accepted")
    assert "<b>23</b> of 36" in shown(mine)
    assert "These counts leave out others’ judgements" not in " ".join(c.value for c in mine.caption)
    monkey = visit("review/browse", "bob@x.org", verdict="accepted")
    assert "<b>23</b> of 36" in shown(monkey), "who said it knows it"
    with db.writing(engine) as session:
        judging.judge(session, judging.Target("rationale", 2), Act.REJECT, by=owner("ann@x.org"))
    theirs = visit("review/browse", "bob@x.org", verdict="accepted", others="true")
    assert "<b>23</b> of 36" in shown(theirs)
    assert "only this project&#x27;s owners see others&#x27; judgements before their own" in errors(theirs)[0]
    assert "These counts leave out others’ judgements" in " ".join(c.value for c in theirs.caption)
    assert not [box for box in theirs.toggle if box.key == "others"]
