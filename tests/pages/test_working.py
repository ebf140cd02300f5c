"""Work is started, watched, cancelled and resumed from the pages. No worker runs here: rows are moved by hand."""

from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import Session, col, select
from streamlit.testing.v1 import AppTest

from mapd import jobs
from mapd.jobs import AttemptRef, JobProgress
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import db, queries
from mapd.store import tables as t
from tests.pages.running import errors, open_page, shown


def newest() -> t.Job:
    with db.reading(db.open_store(Settings())) as session:
        return session.exec(select(t.Job).order_by(col(t.Job.id).desc())).first() or pytest.fail("no job was started")


def train_exam() -> str:
    with db.reading(db.open_store(Settings())) as session:
        return next(e.uid for e in queries.exams(session) if e.split == "train")


def captions(app: AppTest) -> str:
    return " ".join(c.value for c in app.caption)


def write() -> AbstractContextManager[Session]:
    return db.writing(db.open_store(Settings()))


@pytest.mark.parametrize(
    ("page", "button", "kind", "size"),
    [
        ("pages/loop/exam.py", "start_exam", "exam", "9 questions; the time left shows as it runs"),
        ("pages/loop/committee.py", "start_collect", "collect", "calls are there already: nothing is asked again"),
        ("pages/train/finetune.py", "start_finetune", "finetune", "steps; the time left shows as it runs"),
        ("pages/loop/overview.py", "start_demo", "demo", "8 stages; the time left shows as it runs"),
    ],
)
def test_a_page_says_what_it_will_start_and_starts_it_once(
    looped_home: Path, page: str, button: str, kind: str, size: str
) -> None:
    app = open_page(page, exam=train_exam())
    assert size in captions(app)
    assert "No worker is running" in captions(app)
    app.button(key=button).click().run()
    assert not app.exception
    job = newest()
    assert (job.kind, job.status) == (kind, "queued")
    assert "queued" in shown(app)
    app.button(key=button).click().run()
    assert ["is queued already, as job" in error for error in errors(app)] == [True]
    assert newest().uid == job.uid


def test_what_was_begun_is_watched_cancelled_and_resumed(looped_home: Path) -> None:
    with write() as session:
        job = jobs.start(session, "exam", {"student": "small", "questions": "demo", "split": "dev"}, by=owner("ann"))
        ref = AttemptRef(job.uid, 1)
        jobs.take(session, "w", calls=False)
        jobs.beat(session, ref, JobProgress("exam", 5, 12, "2.0 questions/s", 3.5), ["12:00:00 exam"])
    app = open_page("pages/loop/jobs.py", job=ref.uid)
    assert "running" in shown(app)
    assert app.get("progress")[0].proto.text == r"exam · 5 of 12 · 2\.0 questions\/s · 4 s left"
    assert any("12:00:00 exam" in c.value for c in app.code)
    app.button(key=f"cancel_{ref.uid}").click().run()
    assert newest().status == "cancelling"
    with write() as session:
        jobs.end(session, ref, "cancelled", error="stopped at 5 of 12")
    app.run()
    assert errors(app) == [e for e in errors(app) if "stopped at 5 of 12" in e]
    app.button(key=f"resume_{ref.uid}").click().run()
    assert (newest().status, newest().attempt) == ("queued", 2)


@pytest.mark.parametrize("is_another_chosen", [False, True])
def test_an_exam_that_was_started_here_is_shown_when_it_is_done(looped_home: Path, is_another_chosen: bool) -> None:
    with db.reading(db.open_store(Settings())) as session:
        first, second, third = [e.uid for e in queries.exams(session)][:3]
    app = open_page("pages/loop/exam.py", exam=first)
    app.button(key="start_exam").click().run()
    if is_another_chosen:
        app.query_params["exam"] = third
        app.run()
    with write() as session:
        jobs.take(session, "w", calls=False)
        jobs.end(session, AttemptRef(newest().uid, 1), "done", outcome={"exam": second})
    app.run()
    assert app.query_params["exam"] in ([third], third) if is_another_chosen else ([second], second)


def test_a_silent_job_says_that_its_worker_is_gone(looped_home: Path) -> None:
    with write() as session:
        job = jobs.start(session, "exam", {"student": "small", "questions": "demo", "split": "dev"}, by=owner("ann"))
        jobs.take(session, "w", calls=False)
        job.beat_at = t.now() - timedelta(minutes=1)
        uid = job.uid
    app = open_page("pages/loop/jobs.py", job=uid)
    assert "its worker is gone" in captions(app)
    app.button(key=f"resume_{uid}").click().run()
    assert newest().attempt == 2


def test_an_unknown_job_gets_one_clear_line(looped_home: Path) -> None:
    app = open_page("pages/loop/jobs.py", job="nope")
    assert "unknown job: nope" in errors(app)[0]
    assert any("No jobs yet" in m.value for m in app.markdown)


def test_the_test_split_is_opened_with_a_purpose(looped_home: Path) -> None:
    app = open_page("pages/loop/exam.py")
    app.selectbox(key="exam_split").set_value("dev").run()
    assert app.button(key="start_exam")
    assert not [s for s in app.selectbox(key="exam_split").options if s.startswith("test")], "the set has no test split"


def test_an_empty_project_begins_with_the_packaged_student(home: Path) -> None:
    app = open_page("pages/loop/exam.py")
    app.button(key="add_student").click().run()
    assert not app.exception
    with db.reading(db.open_store(Settings())) as session:
        assert session.exec(select(t.Student.name)).all() == ["smollm2"]


def test_the_list_says_why_a_job_failed(home: Path) -> None:
    with write() as session:
        session.add(t.Job(kind="demo", parameters={}, person="ann", status="failed", error="no <b>room</b> is left"))
    assert "no &lt;b&gt;room&lt;/b&gt; is left" in shown(open_page("pages/loop/jobs.py"))
