"""The worker: takes jobs that wait, and does each in a process of its own.

    mapd worker [--name NAME]        one name a machine; the app starts one by itself, again and again if need be

The jobs' rows are the queue (jobs.py). Several workers share it, on PostgreSQL over several machines. A worker that is
killed takes its jobs' processes with it; the jobs go on with the next worker that finds them silent.
"""

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from filelock import FileLock, Timeout
from sqlmodel import Session

from mapd import jobs
from mapd.errors import BadInput, Busy
from mapd.jobs import AttemptRef, refit_work
from mapd.jobs.process import INTERRUPTED
from mapd.settings import Settings
from mapd.store import db

# Jobs at once on a worker: those that make calls wait for others, those that compute take the whole machine.
SLOTS: Mapping[bool, int] = {True: 4, False: 1}
LOOK_S = 0.5  # between two looks for jobs
# Between two warnings that the database is away.
WARN_EVERY_S = 10.0
SEEN_S = 5.0  # between two signs of the worker's own
REFITS_S = 10.0  # between two looks whether people judged enough for a refit
# From "stop" until a job's process is killed: longer than calls in flight are awaited (60 s), or a checkpoint takes.
GRACE_S = 75.0
# Until a worker that ended is started again: it doubles, so that a broken setting doesn't fill the log.
SHORTEST_DELAY_S, LONGEST_DELAY_S = 1.0, 60.0
IMPATIENT = db.Patience(seconds=0)
FOREVER = float("inf")
log = logging.getLogger("mapd.jobs.worker")


@dataclass
class Child:
    """A job's process."""

    process: subprocess.Popen[bytes]
    calls: bool
    log: Path
    stops_since: float | None = None  # when it was first seen to be cancelled

    def why_it_ended(self) -> str:
        """Return the signal that killed it, or the end of what it wrote."""
        if (code := self.process.returncode) < 0:
            return f"killed by signal {-code}; 9 is often a lack of memory"
        lines = self.log.read_text("utf-8", "replace").split("\n") if self.log.exists() else []
        words = [line.strip() for line in lines if line.strip()]
        return f"exit code {code}: {words[-1][:300] if words else 'it wrote nothing'}"

    def kill(self) -> None:
        """Kill it, and all that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


class WorkerProcess:
    """One worker with its jobs' processes."""

    def __init__(self, engine: sa.Engine, home: Path, name: str) -> None:
        self.engine, self.home, self.name = engine, home, name
        self.children: dict[AttemptRef, Child] = {}
        # Monotonic times: its own last sign, and when the database was last away.
        self.seen_at = self.away_at = -FOREVER
        # The same of refits, and what people had done then.
        self.refits_at = -FOREVER
        self.judgements: refit_work.JudgementEdition | None = None

    def look(self) -> None:
        """Do one round: a sign of life, refits that are due, the processes, jobs that wait. Raises: Busy."""
        if time.monotonic() - self.seen_at > SEEN_S:
            with db.writing(self.engine) as session:
                jobs.sign_on(session, self.name)
            self.seen_at = time.monotonic()
        if time.monotonic() - self.refits_at > REFITS_S:
            self.judgements = refit_work.start_due(self.engine, self.judgements)
            self.refits_at = time.monotonic()
        self._reap()
        self._kill_what_does_not_stop()
        # While the database was away no process could give a sign of life: none is silent until it had the time to.
        if time.monotonic() - self.away_at > jobs.SILENT_S:
            self._take()

    def _take(self) -> None:
        own_uids = [ref.uid for ref in self.children]
        for calls, slots in SLOTS.items():
            busy = sum(child.calls == calls for child in self.children.values())
            for _ in range(slots - busy):
                # A read first: an idle worker must not take the writer's lock twice a second.
                with db.reading(self.engine) as session:
                    if not jobs.has_waiting_job(session, self.name, calls=calls, own_uids=own_uids):
                        break
                with db.writing(self.engine) as session:
                    ref = jobs.take(session, self.name, calls=calls, own_uids=own_uids)
                if ref is not None:
                    self._start(ref, calls)
                    own_uids.append(ref.uid)

    def _start(self, ref: AttemptRef, calls: bool) -> None:
        path = self.home / "jobs" / f"{ref.uid}-{ref.attempt}.log"
        try:
            path.parent.mkdir(exist_ok=True)
            with path.open("wb") as errors:
                process = subprocess.Popen(
                    [sys.executable, "-m", "mapd.jobs.process", str(ref), self.name],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                    # A process group of its own, which can be killed as a whole.
                    start_new_session=True,
                )
            self.children[ref] = Child(process, calls, path)
        except OSError as error:
            with db.writing(self.engine) as session:
                jobs.give_back(session, ref, f"no process can be started: {error}")

    def _reap(self) -> None:
        for ref, child in list(self.children.items()):
            if child.process.poll() is not None:
                with db.writing(self.engine) as session:
                    self._hand_back(session, ref, child)
                assert child.process.stdin is not None
                child.process.stdin.close()
                del self.children[ref]
                if child.log.exists() and child.log.stat().st_size == 0:
                    child.log.unlink()

    def _hand_back(self, session: Session, ref: AttemptRef, child: Child) -> None:
        # A job that has ended stays as it is.
        if child.process.returncode == INTERRUPTED:
            jobs.put_off(session, ref)
        else:
            jobs.give_back(session, ref, child.why_it_ended())

    def _kill_what_does_not_stop(self) -> None:
        if not self.children:
            return
        with db.reading(self.engine) as session:
            cancelled = [ref for ref in self.children if jobs.status_of(session, ref) == "cancelling"]
        for child in map(self.children.__getitem__, cancelled):
            child.stops_since = child.stops_since or time.monotonic()
            if time.monotonic() - child.stops_since > GRACE_S:
                child.kill()

    def stop(self, hurry: threading.Event) -> None:
        """Stop all processes, wait as long as the grace is or until there is a hurry, kill the rest. Raises: Busy."""
        for child in self.children.values():
            with suppress(ProcessLookupError):
                child.process.terminate()
        until = time.monotonic() + GRACE_S
        while any(c.process.poll() is None for c in self.children.values()) and time.monotonic() < until:
            if hurry.wait(0.1):
                break
        for child in self.children.values():
            if child.process.poll() is None:
                child.kill()
                child.process.wait()
        with db.writing(self.engine) as session:
            for ref in self.children:
                jobs.put_off(session, ref)
            jobs.sign_off(session, self.name)


