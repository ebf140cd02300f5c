"""A job's own process: it does one attempt of one job, writes how far it is, and dies with its worker.

    python -m mapd.child 5e…:2 WORKER        exit 0: the row says how it ended; 75: stopped for now, to go on later

A thread writes the row each second, and reads there whether the job is to stop; another waits for the end of standard
input, which comes when the worker has died, even of kill -9: then this process group is killed, so that nothing works
on without a worker that knows of it.
"""

import logging
import os
import signal
import sys
import threading
from typing import NoReturn

import sqlalchemy as sa

from mapd import jobs, work
from mapd.errors import MapdError, Stopped
from mapd.jobs import Progress, Ref
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t

INTERRUPTED = 75  # the shell's "try again later"
BEAT_S = 1.0


class Reporter(logging.Handler):
    """Keeps the row up to date: progress, the log's lines, and back from it whether to stop."""

    def __init__(self, engine: sa.Engine, ref: Ref) -> None:
        super().__init__(logging.INFO)
        self.engine, self.ref = engine, ref
        self.progress: Progress | None = None
        self.lines: list[str] = []
        self.stop, self.done = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._beat_on, daemon=True)

    def emit(self, record: logging.LogRecord) -> None:
        """A line of the log."""
        self.lines.append(f"{t.now().isoformat(timespec='seconds')} {record.getMessage()}")

    def tell(self, progress: Progress) -> None:
        """The work's progress; a new stage is a line of the log too."""
        if self.progress is None or self.progress.stage != progress.stage:
            logging.getLogger("mapd.job").info(progress.stage)
        self.progress = progress

    def beat(self) -> None:
        """Write once."""
        lines, self.lines = self.lines, []
        try:
            with db.writing(self.engine) as session:
                go_on = jobs.beat(session, self.ref, self.progress, lines)
        except sa.exc.OperationalError:  # a database that is busy, away or full: the next beat tells all of it
            self.lines = lines + self.lines
            return
        if not go_on:
            self.stop.set()

    def _beat_on(self) -> None:
        while not self.done.wait(BEAT_S):
            self.beat()

    def __enter__(self) -> "Reporter":
        logger = logging.getLogger("mapd")
        logger.addHandler(self)
        logger.setLevel(logging.INFO)
        signal.signal(signal.SIGTERM, lambda *_: self.stop.set())
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.thread.join()
        self.beat()


def do(ref: Ref, worker: str) -> int:
    """Do the attempt, if it is still to be done; the process's exit code."""
    settings = Settings()
    engine = db.open_store(settings)
    with db.writing(engine) as session:
        job = jobs.claim(session, ref, worker)
        if job is None:
            return 0
        session.flush()
        session.expunge_all()
    outcome, error = {}, ""
    try:
        with Reporter(engine, ref) as report:
            given = work.of(job)
            logging.getLogger("mapd.job").info("%s, attempt %d on %s", given.title, ref.attempt, worker)
            starter = owner(job.person)  # whose right to start it was asked when they did
            outcome = given.run(
                work.Run(engine, settings.make_home(), starter, report.tell, stopping=report.stop.is_set)
            )
            if report.progress is not None and "stopped" not in outcome:
                report.progress = _whole(report.progress)
        ended = "done"
    except Stopped as stopped:
        with db.reading(engine) as session:
            if jobs.standing(session, ref)[0] == "running":
                return INTERRUPTED  # the worker goes, and this attempt goes on when it is back
        ended, error = "cancelled", str(stopped)
    except MapdError as wrong:
        ended, error = "failed", str(wrong)
    with db.writing(engine) as session:
        jobs.end(session, ref, ended, outcome=outcome, error=error)
    return 0


def _whole(progress: Progress) -> Progress:
    """A progress at its end."""
    return Progress(progress.stage, progress.total or progress.done, progress.total, progress.said)


def die_with_the_worker() -> None:
    """Wait, in a thread, for the end of standard input; then kill this process and all that it started."""

    def wait() -> None:
        os.read(0, 1)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=wait, daemon=True).start()


def main() -> NoReturn:
    """The process."""
    die_with_the_worker()
    sys.exit(do(Ref.of(sys.argv[1]), sys.argv[2]))


if __name__ == "__main__":
    main()
