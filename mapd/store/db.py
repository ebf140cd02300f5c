"""The engine and its migrations: SQLite in WAL by default, PostgreSQL by URL, one schema on both.

engine = db.open_store(Settings())
with db.reading(engine) as session: ...
with db.writing(engine) as session: ...             # one transaction: all of it or nothing
db.transact(engine, lambda session: ...)            # the same, done again where the database was lost on the way

A database that is locked, away, starting up or full is waited for, as long as the engine's `Patience` says; whoever
waits is told so in a line. What lasts longer is raised as `Busy`. `clock` is the database's own time: two machines
whose clocks differ agree on it. A database that isn't what it should be is raised as `Damaged` (damage.py).
"""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import sqlalchemy as sa
import tenacity
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel

from mapd.characters import find_unstorable
from mapd.errors import BadInput, Busy, Damaged, Stale
from mapd.settings import Settings
from mapd.store import columns, damage

MIGRATIONS = Path(__file__).parent / "migrations"
# Any number of ours: PostgreSQL's advisory lock for "somebody migrates".
MIGRATION_LOCK = 2410_03663
# The last commit with the 22 migrations that the first one was made of: it reads whatever was written before.
LAST_OF_OLD = "8041318"
# SQLite's own wait for a lock; between two of them we can say that it waits.
LOCK_WAIT_MS = 1000
BETWEEN_TRIES = tenacity.wait_exponential(multiplier=0.05, max=1)
CURES = {  # by what SQLite says of a file that can't be opened or written
    "readonly": "make the file and its folder writable for you",
    "full": "make room on the disk",
    "disk": "make room on the disk, or look at the disk itself",
}
# A wait as short as this is nothing to tell.
SILENT_WAIT_S = 2.0
T = TypeVar("T")


class DatabaseFault(StrEnum):
    """What can be wrong with a database for a while."""

    BUSY = "is busy"
    FULL = "has no room"
    STARTING = "is starting"
    AWAY = "is away"


# BUSY, LOCKED, FULL
SQLITE_FAULTS = {5: DatabaseFault.BUSY, 6: DatabaseFault.BUSY, 13: DatabaseFault.FULL}
# IOERR_WRITE, _FSYNC, _TRUNCATE, _SHMSIZE: a full disk, beside its database
SQLITE_FULL = (778, 1034, 1546, 4874)
# By class of SQLSTATE; 40 is a deadlock.
POSTGRES_FAULTS = {
    "08": DatabaseFault.AWAY,
    "40": DatabaseFault.BUSY,
    "53": DatabaseFault.FULL,
    "55": DatabaseFault.BUSY,
    "57": DatabaseFault.AWAY,
}
POSTGRES_UNIQUE = "23505"
# With one of these words a connection fails for good.
LASTING = ("authentication", "does not exist", "pg_hba", "resolve", "translate host")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a database that can't be used just now is waited for, and who is told so."""

    seconds: float = 30
    tell: Callable[[str], None] = lambda _: None


USUAL = Patience()
# Seconds that these are waited for, where nothing was ever read yet: the URL may be wrong.
OPENING = {DatabaseFault.AWAY: 10.0, DatabaseFault.FULL: 0.0}


def open_store(settings: Settings, patience: Patience = USUAL) -> sa.Engine:
    """Return the project's engine, its folder made and its schema brought up to date.

    Raises: BadInput where MAPD_HOME can't be written to, the database can't be reached, or is of a newer version;
    Busy where it is locked, or still starting, for longer than the patience lasts; Damaged where it isn't what it
    should be.
    """
    settings.make_home()
    try:
        engine = connect(settings.url, patience)
        if engine.dialect.name == "sqlite":
            damage.check_file(Path(engine.url.database or ""))
        # A server that doesn't answer at all is waited for a short while, but by the endlessly patient.
        _retry(patience, shorter={} if math.isinf(patience.seconds) else OPENING)(migrate, engine)
    except (sa.exc.OperationalError, sa.exc.DatabaseError, sa.exc.ArgumentError, ModuleNotFoundError) as error:
        reason = _reason(error)
        if (fault := fault_of(error)) in (DatabaseFault.BUSY, DatabaseFault.STARTING):
            raise Busy(f"the database {fault} ({reason}): it can't be opened; try again", reason) from error
        place = "MAPD_DATABASE_URL" if settings.database_url else settings.url
        cure = next((cure for word, cure in CURES.items() if word in reason), "check the path or the URL")
        raise BadInput(f"the database can't be opened: {place} ({reason}); {cure}") from error
    return engine


