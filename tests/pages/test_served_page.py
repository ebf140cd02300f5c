"""The exam page's form that adds a student behind a server, and what the page shows of one."""

from pathlib import Path

import pytest
from sqlmodel import select
from streamlit.testing.v1 import AppTest

from mapd import served_students, students
from mapd.curation import live_set, snapshots
from mapd.models import sandbox
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import db, queries
from mapd.store import tables as t
from mapd.students import Base
from mapd.ui.kit import text
from tests.finetune import tiny
from tests.pages.running import errors, open_page, shown
from tests.provider import Provider
from tests.student_server import StudentServer
from tests.test_exam import prepare
from tests.test_served_students import add, sit

PAGE = "pages/loop/exam.py"
KEY = "sk-lab-0123456789"


def kept() -> list[t.Student]:
    with db.reading(db.open_store(Settings())) as session:
        return list(session.exec(select(t.Student)))


def fill(app: AppTest, **values: str) -> AppTest:
    for name, value in values.items():
        version = "0_0" if name == "key" else "0"
        app.text_input(key=f"served_{name}_{version}").set_value(value)
    return app.run()


def commands(app: AppTest) -> list[str]:
    return [code.value for code in app.code]


def test_the_form_adds_one_and_shows_the_command(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sandbox, "check_tokenizer", lambda folder: None)
    tiny.tokenizer().save_pretrained(tmp_path / "tok en")
    app = fill(open_page(PAGE), name="qwen", model="lora-1", url="http://lab:8000/v1", tokenizer=f"{tmp_path}/tok en")
    app.number_input(key="served_at_once_0").set_value(64).run()
    command = "mapd students add qwen --served lora-1 --base-url http://lab:8000/v1"
    assert f"{command} --tokenizer '{tmp_path}/tok en' --limit concurrency=64" in commands(app)
    app.button(key="add_served").click().run()
    assert errors(app) == []
    (row,) = kept()
    assert (row.name, row.base, row.base_url, row.limits) == (
        *("qwen", "served:lora-1", "http://lab:8000/v1"),
        {"concurrency": 64},
    )
    assert row.tokenizer == f"path:{tmp_path}/tok en"
    assert app.text_input(key="served_name_1").value == "", "the form is empty again"


def test_a_refusal_is_one_line_and_what_was_typed_stays(home: Path) -> None:
    app = fill(open_page(PAGE), name="qwen", model="m", url="lab:8000")
    app.button(key="add_served").click().run()
    assert ["must begin with http:// or https://" in error for error in errors(app)] == [True]
    assert app.text_input(key="served_name_0").value == "qwen"
    fill(app, url="http://lab/v1", key=KEY)
    assert KEY not in " ".join(commands(app))
    app.button(key="add_served").click().run()
    assert ["never the key itself" in error for error in errors(app)] == [True]
    assert KEY not in repr(app.main)
    assert kept() == []


def test_a_key_of_another_server_is_asked_about(home: Path) -> None:
    app = fill(open_page(PAGE), name="qwen", model="m", url="http://lab/v1", key="OPENAI_API_KEY")
    (box,) = app.checkbox
    doubt = "OPENAI_API_KEY is a key for https://api.openai.com, not for http://lab"
    assert box.label == text.label(f"Yes, send it there: {doubt}", 300)
    app.button(key="add_served").click().run()
    assert kept() == []
    # The first press stays in the tree that it was made in.
    app.checkbox[0].check().run()
    app.button(key="add_served").click().run()
    assert errors(app) == []
    assert [row.key_env for row in kept()] == ["OPENAI_API_KEY"]


def test_it_is_no_choice_where_its_weights_are_needed(full_home: Path) -> None:
    with db.writing(db.open_store(Settings())) as session:
        served_students.add(session, "served", model="m", base_url="http://lab/v1", by=owner("ann"))
        students.add(session, "local", by=owner("ann"))
        exam = queries.exams(session)[0].id
        snapshots.freeze(session, live_set.load_curated(session, exam), by=owner("ann"))
    app = open_page("pages/train/finetune.py")
    (choice,) = (box for box in app.selectbox if (box.key or "").startswith("finetune_student"))
    assert choice.options == ["local"]
    app = open_page("pages/loop/data.py", way="students")
    assert app.selectbox(key="adapter_parent").options == ["local"]


def test_its_parent_is_taught_in_its_place(full_home: Path) -> None:
    with db.writing(db.open_store(Settings())) as session:
        for name in ("first", "second"):
            base = Base(f"path:/models/{name}", sha256=name)
            students.add(session, name, base=base, by=owner("ann"))
        exam = queries.exams(session)[0]
        served_students.add(session, "served", model="m", base_url="http://lab/v1", parent="first", by=owner("ann"))
        queries.exam_row(session, exam.id).student_id = queries.identity(students.get(session, "served"))
        session.flush()
        snapshots.freeze(session, live_set.load_curated(session, exam.id), by=owner("ann"))
    app = open_page("pages/train/finetune.py")
    (choice,) = (box for box in app.selectbox if (box.key or "").startswith("finetune_student"))
    assert (choice.options, choice.value) == (["second", "first"], "first")


def test_it_is_examined(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sandbox, "check_tokenizer", lambda folder: None)
    tiny.tokenizer().save_pretrained(tmp_path / "t")
    engine = db.open_store(Settings())
    with db.writing(engine) as session:
        prepare(session)
    with Provider(StudentServer(tiny.tokenizer())) as provider:
        add(engine, provider.url, tmp_path / "t", name="served")
        done = sit(engine, home, "served", question_set="demo")
    app = open_page(PAGE, exam=done.exam)
    assert "served" in app.selectbox(key="exam_student").options
    captions = [caption.value for caption in app.caption]
    assert text.label("Its prompt: its own, sent as tokens.", 200) in captions
    assert any("Another run may differ" in caption for caption in captions)
    assert "answers, sha256" in shown(app)
    assert errors(app) == []


def test_one_of_an_archive_is_enabled_after_a_yes(home: Path) -> None:
    engine = db.open_store(Settings())
    with db.writing(engine) as session:
        row = served_students.add(session, "guest", model="m", base_url="http://lab/v1", by=owner("ann"))
        row.disabled, row.origin = True, "a" * 64
        uid = row.uid
        prepare(session)
    app = open_page(PAGE)
    assert "guest" not in app.selectbox(key="exam_student").options
    assert "student guest asks the model m at http://lab, without a key." in shown(app)
    assert app.button(key=f"student_turn_{uid}").disabled
    app.checkbox[0].check().run()
    app.button(key=f"student_turn_{uid}").click().run()
    assert "guest" in app.selectbox(key="exam_student").options
    with db.reading(engine) as session:
        assert not students.get(session, "guest").disabled
