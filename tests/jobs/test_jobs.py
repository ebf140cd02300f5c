"""The job's row: who may change it, and into what."""

from datetime import timedelta

import pytest
from sqlmodel import Session, select

from mapd import jobs
from mapd.errors import BadInput, NotFound
from mapd.jobs import AttemptRef, JobProgress, MonotonicProgress, kinds
from mapd.people import owner
from mapd.store import db
from mapd.store import tables as t

WORDS = {"student": "smollm2", "questions": "demo", "split": "dev"}


def started(session: Session) -> AttemptRef:
    job = jobs.start(session, "exam", WORDS, by=owner("ann"))
    return AttemptRef(job.uid, job.attempt)


def take(
    session: Session, worker: str = "w", *, own_uids: tuple[str, ...] = (), calls: bool = False
) -> AttemptRef | None:
    """Take a job; what only looks finds the same."""
    waits = jobs.has_waiting_job(session, worker, calls=calls, own_uids=own_uids)
    ref = jobs.take(session, worker, calls=calls, own_uids=own_uids)
    assert waits or ref is None
    return ref


def fall_silent(session: Session, ref: AttemptRef, seconds: float = jobs.SILENT_S + 1) -> t.Job:
    job = jobs.get(session, ref.uid)
    job.beat_at = db.clock(session) - timedelta(seconds=seconds)
    session.flush()
    return job


def test_the_same_work_is_queued_once(session: Session) -> None:
    ref = started(session)
    with pytest.raises(BadInput, match=f"this exam is queued already, as job {ref.uid[:8]}"):
        jobs.start(session, "exam", WORDS, by=owner("bob"))
    later = jobs.start(session, "exam", WORDS | {"split": "train"}, by=owner("bob"))
    assert [take(session), take(session), take(session)] == [ref, AttemptRef(later.uid, 1), None]


def test_a_job_runs_and_ends(session: Session) -> None:
    ref = started(session)
    assert take(session) == ref
    assert jobs.begin(session, ref) is not None
    assert jobs.beat(session, ref, JobProgress("exam", 3, 10, "2.0 questions/s", 3.5), ["12:00:00 exam"])
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
    assert take(session) is None
    assert jobs.begin(session, ref) is None


def test_one_that_runs_hears_of_its_cancelling_at_the_next_beat(session: Session) -> None:
    ref = started(session)
    take(session)
    assert jobs.cancel(session, ref.uid, by=owner("ann")).status == "cancelling"
    assert not jobs.beat(session, ref, None, [])
    jobs.end(session, ref, "cancelled", error="stopped at 3 of 10")
    assert jobs.resume(session, ref.uid, by=owner("ann")).attempt == 2


def test_calls_and_what_computes_here_have_places_of_their_own(session: Session) -> None:
    ref = started(session)
    asks = jobs.start(session, "collect", {"exam": "a", "teachers": ["b"]}, by=owner("ann"))
    assert take(session, calls=True) == AttemptRef(asks.uid, 1)
    assert take(session, calls=True) is None
    assert take(session) == ref


def test_a_silent_job_goes_on_with_whoever_comes_and_its_earlier_attempt_has_no_say(session: Session) -> None:
    ref = started(session)
    take(session, "away")
    jobs.beat(session, ref, JobProgress("exam", 3, 10), [])
    with pytest.raises(BadInput, match="is running: nothing to resume"):
        jobs.resume(session, ref.uid, by=owner("ann"))
    assert take(session, "here") is None
    job = fall_silent(session, ref)
    assert take(session, "away", own_uids=(ref.uid,)) is None, "it is its own worker's, whose database was away"
    later = AttemptRef(ref.uid, 2)
    assert take(session, "here") == later
    assert jobs.begin(session, ref) is None
    assert not jobs.beat(session, ref, JobProgress("exam", 9, 10), ["old"])
    jobs.end(session, ref, "failed", error="old")
    jobs.give_back(session, ref, "old")
    jobs.put_off(session, ref)
    assert (job.status, job.worker, job.done, job.error) == ("running", "here", 3, None)
    assert job.log.endswith("its process ended (its worker was gone); it goes on")


def test_a_worker_that_is_back_goes_on_with_its_own_at_once(session: Session) -> None:
    ref = started(session)
    take(session, "w")
    fall_silent(session, ref, jobs.OWN_SILENT_S + 1)
    assert take(session, "other") is None
    assert take(session, "w") == AttemptRef(ref.uid, 2)