def connect(url: str, patience: Patience = USUAL) -> sa.Engine:
    """Return an engine; on SQLite each connection gets WAL, a wait for locks, and foreign keys."""
    options = {"patience": patience}
    if not url.startswith("sqlite"):
        url = url.replace("postgresql://", "postgresql+psycopg://", 1)
        engine = sa.create_engine(url, pool_pre_ping=True, execution_options=options)
        sa.event.listen(engine, "handle_error", damage.tell)
        return engine
    engine = sa.create_engine(
        url, connect_args={"check_same_thread": False}, execution_options=options, json_deserializer=damage.read_json
    )
    columns.check_on_sqlite(engine)
    sa.event.listen(engine, "handle_error", damage.tell)

    @sa.event.listens_for(engine, "connect")
    def configure(connection: Any, _: Any) -> None:
        # We send BEGIN ourselves, below: sqlite3's own comes too late for reads.
        connection.isolation_level = None
        wait = f"busy_timeout = {LOCK_WAIT_MS}"
        for pragma in (wait, "journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        # A writer takes the lock at once: upgrading a read transaction later fails where another wrote in between.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


# --- The schema -------------------------------------------------------------------------------------------------------


def migrate(engine: sa.Engine) -> None:
    """Bring the schema to this code's version, one process at a time. Where it is, it is only looked at.

    Raises: BadInput where the database is of a version this code doesn't know; Damaged where tables are missing, or
    it is another program's.
    """
    head = list_versions()[-1]
    with engine.connect() as connection:
        if current_version(connection) == head:
            damage.check_tables(connection)
            return
    with engine.execution_options(writes=True).begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:n)"), {"n": MIGRATION_LOCK})
        # Another process may have been first.
        version = current_version(connection)
        if version is None and sa.inspect(connection).get_table_names():
            raise Damaged(
                f"the database has tables and no version of ours: {damage.place_of(engine)}; it is another program's, "
                f"or was damaged: name another one, or {damage.COPY}"
            )
        if version is not None:
            check_version("the database", f"version: {version}", version)
        if version != head:
            config = Config(attributes={"connection": connection})
            config.set_main_option("script_location", str(MIGRATIONS))
            command.upgrade(config, "head")
        damage.check_tables(connection)


@cache
def list_versions() -> tuple[str, ...]:
    """Return the schema's versions that this code knows, the oldest first."""
    return tuple(sorted(script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()))


def check_version(subject: str, label: str, version: str) -> None:
    """See that this code knows the schema's version of a database or an archive. Raises: BadInput."""
    versions = list_versions()
    if version < versions[0]:
        raise BadInput(
            f"{subject} is of an older {label}, from before the first release; bring it into the mapd of commit "
            f"{LAST_OF_OLD}, and export it there with `mapd archive export FILE`: this mapd reads that"
        )
    if version not in versions:
        raise BadInput(f"{subject} is of a newer {label}; this mapd knows up to {versions[-1]}; upgrade mapd")


def current_version(connection: sa.Connection) -> str | None:
    """Return the schema's version as the database has it; none in a new one."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.execute(sa.text("SELECT max(version_num) FROM alembic_version")).scalar_one()
    return version


# --- Transactions -----------------------------------------------------------------------------------------------------


@contextmanager
def reading(engine: sa.Engine) -> Iterator[Session]:
    """Open a session that sees one moment of the database. Raises: Busy; Damaged where a value is of another kind."""
    with _raise_busy("it can't be read"), Session(engine) as session:
        _begin(session)
        yield session


@contextmanager
def writing(engine: sa.Engine) -> Iterator[Session]:
    """Open a session that commits at the end, or rolls all of it back on an error.

    Raises: Busy; Stale where somebody else wrote a row of the same name, or the same version, at the same moment;
    Damaged, as `reading`.
    """
    with _raise_busy("nothing was saved"), Session(engine.execution_options(writes=True)) as session:
        _begin(session)
        yield session
        session.commit()


@sa.event.listens_for(Session, "before_flush")
def refuse_unstorable(session: Session, *_: object) -> None:
    """See that both databases can hold each text of a new row. Raises: BadInput."""
    # SQLite takes more than PostgreSQL: without this a project could not move.
    for row in session.new:
        for name, value in vars(row).items():
            if isinstance(value, str) and (bad := find_unstorable(value)) is not None:
                raise BadInput(f"{name} holds {bad}, which can't be stored; take it out")


def transact(engine: sa.Engine, work: Callable[[Session], T]) -> T:
    """Do the work in one transaction, and again where the database was lost on the way. Raises: Busy."""
    # A transaction that was lost may have been committed all the same, so the work must bear being done twice.
    impatient = engine.execution_options(patience=Patience(0))

    def attempt() -> T:
        with writing(impatient) as session:
            return work(session)

    return _retry(_patience(engine))(attempt)


def lock(session: Session, number: int) -> None:
    """Let one transaction at a time go on that locks this number."""
    # SQLite has but one writer anyway.
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.text("SELECT pg_advisory_xact_lock(:n)"), {"n": number})


def insert(session: Session, table: type[SQLModel]) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT of the session's database, which can be told what to do where a row is there already."""
    is_postgresql = session.get_bind().dialect.name == "postgresql"
    return postgresql.insert(table) if is_postgresql else sqlite.insert(table)


