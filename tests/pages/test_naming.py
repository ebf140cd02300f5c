"""A name is asked for before the first act that is kept under one; until then one reads."""

import re
from pathlib import Path

import pytest
from sqlmodel import select
from streamlit.testing.v1 import AppTest

from mapd import trash
from mapd.people import owner
from mapd.review import assignment
from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t
from tests.api.client import decision
from tests.conftest import writing
from tests.pages.running import client_of, errors, open_page, shown


def rows(table: type[t.Table]) -> list[t.Table]:
    with db.reading(db.open_store(Settings())) as session:
        found = list(session.exec(select(table)).all())
        session.expunge_all()
        return found


def labels(app: AppTest) -> list[str]:
    return [re.sub(r"\W+", " ", button.label).strip() for button in app.button]


def give_name(app: AppTest, key: str, name: str) -> AppTest:
    """Type the name where it is asked for, and press the button beside it."""
    app.text_input(key=f"{key}_name_field").set_value(name)
    form = next(b for b in app.button if b.form_id == f"{key}_name_form")
    return form.click().run()


def test_one_reads_without_a_name_and_gives_one_to_judge(full_home: Path) -> None:
    app = open_page("pages/review/triage.py", name=None, queue="everything")
    nobody = client_of(app)
    (card, *_) = nobody.window()["cards"]
    body = {"decisions": [decision(card, "accept")]}
    refused = nobody.http.post("/api/decisions", json=body, headers=nobody.headers)
    assert "give yours first" in refused.json()["error"]["line"], "it can be read, and no more"
    give_name(app, "triage", " Ann ")
    assert client_of(app).decide(decision(card, "accept"))["answers"][0]["status"] == "saved"
    assert [row.person for row in rows(t.Judgement)] == ["ann"]
    assert 'data-mapd-keep="mapd_person" data-mapd-value="ann"' in shown(app), "this browser keeps it"


def test_others_judgements_that_browse_showed_without_a_name_are_noted_once_there_is_one(full_home: Path) -> None:
    with writing(db.open_store(Settings())) as session:
        assignment.set_judging(session, 1, by=owner("zoe"), judgements_wanted=2)
    app = open_page("pages/review/browse.py", name=None, others="true", verdict="accepted")
    assert not rows(t.Exposure)
    app.text_input(key="person_name").set_value("Ann")
    app.query_params["verdict"] = "rejected"
    app.run()
    assert {row.person for row in rows(t.Exposure)} == {"ann"}
    accepted = open_page("pages/review/browse.py", name="bob", others="true", verdict="accepted")
    assert not errors(accepted)
    seen = {person: {x.explanation_id for x in rows(t.Exposure) if x.person == person} for person in ("ann", "bob")}
    assert seen["bob"] <= seen["ann"], "what was shown before the name, too"


def test_what_is_renamed_deleted_and_brought_back_is_so_under_a_name(full_home: Path) -> None:
    app = open_page("pages/loop/data.py", name=None)
    app.button(key="trash_ask").click().run()
    give_name(app, "trash_delete", "Ann")
    assert not rows(t.Exam)
    assert [row.person for row in rows(t.Audit) if row.action == "delete"] == ["ann"]
    app = open_page("pages/loop/data.py", name=None)
    give_name(app, f"trash_back_{trash.list_files(full_home)[0].file}", "Bob")
    assert len(rows(t.Exam)) == 1
    app = open_page("pages/loop/data.py", name=None)
    next(field for field in app.text_input if field.label == "Name").set_value("first")
    give_name(app, "trash_rename", "eve")
    assert [row.name for row in rows(t.Exam)] == ["first"]
    assert [row.person for row in rows(t.Audit) if row.action in ("restore", "rename")] == ["bob", "eve"]


@pytest.mark.parametrize("name", ["", " \t"])
def test_what_is_no_name_is_refused_where_it_was_asked_for(full_home: Path, name: str) -> None:
    app = give_name(open_page("pages/review/triage.py", name=None), "triage", name)
    assert "a person&#x27;s name has 1 to 254 characters" in errors(app)[0]
    assert "Judge" in labels(app)


def test_a_button_asks_for_the_name_and_does_what_it_is_for(full_home: Path) -> None:
    app = open_page("pages/curate/snapshots.py", name=None)
    give_name(app, "freeze", "Ann")
    assert [row.person for row in rows(t.Snapshot)] == ["ann"]
    assert not errors(app)


def test_a_button_with_a_callback_does_the_same(full_home: Path) -> None:
    app = open_page("pages/review/guidelines.py", name=None)
    app.text_area[0].set_value("accept all")
    give_name(app, "guidelines_None_save", "Ann")
    assert [(row.person, row.text) for row in rows(t.Guidelines)] == [("ann", "accept all")]


def test_how_an_exam_is_judged_is_changed_under_a_name(full_home: Path) -> None:
    app = open_page("pages/review/people.py", name=None)
    assert all(field.disabled for field in app.number_input)
    give_name(app, "people", "ann")
    assert not any(field.disabled for field in app.number_input)


def test_a_view_and_a_policy_ask_first_too(full_home: Path) -> None:
    app = open_page("pages/review/browse.py", name=None)
    app.text_input(key="view_name").set_value("mine")
    app.run()
    app.button(key="view_save").click().run()
    assert "who does this?" in errors(app)[0]
    assert not rows(t.SavedView)
    give_name(app, "views", "ann")
    app.button(key="view_save").click().run()
    assert [row.person for row in rows(t.SavedView)] == ["ann"]
    assert "save_policy" in str([b.form_id for b in open_page("pages/curate/threshold.py", name=None).button])


def test_no_page_takes_the_machines_user_for_a_person(full_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "sysuser")
    for page in ("loop/overview", "loop/data", "review/triage", "review/browse", "review/people", "curate/snapshots"):
        app = open_page(f"pages/{page}.py", name=None)
        assert "sysuser" not in shown(app) + str([popover.proto for popover in app.get("popover")]), page
