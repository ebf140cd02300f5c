"""Claims: which run does a piece of work, so that no other run does it too, over processes and machines.

    with claims.ClaimHolder(engine, home) as run:               # renews its claims as long as it is there
        with db.writing(engine) as session:
            claims.lock(session)
            claims.filter_free(session, run, ["3f…", "a0…"])    -> {"3f…"}: another run has the other
            claims.write_claims(session, run, {"3f…": 0.02})
            claims.release(session, run, ["3f…"])               # in the transaction that writes what was done

A claim expires by the database's clock where its run stops renewing it: its process was killed, or its machine is gone.
"""

import threading
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType

import sqlalchemy as sa
from filelock import FileLock, Timeout
from sqlmodel import Session, col, select

from mapd.errors import BadInput, Busy
from mapd.store import db
from mapd.store import tables as t

# From the last renewal until a claim expires: six renewals may fail before.
LEASE_S = 30.0
RENEW_S = 5.0
# Between two looks at what another run has.
POLL_S = 1.0
WAITING = "waits for another process that does the same"
# So old are the files of dead runs that are deleted: their claims expired long ago.
STALE_FILE_S = 24 * 3600
# Any number of ours: PostgreSQL's advisory lock for "somebody writes claims, or the ledger".
LOCK = 0x6D617064


def lock(session: Session) -> None:
    """Let one transaction at a time write claims, and what they are for."""
    db.lock(session, LOCK)


class ClaimHolder:
    """One run of a piece of work that claims what it does. Raises: BadInput, as a context: no place for its file."""

    def __init__(self, engine: sa.Engine, home: Path | None = None) -> None:
        self.engine, self.folder, self.name = engine, home and home / "runs", t.new_uid()
        # Other runs, of this machine.
        self.dead_runs: set[str] = set()
        # From then on the database was there without a break.
        self.alert_since = time.monotonic()
        # A renewal that would have to wait is tried again soon: another claim may expire meanwhile.
        self._impatient = engine.execution_options(patience=db.Patience(0))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew_claims, daemon=True)

    def __enter__(self) -> "ClaimHolder":
        if self.folder is not None:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._delete_stale_files(self.folder)
                self._lock = FileLock(self._file(self.folder, self.name))
                self._lock.acquire()
            except OSError as error:
                raise BadInput(f"a run can't leave its sign in {self.folder} ({error}); free or unlock it") from error
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()
        if self.folder is not None:
            self._lock.release()
        with suppress(Busy), db.writing(self._impatient) as session:
            session.execute(sa.delete(t.Claim).where(col(t.Claim.run) == self.name))
            # Only now: had the claims stayed, the unlocked file would tell that nobody has them any more.
            if self.folder is not None:
                self._file(self.folder, self.name).unlink(missing_ok=True)

    def may_take(self, run: str, until: datetime, at: datetime) -> bool:
        """Return whether a claim of another run may be taken over, at this time of the database's."""
        if self._is_dead(run):
            return True
        # A claim that ends much later than any can was made before the clock was set back.
        is_expired = not at <= until <= at + timedelta(seconds=2 * LEASE_S)
        # While the database was away nobody could renew anything: everybody gets the time to.
        return is_expired and time.monotonic() - self.alert_since > 2 * RENEW_S

    def _is_dead(self, run: str) -> bool:
        # A run holds a lock on a file of its own, which the system lets go with its process.
        if run in self.dead_runs:
            return True
        if self.folder is None or not (file := self._file(self.folder, run)).exists():
            return False
        try:
            with FileLock(file, timeout=0):
                self.dead_runs.add(run)
                return True
        except Timeout:
            return False

    def _renew_claims(self) -> None:
        wait = RENEW_S
        while not self._ended.wait(wait):
            try:
                with db.writing(self._impatient) as session:
                    until = db.clock(session) + timedelta(seconds=LEASE_S)
                    session.execute(sa.update(t.Claim).where(col(t.Claim.run) == self.name).values(until=until))
                wait = RENEW_S
            except Busy:
                self.alert_since, wait = time.monotonic(), POLL_S / 2

    @staticmethod
    def _file(folder: Path, run: str) -> Path:
        return folder / f"{run}.lock"

    @staticmethod
    def _delete_stale_files(folder: Path) -> None:
        # These runs were killed long ago: their claims have expired.
        for file in folder.glob("*.lock"):
            # Another run may delete the file first, or the run may be at work since yesterday.
            with suppress(FileNotFoundError, Timeout):
                if file.stat().st_mtime < time.time() - STALE_FILE_S:
                    with FileLock(file, timeout=0):
                        file.unlink()


