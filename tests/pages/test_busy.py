"""Pages beside a database that somebody else has locked, or that is away: they are drawn, and say what isn't saved."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from streamlit.testing.v1 import AppTest

from mapd import jobs
from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t
from mapd.ui.kit import context
from tests.pages.running import ROOT, client_of, errors
from tests.pages.test_odd_stores import PAGES

BUSY = "the database is busy"
TRIAGE = "pages/review/triage.py"


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """Another program has the lock on writing."""
    connection = sqlite3.connect(home / "mapd.db", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    yield
    connection.rollback()
    connection.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "PAGE_PATIENCE", db.Patience(0.1))
    monkeypatch.setattr(db, "LOCK_WAIT_MS", 50)


def opened() -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.session_state["person"] = "me"
    return app


@pytest.mark.parametrize("store", ["full_home", "looped_home", "home"])
def test_no_page_takes_the_lock_to_be_drawn(store: str, request: pytest.FixtureRequest) -> None:
    home = request.getfixturevalue(store)
    app = opened()
    for path in PAGES:
        app.switch_page(path).run()  # what is derived once is derived
    with locked(home):
        app = opened()
        for path in PAGES:
            app.switch_page(path).run()
            assert not app.exception, path
            said = [e for e in errors(app) if "nothing to freeze" not in e]
            if path == TRIAGE and store != "home":
                assert BUSY in said.pop(), "its client's token is kept in the database"
            assert said == [], path


def test_what_came_in_is_shown_later_where_it_can_not_be_derived(full_home: Path) -> None:
    client = client_of(opened().switch_page(TRIAGE).run())
    client.window()  # what is derived once is derived
    with db.writing(db.open_store(Settings())) as session:
        session.add(t.DirtyQuestion(question_id=1, voted=False))
    with locked(full_home):
        assert len(client.window()["cards"]) == 12


def test_a_start_that_was_not_saved_can_be_tried_again(looped_home: Path) -> None:
    app = opened().switch_page("pages/loop/exam.py").run()
    start = next(b for b in app.button if b.label == "Start the exam")
    with locked(looped_home):
        start.click().run()
        assert not app.exception
        assert BUSY in errors(app)[-1]
        app.button(key="try_again").click().run()
        assert errors(app) == []
    next(b for b in app.button if b.label == "Start the exam").click().run()
    with db.reading(db.open_store(Settings())) as session:
        assert len(jobs.list_jobs(session)) == 1


def test_a_setting_that_was_not_saved_says_so(full_home: Path) -> None:
    app = opened().switch_page("pages/review/people.py").run()
    field = app.number_input[0]
    with locked(full_home):
        field.set_value(2).run()
        assert not app.exception
        assert BUSY in errors(app)[0]


def test_a_database_that_is_away_is_a_line_on_every_page(
    engine: sa.Engine, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = opened()
    app.run()

    def refuse(*_: object) -> None:
        raise sa.exc.OperationalError("SELECT 1", {}, AwayError("connection refused"))

    with monkeypatch.context() as away:
        away.setattr(db.Session, "connection", refuse)
        for path in PAGES:
            app.switch_page(path).run()
            assert not app.exception, path
            assert "the database is away (connection refused): it can" in errors(app)[0], path
            assert app.button(key="try_again")
    app.button(key="try_again").click().run()
    assert errors(app) == []


class AwayError(Exception):
    """What PostgreSQL's driver raises."""

    sqlstate = "57P01"
