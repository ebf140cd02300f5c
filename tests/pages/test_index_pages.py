"""Pages that meet an exam whose queue index isn't derived: they start one job, show it, and open once it is done."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import Session, select
from streamlit.testing.v1 import AppTest

from mapd import jobs
from mapd.jobs import JobProgress, kinds
from mapd.jobs.work import WorkContext
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t
from tests.pages.running import client_of, has_triage, open_page, shown

BROWSE, THRESHOLD, TRIAGE = "pages/review/browse.py", "pages/curate/threshold.py", "pages/review/triage.py"


def engine() -> sa.Engine:
    return db.open_store(Settings())


def words(app: AppTest) -> str:
    return " ".join(x.value for x in (*app.caption, *app.markdown))


def active(session: Session) -> list[t.Job]:
    return [job for job in jobs.list_jobs(session) if job.status in jobs.ACTIVE]


@pytest.fixture
def older(full_home: Path) -> Path:
    """A project whose index other rules derived."""
    with db.writing(engine()) as session:
        session.get_one(t.StandingExam, 1).rules = "rules 0"
    return full_home


def finish(home: Path) -> None:
    """What the worker does."""
    with db.writing(engine()) as session:
        ref = jobs.take(session, "w", calls=True)
        assert ref is not None
        task = kinds.read_job(jobs.get(session, ref.uid))
    outcome = task.run(WorkContext(engine(), home, owner("ann")))
    with db.writing(engine()) as session:
        jobs.end(session, ref, "done", outcome=outcome)


@pytest.mark.parametrize("path", [BROWSE, THRESHOLD, TRIAGE])
def test_a_page_shows_the_one_job_that_prepares_it_and_opens_then(older: Path, path: str) -> None:
    app = open_page(path)
    assert "Queues and filters of this exam are being prepared" in words(app)
    assert "No worker is running" in words(app), "what to do is said"
    assert "Queues and filters of an exam" in shown(app)
    open_page(path, name="bea")
    with db.writing(engine()) as session:
        assert session.get_one(t.StandingExam, 1).rules == "rules 0", "no page derives"
        assert len(active(session)) == 1
        ref = jobs.take(session, "w", calls=True)
        jobs.beat(session, ref, JobProgress("queues", 5, 12), [])
    assert "5 of 12" in " ".join(x.proto.text for x in open_page(path).get("progress"))
    with db.writing(engine()) as session:
        jobs.put_off(session, ref)
    finish(older)
    app = open_page(path)
    assert "being prepared" not in words(app)
    assert has_triage(app) == (path == TRIAGE)


def test_what_came_in_follows_by_a_job_and_the_page_shows_what_is_there(full_home: Path) -> None:
    with db.writing(engine()) as session:
        session.add(t.DirtyQuestion(question_id=1, voted=False))
    app = open_page(BROWSE)
    assert "<b>36</b> of 36 rationales" in shown(app)
    assert "reload the page in a moment" in words(app)
    with db.reading(engine()) as session:
        assert len(active(session)) == 1
        assert session.exec(select(t.DirtyQuestion)).all(), "no page derives"
    finish(full_home)
    assert "reload the page" not in words(open_page(BROWSE))


def test_the_routes_ask_for_patience_while_it_is_prepared(full_home: Path) -> None:
    client = client_of(open_page(TRIAGE))
    with db.writing(engine()) as session:
        session.get_one(t.StandingExam, 1).rules = "rules 0"
    for _ in range(2):
        answer = client.http.get("/api/window", headers=client.headers)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["error"]["code"] == "busy"
        assert "being prepared" in answer.json()["error"]["line"]
    with db.reading(engine()) as session:
        assert len(active(session)) == 1
    finish(full_home)
    assert len(client.window()["cards"]) == 12
