"""Jobs: the row of a recorded execution. The rows are the queue, too: workers take them, processes keep them alive.

    job = start(session, "exam", {"student": "smollm2", "questions": "demo", "split": "dev"}, by=owner("ann"))
    job.status, job.done, job.total, job.message    -> "running", 96, 210, "4.1 questions/s"

    queued -> running -> done | failed | cancelling -> cancelled           resume: cancelled, failed -> queued
                running, and silent: its process or its worker died -> queued, by itself, as the next attempt

Nothing is lost and nothing is done twice, whatever happens to a process: every kind of work knows what it has.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from mapd.errors import BadInput, NotFound
from mapd.people import Person, Right, require
from mapd.store import audit_log, db
from mapd.store import tables as t
from mapd.store.lookup import by_reference

# A job's process gives a sign of life each second; without one for so long it is taken for dead.
SILENT_S = 15.0
# The same for a job of this very worker before it was started again: its old process dies with it, so it isn't alive.
OWN_SILENT_S = 3.0
# Processes in a row that may die without coming further, until the job has failed.
MOST_TRIES = 3
LOG_LINES = 40
# PostgreSQL's advisory lock for "somebody starts a job": any number that is ours alone.
LOCK = 0x6A6F6273
ACTIVE = ("queued", "running", "cancelling")
AT_WORK = ("running", "cancelling")
# Kinds that wait for other machines, and what people wait for, which is short; all others compute here, one at a time.
CALLS = ("collect", "index", "fit", "refit")
# How many of the latest jobs of a kind tell its usual speed.
PACE_OF = 5


class AttemptRef(NamedTuple):
    """One attempt of a job, written as "5e…:2" on its process's command line."""

    uid: str
    attempt: int

    def __str__(self) -> str:
        return f"{self.uid}:{self.attempt}"

    @classmethod
    def parse(cls, text: str) -> "AttemptRef":
        """Return the attempt that the text names."""
        uid, _, attempt = text.partition(":")
        return cls(uid, int(attempt))


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far a job is: `total` 0 is unknown, `message` is the speed in words, `in_flight` counts open calls."""

    stage: str
    completed: int = 0
    total: int = 0
    message: str = ""
    seconds_left: float | None = None
    in_flight: int = 0

    @property
    def in_words(self) -> str:
        """Return one line: "committee: 96 of 210, 4.1 calls/s, 28 s left"."""
        count = f"{self.completed:,} of {self.total:,}" if self.total else ""
        return f"{self.stage}: {', '.join(filter(None, (count, self.message, self.time_left))) or 'begun'}"

    @property
    def time_left(self) -> str:
        """Return the time left in words; none where it isn't known."""
        return "" if self.seconds_left is None else f"{duration(self.seconds_left)} left"


