"""A student that was trained elsewhere: added on the data page, listed on the finetune page."""

import html
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from mapd import students
from mapd.exchange import adapters as coming_in
from mapd.models import adapters, sandbox
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import db
from tests.exchange.test_adapters import write_adapter
from tests.finetune import tiny
from tests.pages.running import errors, open_page, shown

DATA, FINETUNE = "pages/loop/data.py", "pages/train/finetune.py"
ANN = owner("ann")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    return write_adapter(tiny.save(folder / "tiny"), folder / "out")


@pytest.fixture
def parent(full_home: Path, trained: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(sandbox, "check", lambda folder: None)
    monkeypatch.setattr(sandbox, "find_modules", lambda *_: ["q_proj", "v_proj"])
    with db.writing(db.open_store(Settings())) as session:
        return students.add(session, "tiny", path=trained.parent / "tiny", by=ANN).name


def upload(app: AppTest, folder: Path, *names: str) -> AppTest:
    files = [(name, (folder / name).read_bytes(), "application/octet-stream") for name in names or adapters.FILES]
    app.file_uploader[0].set_value(files).run()
    assert not app.exception
    return app


def named(app: AppTest, name: str) -> AppTest:
    next(field for field in app.text_input if field.label == "Its name").set_value(name).run()
    return app


def find_button(app: AppTest) -> Any:
    return app.button(key="add_adapter")


def test_without_a_student_it_leads_to_where_one_is_added(full_home: Path) -> None:
    app = open_page(DATA, way="students")
    assert any("No student can be its parent yet" in m.value for m in app.markdown)


def test_it_is_added_and_listed(parent: str, trained: Path) -> None:
    app = open_page(DATA, way="students")
    assert find_button(app).disabled
    assert app.main.code[0].value == "mapd students add NAME --adapter FOLDER --parent tiny"
    assert find_button(upload(app, trained, adapters.CONFIG)).disabled, "the weights are missing"
    named(upload(app, trained), "theirs")
    assert app.main.code[0].value == "mapd students add theirs --adapter FOLDER --parent tiny"
    find_button(app).click().run()
    assert not app.exception
    assert errors(app) == []
    assert any("Added: theirs, round 0" in s.value for s in app.success)
    page = shown(open_page(FINETUNE))
    assert "trained elsewhere" in page
    assert "theirs" in page
    assert "adapters/" in page


def test_a_refusal_is_one_line_without_a_path_of_the_server(parent: str, trained: Path, tmp_path: Path) -> None:
    for name in adapters.FILES:
        (tmp_path / name).write_bytes((trained / name).read_bytes()[:-9])
    app = named(upload(open_page(DATA, way="students"), tmp_path), "theirs")
    find_button(app).click().run()
    assert not app.exception
    (line,) = [html.unescape(error) for error in errors(app)]
    assert "the adapter/adapter_config.json is no JSON" in line
    with db.reading(db.open_store(Settings())) as session:
        assert next(row.name for row in students.list_students(session)) == "tiny"


def test_what_an_archive_brought_says_that_its_adapter_is_not_here(parent: str, trained: Path) -> None:
    engine, home = db.open_store(Settings()), Settings().home
    result = coming_in.add(engine, "theirs", trained, parent=parent, by=ANN, home=home)
    Path(result.adapter).rename(home / "elsewhere")
    assert "not here" in shown(open_page(FINETUNE))
