"""A job's own process: it runs one attempt of one job, writes its progress, and dies with its worker.

    python -m mapd.jobs.process 5e…:2 WORKER        exit 0: the row says how it ended; 75: stopped for now

A database that is away is waited for, however long that takes.
"""

import logging
import os
import signal
import sys
import threading
from typing import NoReturn

import sqlalchemy as sa

from mapd import jobs
from mapd.errors import Busy, MapdError, Stopped
from mapd.jobs import AttemptRef, JobProgress, MonotonicProgress, kinds
from mapd.jobs.work import WorkContext
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t

# Exit codes that the worker reads, as a shell has them: "try again later" and "input/output error".
INTERRUPTED = 75  # stopped for now, to go on later
# The database was lost in the middle of a piece of work.
LOST = 74
BEAT_S = 1.0
FOREVER = float("inf")
log = logging.getLogger("mapd.job")


class Reporter(logging.Handler):
    """Keep the row up to date with progress and log lines, and learn from it whether to stop."""

    def __init__(self, engine: sa.Engine, ref: AttemptRef, furthest: JobProgress) -> None:
        super().__init__(logging.INFO)
        self.engine, self.ref = engine.execution_options(patience=db.Patience(0)), ref
        self.onward = MonotonicProgress(furthest)
        self.stage = ""
        self.progress: JobProgress | None = None
        self.lines: list[str] = []
        self.stop, self.ended = threading.Event(), threading.Event()
        # A thread, so that the row has its sign of life each second while the work computes.
        self.thread = threading.Thread(target=self._beat_on, daemon=True)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line of the log."""
        self.lines.append(f"{t.now().isoformat(timespec='seconds')} {record.getMessage()}")

    def tell(self, progress: JobProgress) -> None:
        """Keep the work's progress; a new stage is a line of the log too."""
        if self.stage != progress.stage:
            log.info(progress.stage)
        self.stage, self.progress = progress.stage, self.onward(progress)

    def beat(self) -> None:
        """Write once."""
        # Swapped in one statement: the work's thread may log at any time.
        lines, self.lines = self.lines, []
        try:
            with db.writing(self.engine) as session:
                goes_on = jobs.beat(session, self.ref, self.progress, lines)
        # The next beat writes these lines, too.
        except Busy:
            self.lines = lines + self.lines
            return
        if not goes_on:
            self.stop.set()

    def _beat_on(self) -> None:
        while not self.ended.wait(BEAT_S):
            self.beat()

    def __enter__(self) -> "Reporter":
        logger = logging.getLogger("mapd")
        logger.addHandler(self)
        logger.setLevel(logging.INFO)
        signal.signal(signal.SIGTERM, lambda *_: self.stop.set())
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.thread.join()
        self.beat()


def run_attempt(ref: AttemptRef, worker: str) -> int:
    """Do the attempt, if it is still to be done; return the process's exit code."""
    settings = Settings()
    engine = db.open_store(settings, db.Patience(FOREVER, log.info))
    with db.reading(engine) as session:
        job = jobs.begin(session, ref)
        if job is None:
            return 0
        session.expunge_all()
    outcome, error = {}, ""
    try:
        with Reporter(engine, ref, JobProgress(job.stage, job.done, job.total or 0)) as report:
            task = kinds.read_job(job)
            log.info("%s, attempt %d on %s", task.title, ref.attempt, worker)
            # Their right was asked when they started the job: it isn't asked again here.
            starter = owner(job.person)
            outcome = task.run(
                WorkContext(engine, settings.make_home(), starter, report.tell, stopping=report.stop.is_set)
            )
            if (last := report.progress) is not None and "stopped" not in outcome:
                report.progress = JobProgress(last.stage, last.total or last.completed, last.total, last.message)
        status = "done"
    except Stopped as stopped:
        with db.reading(engine) as session:
            # Nobody cancelled it: its worker is going, and the job goes on with the next one.
            if jobs.status_of(session, ref) == "running":
                return INTERRUPTED
        status, error = "cancelled", str(stopped)
    except Busy as busy:
        # The fault passes, so the job doesn't fail: the worker reads this code and queues it again.
        sys.stderr.write(f"{busy}\n")
        return LOST
    except MapdError as failure:
        status, error = "failed", str(failure)
    db.transact(engine, lambda session: jobs.end(session, ref, status, outcome=outcome, error=error))
    return 0


def die_with_the_worker() -> None:
    """Kill this process, and all that it started, when the worker dies."""

    def wait() -> None:
        # The read returns when the worker's end of the pipe closes, even by kill -9.
        os.read(0, 1)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=wait, daemon=True).start()


def main() -> NoReturn:
    """Run the attempt that the command line names."""
    die_with_the_worker()
    sys.exit(run_attempt(AttemptRef.parse(sys.argv[1]), sys.argv[2]))


if __name__ == "__main__":
    main()