def clock(session: Session) -> datetime:
    """Return the database's own time."""
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        moment: datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
        return moment.astimezone(UTC)
    text = connection.exec_driver_sql("SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')").scalar_one()
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _patience(engine: sa.Engine | sa.Connection) -> Patience:
    patience: Patience = engine.get_execution_options().get("patience", Patience())
    return patience


def _begin(session: Session) -> None:
    def connect() -> None:
        try:
            session.connection()
        except BaseException:
            session.rollback()
            raise

    _retry(_patience(session.get_bind()))(connect)


def _retry(patience: Patience, *, shorter: Mapping[DatabaseFault, float] = MappingProxyType({})) -> tenacity.Retrying:
    """Return the attempts at a piece of work that the patience allows; faults in `shorter` are waited for less long."""

    def passes(error: BaseException) -> bool:
        return isinstance(error, Busy) or fault_of(error) is not None

    def lasts(state: tenacity.RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        fault = None if error is None else fault_of(error)
        limit = patience.seconds if fault is None else min(patience.seconds, shorter.get(fault, patience.seconds))
        return (state.seconds_since_start or 0) >= limit

    next_line_at = SILENT_WAIT_S

    def tell(state: tenacity.RetryCallState) -> None:
        nonlocal next_line_at
        error = state.outcome.exception() if state.outcome else None
        seconds = state.seconds_since_start or 0
        if error is not None and seconds >= next_line_at:
            # Few lines, however long it takes.
            next_line_at = 2 * seconds
            patience.tell(f"waits for the database: {_reason(error)}, {seconds:.0f} s")

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(passes), wait=BETWEEN_TRIES, stop=lasts, before_sleep=tell, reraise=True
    )


@contextmanager
def _raise_busy(effect: str) -> Iterator[None]:
    """Raise what may pass as Busy, in one line: what is wrong, what wasn't done, the cure."""
    try:
        yield
    except (sa.exc.DBAPIError, sa.exc.TimeoutError) as error:
        # On SQLite, with one writer, nobody can be first.
        if getattr(getattr(error, "orig", None), "sqlstate", None) == POSTGRES_UNIQUE:
            raise Stale("somebody else saved the same at the same moment; nothing was saved: try again") from error
        if (fault := fault_of(error)) is None:
            raise
        cure = "make room on the disk, then try again" if fault is DatabaseFault.FULL else "try again"
        reason = _reason(error)
        raise Busy(f"the database {fault} ({reason}): {effect}; {cure}", reason) from error


def fault_of(error: BaseException) -> DatabaseFault | None:
    """Return what is wrong with the database; None where the error is another one."""
    # All connections of the pool are in use.
    if isinstance(error, sa.exc.TimeoutError):
        return DatabaseFault.BUSY
    if not isinstance(error, sa.exc.DBAPIError):
        return None
    text = str(error.orig).lower()
    code = getattr(error.orig, "sqlite_errorcode", None)
    state = getattr(error.orig, "sqlstate", None)
    if code is not None:
        return DatabaseFault.FULL if code in SQLITE_FULL else SQLITE_FAULTS.get(code & 0xFF)
    if state is not None:
        return POSTGRES_FAULTS.get(state[:2])
    if not isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError):
        return None
    if "starting up" in text or "shutting down" in text or "recovery" in text:
        return DatabaseFault.STARTING
    return None if any(words in text for words in LASTING) else DatabaseFault.AWAY


def _reason(error: BaseException) -> str:
    # The database's own words, of the error itself or of what it was made into.
    if isinstance(error, Busy):
        return error.reason
    return str(getattr(error, "orig", None) or error).splitlines()[0]
