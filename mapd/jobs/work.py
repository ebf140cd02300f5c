"""What every kind of work is, what it needs, and how the queue index follows it while it brings rows."""

import threading
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict
from sqlmodel import Session, col, select

from mapd.jobs import JobProgress
from mapd.people import Person, owner
from mapd.review.queue_index import derivation
from mapd.store import db
from mapd.store import tables as t

# Who starts what nobody asked for.
APP = owner("the app")
# Between two times that the queue index follows work which brings rows.
FOLLOW_S = 30.0


@dataclass(frozen=True, slots=True)
class WorkContext:
    """What all work needs: the project, who does it, where to report progress, and whether to stop."""

    engine: sa.Engine
    home: Path
    by: Person
    tell: Callable[[JobProgress], None] = lambda _: None
    stopping: Callable[[], bool] = lambda: False


@contextmanager
def followed_by_index(run: WorkContext) -> Iterator[WorkContext]:
    """Yield the context of work that brings rows: the queue index follows now and then, and at the end."""
    progress, ended = JobProgress(""), threading.Event()

    def tell(now: JobProgress) -> None:
        nonlocal progress
        progress = now
        run.tell(now)

    def follow() -> None:
        # Who looks in meanwhile finds what has come in, although no page derives anything.
        while not ended.wait(FOLLOW_S):
            derivation.catch_up_all(run.engine.execution_options(patience=db.Patience(0)))

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield replace(run, tell=tell)
    finally:
        ended.set()
        thread.join()

    def tell_of_index(done: int, total: int) -> None:
        # The work's own numbers stay: a job's pace is measured by them.
        words = ", ".join(filter(None, (progress.message, f"{done:,} of {total:,} questions into the queues")))
        run.tell(replace(progress, message=words, seconds_left=None))

    derivation.catch_up_all(run.engine, tell_of_index)


def find_unended(session: Session, kind: str, exam: str) -> t.Job | None:
    """Return the exam's latest job of this kind, by the exam's uid, unless it is done: one that failed counts, too."""
    of_kind = select(t.Job).where(t.Job.kind == kind, col(t.Job.origin).is_(None)).order_by(col(t.Job.id).desc())
    latest = next((job for job in session.exec(of_kind) if job.parameters.get("exam") == exam), None)
    return None if latest is None or latest.status == "done" else latest


def add_end(result: dict[str, Any], end: str | None) -> dict[str, Any]:
    """Return the result of work; where a rule ended it early, with the line that says so."""
    return result | ({"stopped": end} if end else {})


class Work(BaseModel):
    """One piece of work. Its fields are a job's parameters, and the options of its command."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: ClassVar[str]
    unit: ClassVar[str]  # what its progress counts
    awaits: ClassVar[str]  # what is awaited where it is stopped

    @property
    @abstractmethod
    def title(self) -> str:
        """Return one line that says what it is."""

    @abstractmethod
    def size(self, session: Session) -> int:
        """Return how many units it has in all, those that are done already too.

        Raises: NotFound, BadInput, where it can't be done as it is described.
        """

    @abstractmethod
    def run(self, run: WorkContext) -> dict[str, Any]:
        """Do what is missing; return the result as its command prints it.

        Where a rule ended it early (a budget, a teacher's fault), the result says so in one line, as "stopped".

        Raises: Stopped where it was told to stop; MapdError where it can't be done.
        """
