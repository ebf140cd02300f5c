"""The job's row: who may change it, and into what."""

from datetime import timedelta

import pytest
from sqlmodel import Session

from mapd import jobs, work
from mapd.errors import BadInput, NotFound
from mapd.jobs import Progress, Ref
from mapd.people import owner
from mapd.store import tables as t

WORDS = {"student": "smollm2", "questions": "demo", "split": "dev"}


def started(session: Session) -> Ref:
    job = jobs.start(session, "exam", WORDS, by=owner("ann"))
    return Ref(job.uid, job.attempt)


def test_the_same_work_is_queued_once(session: Session) -> None:
    ref = started(session)
    with pytest.raises(BadInput, match=f"this exam is queued already, as job {ref.uid[:8]}"):
        jobs.start(session, "exam", WORDS, by=owner("bob"))
    jobs.start(session, "exam", WORDS | {"split": "train"}, by=owner("bob"))
    assert next(r.uid for r, _ in jobs.waiting(session)) == ref.uid
    assert len(jobs.waiting(session)) == 2


def test_a_job_runs_and_ends(session: Session) -> None:
    ref = started(session)
    assert jobs.claim(session, ref, "w") is not None
    assert jobs.beat(session, ref, Progress("exam", 3, 10, "2.0 questions/s", 3.5), ["12:00:00 exam"])
    job = jobs.get(session, ref.uid[:6])
    assert (job.status, job.worker, job.done, job.total, job.seconds_left) == ("running", "w", 3, 10, 3.5)
    jobs.end(session, ref, "done", outcome={"n": 10})
    assert (job.status, job.outcome, job.seconds_left) == ("done", {"n": 10}, None)
    with pytest.raises(BadInput, match="has ended already: it is done"):
        jobs.cancel(session, ref.uid, by=owner("ann"))
    with pytest.raises(BadInput, match="is done; start another one"):
        jobs.resume(session, ref.uid, by=owner("ann"))


def test_one_that_waits_is_cancelled_at_once_and_never_runs(session: Session) -> None:
    ref = started(session)
    assert jobs.cancel(session, ref.uid, by=owner("ann")).status == "cancelled"
    assert jobs.claim(session, ref, "w") is None


def test_one_that_runs_hears_of_its_cancelling_at_the_next_beat(session: Session) -> None:
    ref = started(session)
    jobs.claim(session, ref, "w")
    assert jobs.cancel(session, ref.uid, by=owner("ann")).status == "cancelling"
    assert not jobs.beat(session, ref, None, [])
    jobs.end(session, ref, "cancelled", error="stopped at 3 of 10")
    assert jobs.resume(session, ref.uid, by=owner("ann")).attempt == 2


def test_an_earlier_attempt_has_no_say(session: Session) -> None:
    ref = started(session)
    job = jobs.claim(session, ref, "away")
    assert job is not None
    with pytest.raises(BadInput, match="is running: nothing to resume"):
        jobs.resume(session, ref.uid, by=owner("ann"))
    job.beat_at = t.now() - timedelta(seconds=jobs.SILENT_S + 1)
    assert jobs.is_silent(job)
    jobs.resume(session, ref.uid, by=owner("ann"))
    later = Ref(ref.uid, 2)
    assert jobs.claim(session, ref, "away") is None
    assert jobs.claim(session, later, "here") is not None
    assert not jobs.beat(session, ref, Progress("exam", 9, 10), ["old"])
    jobs.end(session, ref, "failed", error="old")
    assert (job.status, job.done, job.error, job.log) == ("running", 0, None, "")


def test_the_same_attempt_goes_on_where_its_worker_died(session: Session) -> None:
    ref = started(session)
    first = jobs.claim(session, ref, "w")
    assert first is not None
    begun = first.started_at
    again = jobs.claim(session, ref, "w")
    assert again is not None
    assert again.started_at == begun


def test_the_log_keeps_its_last_lines(session: Session) -> None:
    ref = started(session)
    jobs.claim(session, ref, "w")
    for n in range(30):
        jobs.beat(session, ref, None, [f"a {n}", f"b {n}"])
    assert jobs.get(session, ref.uid).log.splitlines()[0] == "a 10"


def test_an_unknown_job_gets_one_clear_line(session: Session) -> None:
    started(session)
    for ref in ("nope", "99", "%%%%", ""):
        with pytest.raises(NotFound, match="unknown job"):
            jobs.get(session, ref)


def test_workers_that_are_there(session: Session) -> None:
    jobs.seen(session, "a")
    jobs.seen(session, "b")
    jobs.gone(session, "b")
    session.flush()
    assert jobs.workers(session) == ["a"]


@pytest.mark.parametrize(
    ("kind", "parameters", "said"),
    [
        ("dance", {}, "is a dance, which this mapd can't do"),
        ("exam", WORDS | {"speed": 3}, "its speed is wrong"),
        ("exam", {"student": "a", "split": "dev"}, "its questions is wrong"),
    ],
)
def test_a_job_of_another_version_gets_one_clear_line(kind: str, parameters: dict[str, object], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        work.of(t.Job(kind=kind, parameters=parameters, person="ann"))


def test_the_pace_is_that_of_the_latest(session: Session) -> None:
    assert jobs.pace(session, "exam") is None
    ref = started(session)
    job = jobs.claim(session, ref, "w")
    assert job is not None
    jobs.beat(session, ref, Progress("exam", 100, 100), [])
    jobs.end(session, ref, "done")
    job.started_at = t.now() - timedelta(seconds=50)
    session.flush()
    assert jobs.pace(session, "exam") == pytest.approx(2, rel=0.05)