def duration(seconds: float) -> str:
    """Return a time as people say it: "40 s", "7 min", "2 h 5 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


class MonotonicProgress:
    """Show progress that never goes back: a new attempt stands where the last one was, until it comes further.

    MonotonicProgress(JobProgress("exam", 96, 210))(JobProgress("loading the student"))
    -> JobProgress("exam", 96, 210, "goes on: loading the student")
    """

    def __init__(self, furthest: JobProgress) -> None:
        self.furthest: JobProgress | None = furthest if furthest.total else None
        # Whether the attempt is at the stage that the last one had reached.
        self.is_at_furthest = False

    def __call__(self, progress: JobProgress) -> JobProgress:
        """Return what to show of this progress."""
        if self.furthest is None:
            return progress
        at_stage = progress.stage == self.furthest.stage
        if (at_stage and progress.completed >= self.furthest.completed) or (self.is_at_furthest and not at_stage):
            self.furthest = None
            return progress
        self.is_at_furthest = at_stage
        words = ", ".join(filter(None, (progress.stage, progress.message)))
        return replace(self.furthest, message=f"goes on: {words}", in_flight=progress.in_flight)


# --- What people do ---------------------------------------------------------------------------------------------------


def start(session: Session, kind: str, parameters: Mapping[str, Any], *, by: Person) -> t.Job:
    """Queue a job; a worker takes it. Raises: Forbidden; BadInput where the same work is queued or running already."""
    person = require(by, Right.RUN_JOBS)
    # Without the lock two people could start the same work at once, each seeing no job of the other.
    db.lock(session, LOCK)
    for rival in list_active(session):
        if (rival.kind, rival.parameters) == (kind, dict(parameters)):
            raise BadInput(f"this {kind} is {rival.status} already, as job {rival.uid[:8]}: watch or cancel that one")
    job = t.Job(kind=kind, parameters=dict(parameters), person=person)
    session.add(job)
    audit_log.audit(session, person, "start job", f"job {job.uid}", kind=kind)
    session.flush()
    return job


def get(session: Session, ref: str | int) -> t.Job:
    """Return the job by its uid, the beginning of it (four digits or more), or its id. Raises: NotFound."""
    text = str(ref).lower()
    if text.isascii() and text.isalnum() and len(text) >= 4:
        matches = session.exec(select(t.Job).where(col(t.Job.uid).startswith(text)).limit(2)).all()
        if len(matches) == 1:
            return matches[0]
    job = session.exec(by_reference(select(t.Job), t.Job, text)).first()
    if job is not None:
        return job
    raise NotFound(f"unknown job: {text[:40]}; `mapd jobs list` lists them")


def list_active(session: Session) -> Sequence[t.Job]:
    """Return every job that waits or runs."""
    return session.exec(select(t.Job).where(col(t.Job.status).in_(ACTIVE))).all()


def list_jobs(session: Session, limit: int = 50) -> Sequence[t.Job]:
    """Return the jobs, the newest first."""
    return session.exec(select(t.Job).order_by(col(t.Job.id).desc()).limit(limit)).all()


def cancel(session: Session, ref: str | int, *, by: Person) -> t.Job:
    """Stop a job: one that waits at once, one that runs as soon as what is in flight has come in.

    Raises: Forbidden; NotFound; BadInput where it has ended already.
    """
    person, job, at = require(by, Right.RUN_JOBS), get(session, ref), db.clock(session)
    if job.status not in ACTIVE:
        raise BadInput(f"job {job.uid[:8]} has ended already: it is {job.status}")
    if job.status == "queued" or is_silent(job, at):
        job.status, job.ended_at = "cancelled", at
    else:
        job.status = "cancelling"
    session.add(job)
    audit_log.audit(session, person, "cancel job", f"job {job.uid}")
    session.flush()
    return job


def resume(session: Session, ref: str | int, *, by: Person) -> t.Job:
    """Queue a job again: one that was cancelled, has failed, or whose process is silent. It does what is missing.

    Raises: Forbidden; NotFound; BadInput where it is done, at work, or came with an archive.
    """
    person, job = require(by, Right.RUN_JOBS), get(session, ref)
    if job.origin is not None:
        raise BadInput(f"job {job.uid[:8]} came with an archive: it was another project's; start one of your own")
    if job.status == "done":
        raise BadInput(f"job {job.uid[:8]} is done; start another one")
    if job.status in ACTIVE and not is_silent(job, db.clock(session)):
        raise BadInput(f"job {job.uid[:8]} is {job.status}: nothing to resume")
    job.error = job.ended_at = None
    _queue_again(job)
    session.add(job)
    audit_log.audit(session, person, "resume job", f"job {job.uid}", attempt=job.attempt)
    session.flush()
    return job


def _queue_again(job: t.Job) -> None:
    """Let the job wait for a worker, as a new attempt; its progress stays."""
    # The attempt's number is what an old process, should it still live, no longer matches.
    job.status, job.attempt, job.tries, job.message = "queued", job.attempt + 1, 0, ""
    job.worker = job.beat_at = job.seconds_left = None


def is_silent(job: t.Job, at: datetime) -> bool:
    """Return whether the job should be running and its process gives no sign. `at`: the database's time (db.clock)."""
    if job.status not in AT_WORK:
        return False
    # A beat in the future is no sign of life: the clock was set back since.
    return job.beat_at is None or abs(at - job.beat_at) > timedelta(seconds=SILENT_S)