def test_the_clock_may_be_set_back(session: Session) -> None:
    ref = started(session)
    take(session)
    job = fall_silent(session, ref, -7200)
    assert jobs.is_silent(job, db.clock(session))
    assert take(session, "other") == AttemptRef(ref.uid, 2)
    jobs.sign_on(session, "w")
    session.flush()
    assert jobs.workers(session) == ["w"]
    for worker in (-7200, 7200):
        row = session.exec(select(t.Worker)).one()
        row.seen_at = db.clock(session) - timedelta(seconds=worker)
        assert jobs.workers(session) == []


def test_a_cancelled_job_whose_process_is_gone_is_cancelled(session: Session) -> None:
    ref = started(session)
    take(session)
    jobs.cancel(session, ref.uid, by=owner("ann"))
    job = fall_silent(session, ref)
    assert take(session) is None
    assert job.status == "cancelled"


def test_a_process_that_comes_no_further_fails_after_three_tries(session: Session) -> None:
    ref = started(session)
    for tried in range(jobs.MOST_TRIES + 1):
        taken = take(session)
        assert taken is not None
        if tried == 0:
            jobs.beat(session, taken, JobProgress("exam", 3, 10), [])
        jobs.beat(session, taken, JobProgress("exam", 3, 10), [])
        jobs.give_back(session, taken, "killed by signal 9")
    job = jobs.get(session, ref.uid)
    assert (job.status, take(session)) == ("failed", None)
    assert job.error == "its process ended 3 times and came no further (killed by signal 9); resume goes on"
    jobs.resume(session, ref.uid, by=owner("ann"))
    assert take(session) is not None


def test_one_that_comes_further_each_time_goes_on_for_ever(session: Session) -> None:
    started(session)
    for done in range(2 * jobs.MOST_TRIES):
        ref = take(session)
        assert ref is not None
        jobs.beat(session, ref, JobProgress("exam", done, 10), [])
        jobs.give_back(session, ref, "killed by signal 9")


def test_put_off_for_its_workers_end_it_waits_for_the_next(session: Session) -> None:
    ref = started(session)
    take(session, "w")
    jobs.put_off(session, ref)
    assert take(session, "other") == AttemptRef(ref.uid, 2)


def test_progress_never_goes_back() -> None:
    onward = MonotonicProgress(JobProgress("finetune", 14, 54))
    held = onward(JobProgress("loading the student"))
    assert (held.stage, held.completed, held.total, held.message) == (
        "finetune",
        14,
        54,
        "goes on: loading the student",
    )
    assert onward(JobProgress("exam", 81, 81)).completed == 14
    assert onward(JobProgress("finetune", 11, 54)).completed == 14, "behind its checkpoint"
    assert onward(JobProgress("finetune", 14, 54)).message == ""
    assert onward(JobProgress("exam after", 0, 210)) == JobProgress("exam after", 0, 210)


def test_a_stage_that_ends_before_it_was_is_over_all_the_same() -> None:
    onward = MonotonicProgress(JobProgress("committee", 100, 100))
    assert onward(JobProgress("committee", 90, 90)).completed == 100
    assert onward(JobProgress("curation", 0, 0)).stage == "curation"


def test_the_log_keeps_its_last_lines(session: Session) -> None:
    ref = started(session)
    take(session)
    for n in range(30):
        jobs.beat(session, ref, None, [f"a {n}", f"b {n}"])
    assert jobs.get(session, ref.uid).log.splitlines()[0] == "a 10"


def test_an_unknown_job_gets_one_clear_line(session: Session) -> None:
    started(session)
    for ref in ("nope", "99", "%%%%", ""):
        with pytest.raises(NotFound, match="unknown job"):
            jobs.get(session, ref)


def test_workers_that_are_there(session: Session) -> None:
    jobs.sign_on(session, "a")
    jobs.sign_on(session, "b")
    jobs.sign_off(session, "b")
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
        kinds.read_job(t.Job(kind=kind, parameters=parameters, person="ann"))


def test_the_pace_is_that_of_the_latest(session: Session) -> None:
    assert jobs.measure_pace(session, "exam") is None
    ref = started(session)
    take(session)
    jobs.beat(session, ref, JobProgress("exam", 100, 100), [])
    jobs.end(session, ref, "done")
    jobs.get(session, ref.uid).started_at = db.clock(session) - timedelta(seconds=50)
    session.flush()
    assert jobs.measure_pace(session, "exam") == pytest.approx(2, rel=0.05)