def filter_free(session: Session, run: ClaimHolder, keys: Collection[str]) -> set[str]:
    """Return those of the keys that the run may claim, or has. The caller holds the `lock`."""
    now = db.clock(session)
    columns = select(t.Claim.key, t.Claim.run, t.Claim.until)
    rows = session.exec(columns.where(col(t.Claim.key).in_(keys), t.Claim.run != run.name)).all()
    return set(keys) - {key for key, holder, until in rows if not run.may_take(holder, until, now)}


def write_claims(session: Session, run: ClaimHolder, usd: Mapping[str, float], exam_id: int | None = None) -> None:
    """Claim these free keys, each with what it may cost."""
    if usd:
        insert = db.insert(session, t.Claim)
        new_values = {name: insert.excluded[name] for name in ("run", "until", "exam_id", "usd")}
        until = db.clock(session) + timedelta(seconds=LEASE_S)
        rows = [{"key": k, "run": run.name, "until": until, "exam_id": exam_id, "usd": usd[k]} for k in usd]
        # A row that is there is the run's own, an expired one, or one of a run that is gone.
        session.execute(insert.on_conflict_do_update(index_elements=["key"], set_=new_values), rows)


def release(session: Session, run: ClaimHolder, keys: Collection[str]) -> None:
    """Let go of the run's claims on these keys."""
    # The run's own alone: another run may have taken an expired one over.
    session.execute(sa.delete(t.Claim).where(col(t.Claim.key).in_(keys), col(t.Claim.run) == run.name))


def sum_in_flight(session: Session, exam_id: int, excluded_keys: Collection[str] = ()) -> float:
    """Return the US dollars that an exam's calls in flight may cost, whoever sent them; without some keys."""
    now = db.clock(session)
    is_valid = col(t.Claim.until).between(now, _latest(now))
    is_counted = is_valid & col(t.Claim.key).not_in(excluded_keys)
    query = select(sa.func.sum(t.Claim.usd)).where(t.Claim.exam_id == exam_id, is_counted)
    return float(session.exec(query).one() or 0)


def is_claimed(session: Session, key: str) -> bool:
    """Return whether a run is at it: one whose claim it still renews."""
    now = db.clock(session)
    valid = select(t.Claim.key).where(t.Claim.key == key, col(t.Claim.until).between(now, _latest(now)))
    return session.exec(valid).first() is not None


def _latest(now: datetime) -> datetime:
    # A claim that ends later than any can is none that counts, as in `ClaimHolder.may_take`.
    return now + timedelta(seconds=2 * LEASE_S)


def claim_when_free(run: ClaimHolder, key: str, on_wait: Callable[[], None]) -> bool:
    """Claim one key for the run as soon as it can be had; return whether it had to be waited for."""

    def attempt(session: Session) -> bool:
        lock(session)
        is_free = bool(filter_free(session, run, [key]))
        write_claims(session, run, {key: 0.0} if is_free else {})
        return is_free

    has_waited = False
    while not db.transact(run.engine, attempt):
        has_waited = True
        # What it raises ends the wait.
        on_wait()
        time.sleep(POLL_S)
    return has_waited