def describe_state(job: t.Job, at: datetime) -> str:
    """Return the job's status, or what it comes to: "silent", or "stopped" where a rule ended it before its end."""
    if is_silent(job, at):
        return "silent"
    return "stopped" if "stopped" in job.outcome else job.status


def log_lines(job: t.Job) -> list[tuple[datetime | None, str]]:
    """Return the lines of the job's log, each with its time where it has one."""
    return [_split_stamp(line) for line in job.log.splitlines()]


def _split_stamp(line: str) -> tuple[datetime | None, str]:
    """Return "2026-03-01T09:30:00+00:00 exam" as its time and what it says."""
    stamp, _, words = line.partition(" ")
    try:
        at = datetime.fromisoformat(stamp)
    except ValueError:
        return None, line
    return (at, words) if at.tzinfo else (None, line)


def measure_pace(session: Session, kind: str) -> float | None:
    """Return how many units a second the latest jobs of a kind did; None where none has run here."""
    local_jobs = (t.Job.kind == kind, t.Job.status == "done", col(t.Job.origin).is_(None))
    ended = select(t.Job).where(*local_jobs, col(t.Job.started_at).is_not(None))
    paces = []
    for job in session.exec(ended.order_by(col(t.Job.id).desc()).limit(PACE_OF)).all():
        if job.started_at and job.ended_at and job.done and job.attempt == 1:
            paces.append(job.done / max((job.ended_at - job.started_at).total_seconds(), 0.1))
    return median(paces) if paces else None


# --- What workers do --------------------------------------------------------------------------------------------------


def has_waiting_job(session: Session, worker: str, *, calls: bool, own_uids: Collection[str] = ()) -> bool:
    """Return whether `take` would find a job. It only reads: an idle worker takes no lock."""
    return session.exec(_select_next_job(db.clock(session), worker, calls, own_uids)).first() is not None


def take(session: Session, worker: str, *, calls: bool, own_uids: Collection[str] = ()) -> AttemptRef | None:
    """Take the oldest job that waits, or whose process is silent; it runs from now on. None where there is none.

    `calls`: one that makes calls, or one that computes. `own_uids`: the uids of what this worker has running.
    """
    at = db.clock(session)
    # On PostgreSQL several workers take at once: a row that another one is taking is skipped, not waited for.
    query = _select_next_job(at, worker, calls, own_uids).with_for_update(skip_locked=True)
    while (job := session.exec(query).first()) is not None:
        if job.status != "queued":
            _continue_or_fail(job, at, "its worker was gone")
        if job.status == "queued":
            job.status, job.worker, job.beat_at, job.tries = "running", worker, at, job.tries + 1
            job.started_at = job.started_at or at
            session.flush()
            return AttemptRef(job.uid, job.attempt)
        session.flush()
    return None


def _select_next_job(at: datetime, worker: str, calls: bool, own_uids: Collection[str]) -> Any:
    job = t.Job
    is_of_kind = col(job.kind).in_(CALLS) if calls else col(job.kind).not_in(CALLS)
    is_silent_job = _is_silent_for(at, SILENT_S) | (_is_silent_for(at, OWN_SILENT_S) & (col(job.worker) == worker))
    is_abandoned = col(job.status).in_(AT_WORK) & is_silent_job & col(job.uid).not_in(own_uids)
    return select(job).where(is_of_kind, (col(job.status) == "queued") | is_abandoned).order_by(col(job.id)).limit(1)


def _is_silent_for(at: datetime, seconds: float) -> sa.ColumnElement[bool]:
    beat, span = col(t.Job.beat_at), timedelta(seconds=seconds)
    return beat.is_(None) | (beat < at - span) | (beat > at + span)


def give_back(session: Session, ref: AttemptRef, why: str) -> None:
    """Let a job whose process has ended before its end go on, or fail where it came no further so often."""
    if (job := _load_attempt(session, ref)) is not None:
        _continue_or_fail(job, db.clock(session), why)


