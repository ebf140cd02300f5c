"""Renaming, deleting and bringing back on the data page; and no page shows what is gone, or its ids' next owner's."""

from pathlib import Path

import pytest
from sqlmodel import select
from streamlit.testing.v1 import AppTest

from mapd import trash
from mapd.domain import Act
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import db, queries
from mapd.store import tables as t
from tests import samples
from tests.api.client import decision
from tests.conftest import import_files, writing
from tests.pages.running import errors, open_page, shown, triage
from tests.pages.test_odd_stores import PAGES


def data(**params: str) -> AppTest:
    return open_page("pages/loop/data.py", **params)


def exams() -> list[str]:
    with db.reading(db.open_store(Settings())) as session:
        return [exam.name for exam in queries.exams(session)]


def name_field(app: AppTest):
    return next(field for field in app.text_input if field.label == "Name")


def test_it_asks_before_says_after_and_brings_back(full_home: Path) -> None:
    (name,) = exams()
    app = data()
    assert not [b for b in app.button if b.key == "trash_delete"]
    app.button(key="trash_ask").click().run()
    asked = next(e.proto.body for e in app.get("html") if "This moves to the trash" in e.proto.body)
    assert "12 questions" in asked
    assert "36 rationales" in asked
    app.button(key="trash_keep").click().run()
    assert "This moves to the trash" not in shown(app)
    assert exams() == [name]
    app.button(key="trash_ask").click().run()
    app.button(key="trash_delete").click().run()
    assert exams() == []
    assert f"deleted {name}" in shown(app)
    assert errors(app) == [], "the address goes on to what is there"
    assert "Nothing is in this project yet" in " ".join(m.value for m in app.markdown)
    assert [e.label for e in app.expander if e.label.startswith("Trash")] == ["Trash · 1"]
    app.button(key="trash_undo").click().run()
    assert exams() == [name]
    assert f"import {name} is back" in shown(app)
    assert trash.list_files(full_home) == []


def test_a_name_is_what_the_field_says_at_the_click(full_home: Path) -> None:
    app = data()
    name_field(app).set_value("svamp, first")
    app.button(key="trash_rename").click().run()
    assert exams() == ["svamp, first"]
    assert "is now svamp, first" in shown(app)
    assert errors(app) == []
    app.selectbox(key="trash_choice").set_value("").run()
    name_field(app).set_value("A pilot")
    app.button(key="trash_rename").click().run()
    assert "<i>project</i>A pilot<" in shown(app)
    name_field(app).set_value("a\u202eb")
    app.button(key="trash_rename").click().run()
    assert "a project can&#x27;t be named" in errors(app)[0]


def test_a_teacher_can_be_renamed_and_not_deleted(full_home: Path) -> None:
    app = data()
    with db.reading(db.open_store(Settings())) as session:
        gpt = session.exec(select(t.Teacher.uid).where(t.Teacher.name == "gpt")).one()
    browse = open_page("pages/review/browse.py")
    assert ">gpt<" in shown(browse)
    app.selectbox(key="trash_choice").set_value(gpt).run()
    assert not [b for b in app.button if b.key == "trash_ask"]
    name_field(app).set_value("GPT-4")
    app.button(key="trash_rename").click().run()
    for page in ("review/browse", "loop/overview", "curate/agreement", "curate/threshold"):
        body = shown(open_page(f"pages/{page}.py"))
        assert ">GPT-4<" in body or "GPT-4</span>" in body, page
        assert ">gpt<" not in body, page


def test_the_project_can_be_deleted_and_begun_again(full_home: Path) -> None:
    app = data()
    app.selectbox(key="trash_choice").set_value("").run()
    app.button(key="trash_ask").click().run()
    app.button(key="trash_delete").click().run()
    assert exams() == []
    for page in PAGES:
        assert not open_page(page).exception, page
    app = data()
    app.button(key=f"trash_back_{trash.list_files(full_home)[0].file}").click().run()
    assert len(exams()) == 1


@pytest.mark.parametrize("path", PAGES)
def test_no_page_shows_what_is_gone_where_its_ids_are_anothers(full_home: Path, tmp_path: Path, path: str) -> None:
    engine = db.open_store(Settings())
    with db.reading(engine) as session:
        (old,) = queries.exams(session)
    before = shown(open_page(path))
    with db.writing(engine) as session:
        file = trash.delete(session, full_home, trash.plan_exam_removal(session, old.id), by=owner("ann"))
    with writing(engine) as session:
        import_files(session, *samples.files(tmp_path, start=600))
        (new,) = queries.exams(session)
    assert (new.id, new.uid == old.uid) == (old.id, False), "SQLite gives ids again"
    after = shown(open_page(path))
    assert "Ann has 10 pens" not in after
    assert ("Ann has 610 pens" in after) is ("Ann has 10 pens" in before)
    with writing(engine) as session:
        trash.restore(session, full_home, file.name, by=owner("ann"))
    assert ("Ann has 10 pens" in shown(open_page(path, exam=old.uid))) is ("Ann has 10 pens" in before)
    wrong = errors(open_page(path, exam="feed"))
    assert "an exam that the project doesn" in wrong[0]
    engine.dispose()


def test_a_press_on_what_was_deleted_is_not_one_on_what_has_its_id_now(full_home: Path, tmp_path: Path) -> None:
    client = triage()
    (card, *_) = client.window()["cards"]
    browse = open_page("pages/review/browse.py", verdict="accepted", gold="fails")
    browse.session_state["bulk"] = True
    browse.run().segmented_control(key="bulk_act").set_value(Act.REJECT).run()
    engine = db.open_store(Settings())
    with db.writing(engine) as session:
        trash.delete(session, full_home, trash.plan_exam_removal(session, 1), by=owner("ann"))
    with writing(engine) as session:
        import_files(session, *samples.files(tmp_path, start=600))
    gone = client.http.post("/api/decisions", json={"decisions": [decision(card, "accept")]}, headers=client.headers)
    assert gone.status_code in (401, 404)
    browse.button(key="bulk_save").click().run()
    assert "an exam that the project doesn" in errors(browse)[0]
    with db.reading(engine) as session:
        assert session.exec(select(t.Judgement)).all() == []
    engine.dispose()
