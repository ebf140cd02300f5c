"""One run of a page reads in one session: it sees the run's own writes, and closes however the run ends."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from sqlmodel import Session
from streamlit.runtime.scriptrunner_utils.exceptions import RerunException, StopException
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData
from streamlit.testing.v1 import AppTest

from mapd import students
from mapd.errors import Busy, NotFound
from mapd.store import db, queries
from mapd.store import tables as t
from mapd.ui.kit import context, run_session
from tests.pages.running import ROOT
from tests.pages.test_odd_stores import PAGES


def open_connections() -> int:
    return context.engine().pool.checkedout()  # type: ignore[attr-defined]


def test_each_page_reads_in_one_transaction(looped_home: object, monkeypatch: pytest.MonkeyPatch) -> None:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.session_state["person"] = "me"
    for path in PAGES:
        app.switch_page(path).run()  # what is derived once is derived
    begun: list[str] = []
    read = db.reading
    monkeypatch.setattr(db, "reading", lambda engine: [begun.append(path), read(engine)][1])
    for path in PAGES:
        app.switch_page(path).run()
        assert not app.exception, path
    assert {path: begun.count(path) for path in PAGES} == dict.fromkeys(PAGES, 1)


def test_reads_of_a_run_share_a_session_and_others_have_their_own(engine: sa.Engine) -> None:
    with run_session.one_session():
        first = context.read(lambda session: session)
        with run_session.one_session():
            assert context.read(lambda session: session) is first
        with ThreadPoolExecutor(max_workers=1) as pool:
            assert pool.submit(context.read, lambda session: session).result() is not first
        assert open_connections() == 1
    assert context.read(lambda session: session) is not first
    assert open_connections() == 0


def test_a_run_sees_what_it_wrote_and_nothing_lies_open_meanwhile(engine: sa.Engine) -> None:
    def add(session: Session) -> int:
        session.add(t.Student(name="mine", base="path:/nowhere"))
        return open_connections()

    with run_session.one_session():
        assert context.read(students.list_students) == []
        assert context.write(add) == 1
        assert [row.name for row in context.read(students.list_students)] == ["mine"]
        with db.writing(context.engine()) as session:  # as the queue index does, with the engine itself
            session.execute(sa.update(t.Student).values(name="yours"))
        assert [row.name for row in context.read(students.list_students)] == ["yours"]
        run_session.end_reading()
        assert open_connections() == 0


@pytest.mark.parametrize("end", [RerunException(RerunData()), StopException(), KeyboardInterrupt(), ValueError()])
def test_however_a_run_ends_its_session_is_closed(engine: sa.Engine, end: BaseException) -> None:
    @run_session.one_session()
    def run() -> None:
        context.read(queries.exams)
        assert open_connections() == 1
        raise end

    with pytest.raises(type(end)):
        run()
    assert open_connections() == 0


def test_after_a_query_that_failed_the_run_reads_on(engine: sa.Engine) -> None:
    def lose_the_database(_: Session) -> None:
        raise sa.exc.OperationalError("SELECT 1", {}, LostError("server closed the connection"))

    with run_session.one_session():
        with pytest.raises(Busy, match="is away"):
            context.read(lose_the_database)
        with pytest.raises(NotFound):
            context.read(queries.exam, "nothing")
        assert open_connections() == 0
        assert context.read(queries.exams) == []


class LostError(Exception):
    """What PostgreSQL's driver raises."""

    sqlstate = "57P01"