def serve(settings: Settings, name: str, *, wait: bool = False, with_parent: bool = False) -> None:
    """Take jobs until SIGTERM or Ctrl+C, by default under the machine's name.

    `wait`: for another worker of the same name to end first.

    `with_parent`: stop where standard input ends, which it does when the parent is gone, even by kill -9.

    Raises: BadInput where another worker of this name is there; Damaged where its queue can't be read.
    """
    if with_parent:
        threading.Thread(target=_stop_with_the_parent, daemon=True).start()
    name = name or socket.gethostname() or "worker"
    home = settings.make_home()
    folder = home / "workers"
    folder.mkdir(exist_ok=True)
    try:
        with FileLock(folder / f"{name}.lock", timeout=-1 if wait else 0):
            _serve(settings, home, name)
    except Timeout as error:
        raise BadInput(
            f"a worker named {name} is there already for this project; give this one another --name"
        ) from error


def _stop_with_the_parent() -> None:
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGTERM)


def _serve(settings: Settings, home: Path, name: str) -> None:
    engine = db.open_store(settings, db.Patience(FOREVER, log.warning))
    worker = WorkerProcess(engine.execution_options(patience=IMPATIENT), home, name)
    stop, hurry = threading.Event(), threading.Event()

    def on_signal(*_: object) -> None:
        (hurry if stop.is_set() else stop).set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # nohup ignores SIGHUP: whoever started this process wants it to outlive the terminal.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, on_signal)
    log.info("worker %s is there", name)
    away_since, warned_at = None, -FOREVER
    while not stop.is_set():
        try:
            worker.look()
            away_since = None
        except Busy as busy:
            worker.away_at = time.monotonic()
            away_since = away_since or worker.away_at
            if worker.away_at - warned_at > WARN_EVERY_S:
                warned_at = worker.away_at
                log.warning("waits for the database: %s, %.0f s", busy.reason, warned_at - away_since)
        stop.wait(LOOK_S)
    if worker.children:
        log.info(
            "stopping: what its jobs have in flight is awaited for up to %.0f s; press Ctrl+C again to end at once; "
            "the jobs (%d) go on with the next worker",
            GRACE_S,
            len(worker.children),
        )
    # With the database away the jobs fall silent, and the next worker takes them over all the same.
    with suppress(Busy):
        worker.stop(hurry)
    if hurry.is_set():
        log.info("ended at once: what its jobs had in flight is given up; what was written is kept")


# --- Beside the app ---------------------------------------------------------------------------------------------------


@asynccontextmanager
async def run_beside_app(_app: object) -> AsyncIterator[None]:
    """Keep a worker process running while the app runs. MAPD_WORKER=0 leaves that to `mapd worker`."""
    if not Settings().worker:
        yield
        return
    keeper = asyncio.create_task(_keep_worker_running())
    yield
    keeper.cancel()
    with suppress(asyncio.CancelledError):
        await keeper


async def _keep_worker_running() -> None:
    """Start the worker, and start it again when it ends: at once after a long life, later after short ones."""
    delay = SHORTEST_DELAY_S
    while True:
        started = time.monotonic()
        try:
            ending = await _run_worker()
        except OSError as error:
            ending = f"can't be started ({error})"
        if time.monotonic() - started > LONGEST_DELAY_S:
            delay = SHORTEST_DELAY_S
        sys.stderr.write(f"mapd: the worker {ending}; it is started again in {delay:.0f} s\n")
        await asyncio.sleep(delay)
        delay = min(2 * delay, LONGEST_DELAY_S)


async def _run_worker() -> str:
    """Run a worker to its end; return how that came, in words."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mapd.cli", "worker", "--wait", "--with-parent"),
        stdin=asyncio.subprocess.PIPE,
        # Ctrl+C in the terminal reaches the app alone, which then ends the worker in good order.
        start_new_session=True,
    )
    assert process.stdin is not None
    try:
        code = await process.wait()
    finally:
        # The end of its standard input stops the worker; its jobs go on with the next one.
        process.stdin.close()
    return f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
