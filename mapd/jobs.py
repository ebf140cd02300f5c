"""Jobs: the row of a recorded execution, which is the truth. A worker's process does it and writes here how far it is.

    job = start(session, "exam", {"student": "smollm2", "questions": "demo", "split": "dev"}, by="ann")
    job.status, job.done, job.total, job.message    -> "running", 96, 210, "4.1 questions/s"

    queued -> running -> done | failed | cancelling -> cancelled           resume: cancelled, failed, silent -> queued

Whatever happens to its process, nothing is lost and nothing is done twice: every kind of work knows what it has.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from mapd.errors import BadInput, NotFound
from mapd.people import person_name
from mapd.store import queries
from mapd.store import tables as t

SILENT_S = 15  # without a sign of life for so long, a job's process is taken for dead; it gives one a second
LOG_LINES = 40
ACTIVE = ("queued", "running", "cancelling")
PACE_OF = 5  # the latest jobs of a kind, which tell its usual speed


class Ref(NamedTuple):
    """One attempt of a job, as the queue knows it: "5e…:2"."""

    uid: str
    attempt: int

    def __str__(self) -> str:
        return f"{self.uid}:{self.attempt}"

    @classmethod
    def of(cls, text: str) -> "Ref":
        """The attempt that the queue names."""
        uid, _, attempt = text.partition(":")
        return cls(uid, int(attempt))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is. `total` 0 is not known yet; `said` is its speed in words."""

    stage: str
    done: int = 0
    total: int = 0
    said: str = ""
    seconds_left: float | None = None


# --- What people do ---------------------------------------------------------------------------------------------------


def start(session: Session, kind: str, parameters: Mapping[str, Any], *, by: str) -> t.Job:
    """Queue a job; a worker takes it.

    Raises: BadInput where the same work is queued or running already.
    """
    person = person_name(by)
    active = select(t.Job).where(t.Job.kind == kind, col(t.Job.status).in_(ACTIVE))
    for other in session.exec(active).all():
        if other.parameters == dict(parameters):
            raise BadInput(f"this {kind} is {other.status} already, as job {other.uid[:8]}: watch or cancel that one")
    job = t.Job(kind=kind, parameters=dict(parameters), person=person)
    session.add(job)
    queries.audit(session, person, "start job", f"job {job.uid}", kind=kind)
    session.flush()
    return job


def get(session: Session, ref: str | int) -> t.Job:
    """The job by its uid, the beginning of it (four digits or more), or its id.

    Raises: NotFound.
    """
    text = str(ref)
    if text.isascii() and text.isalnum() and len(text) >= 4:
        found = session.exec(select(t.Job).where(col(t.Job.uid).startswith(text)).limit(2)).all()
        if len(found) == 1:
            return found[0]
    if text.isascii() and text.isdigit() and len(text) < 18 and (job := session.get(t.Job, int(text))) is not None:
        return job
    raise NotFound(f"unknown job: {text[:40]}; `mapd jobs list` lists them")


def listed(session: Session, limit: int = 50) -> Sequence[t.Job]:
    """The jobs, the newest first."""
    return session.exec(select(t.Job).order_by(col(t.Job.id).desc()).limit(limit)).all()


def cancel(session: Session, ref: str | int, *, by: str) -> t.Job:
    """Stop a job: one that waits at once, one that runs as soon as what is in flight has come in.

    Raises: NotFound; BadInput where it has ended already.
    """
    job = get(session, ref)
    if job.status not in ACTIVE:
        raise BadInput(f"job {job.uid[:8]} has ended already: it is {job.status}")
    if job.status == "queued" or is_silent(job):
        job.status, job.ended_at = "cancelled", t.now()
    else:
        job.status = "cancelling"
    session.add(job)
    queries.audit(session, person_name(by), "cancel job", f"job {job.uid}")
    session.flush()
    return job


def resume(session: Session, ref: str | int, *, by: str) -> t.Job:
    """Queue a job again: one that was cancelled, has failed, or whose process is silent. It does what is missing.

    Raises: NotFound; BadInput where it is done, at work, or came with an archive.
    """
    job = get(session, ref)
    if job.origin is not None:
        raise BadInput(f"job {job.uid[:8]} came with an archive: it was another project's; start one of your own")
    if job.status == "done":
        raise BadInput(f"job {job.uid[:8]} is done; start another one")
    if job.status in ACTIVE and not is_silent(job):
        raise BadInput(f"job {job.uid[:8]} is {job.status}: nothing to resume")
    job.status, job.attempt = "queued", job.attempt + 1
    job.error = job.ended_at = job.beat_at = job.worker = job.seconds_left = None
    job.message = ""
    session.add(job)
    queries.audit(session, person_name(by), "resume job", f"job {job.uid}", attempt=job.attempt)
    session.flush()
    return job