def put_off(session: Session, ref: AttemptRef) -> None:
    """Let a job that was stopped for its worker's end wait for the next worker."""
    job = _load_attempt(session, ref)
    if job is not None and job.status == "running":
        _queue_again(job)


def _continue_or_fail(job: t.Job, at: datetime, why: str) -> None:
    tries = job.tries
    # It was killed, because it didn't stop in time.
    if job.status == "cancelling":
        job.status, job.ended_at = "cancelled", at
    elif tries >= MOST_TRIES:
        job.status, job.ended_at = "failed", at
        job.error = f"its process ended {tries} times and came no further ({why}); resume goes on"
    else:
        _queue_again(job)
        job.tries = tries
        _write_log(job, [f"{at:%H:%M:%S} its process ended ({why}); it goes on"])


# --- What a job's process does ----------------------------------------------------------------------------------------


def begin(session: Session, ref: AttemptRef) -> t.Job | None:
    """Return the job, where this attempt is to run; None where it was cancelled, or a later attempt has it."""
    return _load_attempt(session, ref)


def beat(session: Session, ref: AttemptRef, progress: JobProgress | None, log: Sequence[str]) -> bool:
    """Write how far it is and the new lines of its log; return whether the job is to go on."""
    if (job := _load_attempt(session, ref)) is None:
        return False
    # The database's clock: workers whose own clocks differ agree on who is silent.
    job.beat_at = db.clock(session)
    if progress is not None:
        # Coming further clears the count: only deaths at the same place mean that the job can't be done.
        if (progress.stage, progress.completed) != (job.stage, job.done):
            job.tries = 0
        job.stage, job.done, job.total = progress.stage, progress.completed, progress.total or None
        job.message, job.seconds_left = progress.message, progress.seconds_left
    _write_log(job, log)
    return job.status == "running"


def _write_log(job: t.Job, lines: Sequence[str]) -> None:
    if lines:
        job.log = "\n".join([*job.log.splitlines(), *lines][-LOG_LINES:])


def end(
    session: Session, ref: AttemptRef, status: str, *, outcome: Mapping[str, Any] | None = None, error: str = ""
) -> None:
    """Write how the attempt ended, unless a later attempt has taken over."""
    if (job := _load_attempt(session, ref)) is not None:
        job.status, job.outcome, job.error = status, dict(outcome or {}), error or None
        job.ended_at, job.seconds_left = db.clock(session), None


def status_of(session: Session, ref: AttemptRef) -> str | None:
    """Return the attempt's status; None where a later one has taken over."""
    query = select(t.Job.status).where(t.Job.uid == ref.uid, t.Job.attempt == ref.attempt)
    return session.exec(query).first()


def _load_attempt(session: Session, ref: AttemptRef) -> t.Job | None:
    """Return the job while this attempt of it is at work."""
    query = select(t.Job).where(t.Job.uid == ref.uid, t.Job.attempt == ref.attempt, col(t.Job.status).in_(AT_WORK))
    return session.exec(query.with_for_update()).first()


# --- Workers ----------------------------------------------------------------------------------------------------------


def sign_on(session: Session, worker: str) -> None:
    """Write that the worker is there."""
    row = session.exec(select(t.Worker).where(t.Worker.name == worker)).first() or t.Worker(name=worker)
    row.seen_at, row.ended_at = db.clock(session), None
    session.add(row)


def sign_off(session: Session, worker: str) -> None:
    """Write that the worker has ended."""
    ended = sa.update(t.Worker).where(col(t.Worker.name) == worker)
    session.execute(ended.values(ended_at=db.clock(session)))


def workers(session: Session) -> list[str]:
    """Return the names of the workers that are there."""
    at, span, seen_at = db.clock(session), timedelta(seconds=SILENT_S), col(t.Worker.seen_at)
    is_present = seen_at.between(at - span, at + span), col(t.Worker.ended_at).is_(None)
    return list(session.exec(select(t.Worker.name).where(*is_present).order_by(t.Worker.name)).all())
