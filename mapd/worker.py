"""The worker: takes queued jobs, and does each in a process of its own. DBOS is the durable queue.

    mapd worker [--name NAME]        one name a machine; the app starts one by itself

A job's row comes first and is the truth. Each second the worker hands to DBOS the queued attempts that it lacks, one
workflow each, named "UID:ATTEMPT" like its only argument. A worker that was killed finds its workflows again under its
name; on PostgreSQL several workers share the queues. DBOS's own tables lie in `jobs.db` beside the project's database,
or on PostgreSQL in a schema of their own.
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
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from filelock import FileLock, Timeout

from mapd import jobs
from mapd.errors import BadInput, Damaged
from mapd.jobs import Ref
from mapd.settings import Settings
from mapd.store import db

QUEUES: Mapping[str, int] = {"local": 1, "calls": 4}  # how many jobs of each at once on a worker
QUEUE_OF = {"collect": "calls"}  # it waits for other machines; all else computes here
VERSION = "mapd-1"  # DBOS's own would be a hash of the source: an edited comment would orphan what waits
SWEEP_S = 1.0
GRACE_S = 30.0  # from "stop" until a job's process is killed: what is in flight comes in, a checkpoint is written
TRIES = 3  # of a process that dies and came no further than those before, until the job has failed
log = logging.getLogger("mapd.worker")


def default_name() -> str:
    """This machine's."""
    return socket.gethostname() or "worker"


class Children:
    """The processes of this worker's jobs."""

    def __init__(self, engine: sa.Engine, home: Path, name: str) -> None:
        self.engine, self.home, self.name = engine, home, name
        self.running: dict[Ref, asyncio.subprocess.Process] = {}
        self.told: dict[Ref, float] = {}  # when each was told to stop
        self.closing = False

    async def do(self, ref: Ref) -> None:
        """Do one attempt of a job to its end, whatever that is."""
        tries = reached = 0
        while tries < TRIES:
            code = await self._process(ref)
            if code == 0:
                return
            if self.closing:
                await asyncio.Event().wait()  # for ever: the workflow stays pending, and goes on with the next worker
            status, done = self._standing(ref)
            if status == "cancelling":  # killed because it didn't stop
                self._end(ref, "cancelled", "")
                return
            tries, reached = (0, done) if done > reached else (tries + 1, reached)
        why = self._why(ref, code)
        self._end(ref, "failed", f"its process ended {TRIES} times and came no further ({why}); resume goes on")

    async def _process(self, ref: Ref) -> int:
        path = self._log(ref)
        with path.open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "mapd.child", str(ref), self.name),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,  # a group of its own, which can be killed as a whole
            )
        self.running[ref] = process
        try:
            return await process.wait()
        finally:
            del self.running[ref]
            self.told.pop(ref, None)
            if path.stat().st_size == 0:
                path.unlink()

    def _log(self, ref: Ref) -> Path:
        folder = self.home / "jobs"
        folder.mkdir(exist_ok=True)
        return folder / f"{ref.uid}-{ref.attempt}.log"

    def _why(self, ref: Ref, code: int) -> str:
        """The end of what it wrote, or the signal that killed it."""
        if code < 0:
            return f"killed by signal {-code}; 9 is often a lack of memory"
        path = self._log(ref)
        lines = path.read_text("utf-8", "replace").split("\n") if path.exists() else []
        said = [line.strip() for line in lines if line.strip()]
        return f"exit code {code}: {said[-1][:300] if said else 'it said nothing'}"

    def _standing(self, ref: Ref) -> tuple[str | None, int]:
        with db.reading(self.engine) as session:
            return jobs.standing(session, ref)

    def _end(self, ref: Ref, status: str, error: str) -> None:
        with db.writing(self.engine) as session:
            jobs.end(session, ref, status, error=error)

    def kill_what_does_not_stop(self) -> None:
        """Kill the process of a cancelled job whose grace is over."""
        for ref, process in list(self.running.items()):
            if self._standing(ref)[0] == "cancelling":
                since = self.told.setdefault(ref, time.monotonic())
                if time.monotonic() - since > GRACE_S:
                    _kill(process)

    def stop(self) -> None:
        """Tell all to stop for now, wait for them as long as the grace is, then kill them."""
        self.closing = True
        for process in list(self.running.values()):
            with suppress(ProcessLookupError):
                process.terminate()
        until = time.monotonic() + GRACE_S
        while self.running and time.monotonic() < until:
            time.sleep(0.1)
        for process in list(self.running.values()):
            _kill(process)