def is_silent(job: t.Job, at: datetime | None = None) -> bool:
    """Whether the job should be running, and nothing is heard of its process."""
    if job.status not in ("running", "cancelling"):
        return False
    return job.beat_at is None or (at or t.now()) - job.beat_at > timedelta(seconds=SILENT_S)


def state(job: t.Job) -> str:
    """The job's status, or what it comes to: "silent", or "stopped" where it is done before its end by a rule."""
    if is_silent(job):
        return "silent"
    return "stopped" if "stopped" in job.outcome else job.status


def pace(session: Session, kind: str) -> float | None:
    """How many a second (questions, calls, steps) the latest jobs of a kind did; None where none has run here."""
    own_jobs = (t.Job.kind == kind, t.Job.status == "done", col(t.Job.origin).is_(None))
    ended = select(t.Job).where(*own_jobs, col(t.Job.started_at).is_not(None))
    paces = []
    for job in session.exec(ended.order_by(col(t.Job.id).desc()).limit(PACE_OF)).all():
        if job.started_at and job.ended_at and job.done and job.attempt == 1:
            paces.append(job.done / max((job.ended_at - job.started_at).total_seconds(), 0.1))
    return median(paces) if paces else None


# --- What workers and their processes do ------------------------------------------------------------------------------


def waiting(session: Session) -> list[tuple[Ref, str]]:
    """The queued jobs and their kinds, the oldest first."""
    query = select(t.Job).where(t.Job.status == "queued").order_by(col(t.Job.id))
    return [(Ref(job.uid, job.attempt), job.kind) for job in session.exec(query).all()]


def claim(session: Session, ref: Ref, worker: str) -> t.Job | None:
    """Take the job: it runs from now on. None where it was cancelled, or resumed as a later attempt.

    One that was running already, of the same attempt, goes on: its worker, or its process, had died.
    """
    job = _mine(session, ref)
    if job is None or job.status not in ACTIVE:
        return None
    if job.status == "queued":
        job.status, job.started_at = "running", t.now()
    job.worker, job.beat_at = worker, t.now()
    session.add(job)
    session.flush()
    return job


def beat(session: Session, ref: Ref, progress: Progress | None, log: Sequence[str]) -> bool:
    """Write how far it is and the new lines of its log; whether the job is to go on."""
    job = _mine(session, ref)
    if job is None or job.status not in ("running", "cancelling"):
        return False
    job.beat_at = t.now()
    if progress is not None:
        job.stage, job.done, job.total = progress.stage, progress.done, progress.total or None
        job.message, job.seconds_left = progress.said, progress.seconds_left
    if log:
        job.log = "\n".join([*job.log.splitlines(), *log][-LOG_LINES:])
    session.add(job)
    return job.status == "running"


def end(session: Session, ref: Ref, status: str, *, outcome: Mapping[str, Any] | None = None, error: str = "") -> None:
    """Write how the attempt ended; an earlier attempt has no say."""
    job = _mine(session, ref)
    if job is None or job.status not in ("running", "cancelling"):
        return
    job.status, job.outcome, job.error = status, dict(outcome or {}), error or None
    job.ended_at, job.seconds_left = t.now(), None
    session.add(job)


def standing(session: Session, ref: Ref) -> tuple[str | None, int]:
    """The attempt's status, None where a later one has taken over, and how much is done."""
    job = _mine(session, ref)
    return (None, 0) if job is None else (job.status, job.done)


def _mine(session: Session, ref: Ref) -> t.Job | None:
    query = select(t.Job).where(t.Job.uid == ref.uid, t.Job.attempt == ref.attempt)
    return session.exec(query.with_for_update()).first()


# --- Workers ----------------------------------------------------------------------------------------------------------


def seen(session: Session, worker: str) -> None:
    """The worker is there."""
    row = session.exec(select(t.Worker).where(t.Worker.name == worker)).first() or t.Worker(name=worker)
    row.seen_at, row.ended_at = t.now(), None
    session.add(row)


def gone(session: Session, worker: str) -> None:
    """The worker has ended."""
    session.execute(sa.update(t.Worker).where(col(t.Worker.name) == worker).values(ended_at=t.now()))


def workers(session: Session) -> list[str]:
    """The names of the workers that are there."""
    since = t.now() - timedelta(seconds=SILENT_S)
    query = select(t.Worker.name).where(col(t.Worker.seen_at) > since, col(t.Worker.ended_at).is_(None))
    return list(session.exec(query.order_by(t.Worker.name)).all())