def _kill(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


@asynccontextmanager
async def beside(_app: object) -> AsyncIterator[None]:
    """A worker in a process beside the app, as long as the app is there. MAPD_WORKER=0 leaves it to `mapd worker`."""
    if not Settings().worker:
        yield
        return
    command = [sys.executable, "-m", "mapd.cli", "worker", "--wait", "--with-parent"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)  # Ctrl+C is the app's alone
    yield
    assert process.stdin is not None
    process.stdin.close()  # it stops, with its jobs; they go on with the next worker


def serve(settings: Settings, name: str, *, wait: bool = False, with_parent: bool = False) -> None:
    """Take jobs until SIGTERM or Ctrl+C. With `wait` for another worker of the same name to end first.

    `with_parent`: stop where standard input ends, which it does when the parent is gone, even by kill -9.

    Raises: BadInput where another worker of this name is there; Damaged where its queue can't be read.
    """
    if with_parent:
        threading.Thread(target=_stop_with_the_parent, daemon=True).start()
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
    from dbos import DBOS, DBOSConfig  # it takes a second to import, and waits for the lock above

    engine = db.open_store(settings)
    if (home / "jobs.db").is_file() and (fault := db.fault_of(home / "jobs.db")) is not None:
        raise Damaged(
            f"the queue of jobs is damaged: {home / 'jobs.db'} ({fault}); remove the file: it is made again of the "
            "jobs that wait"
        )
    children = Children(engine, home, name)
    url = settings.url if settings.database_url else f"sqlite:///{home / 'jobs.db'}"
    config: DBOSConfig = {
        "name": "mapd",
        "system_database_url": url,
        "executor_id": name,
        "application_version": VERSION,
        "log_level": "CRITICAL",
    }
    DBOS(config=config)

    @DBOS.step(name="process")
    async def process(ref: str) -> None:
        await children.do(Ref.of(ref))

    @DBOS.workflow(name="job")
    async def job(ref: str) -> None:
        await process(ref)

    stopped: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, _: stopped.append(got))
    DBOS.launch()
    for queue, at_once in QUEUES.items():
        DBOS.register_queue(queue, worker_concurrency=at_once, polling_interval_sec=0.5)
    log.info("worker %s is there", name)
    while not stopped:
        try:
            _sweep(engine, name, DBOS.enqueue_workflow_with_options)
            children.kill_what_does_not_stop()
        except sa.exc.OperationalError as error:  # a database that is away for a while
            log.warning("worker %s waits for the database: %s", name, str(error.orig).splitlines()[0])
        time.sleep(SWEEP_S)
    children.stop()
    with db.writing(engine) as session:
        jobs.gone(session, name)
    os._exit(0)  # without DBOS's own end, which would wait for the workflows that are to stay pending


def _sweep(engine: sa.Engine, name: str, enqueue: Callable[[Any, str], Any]) -> None:
    """Say that the worker is there, and hand over what waits; what the queue has already it ignores."""
    with db.writing(engine) as session:
        jobs.seen(session, name)
        found = jobs.waiting(session)
    for ref, kind in found:
        queue = QUEUE_OF.get(kind, "local")
        workflow = {"workflow_name": "job", "queue_name": queue, "workflow_id": str(ref), "app_version": VERSION}
        enqueue(workflow, str(ref))
