"""The engine and its migrations: SQLite in WAL by default, PostgreSQL by URL, one schema on both.

engine = db.open_store(Settings())
with db.reading(engine) as session: ...
with db.writing(engine) as session: ...     # one transaction: all of it or nothing

A database that is damaged, cut off, another program's or without a table is told in one line, with a cure that fits,
wherever it is found out: here, or in the middle of a read.
"""

import json
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlmodel import Session

from mapd.errors import BadInput, Damaged
from mapd.settings import Settings
from mapd.store import tables as t
from mapd.store import values

MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 2410_03663  # any number of ours: PostgreSQL's advisory lock for "somebody migrates"
COPY = "restore it from a copy"
NEW_S = 10  # so old at least is an empty file that nobody is about to fill
TWIN = re.compile(r"UNIQUE constraint failed: (\w+)\.uid$|unique constraint \"uq_(\w+)_uid\"")
UNDEFINED = ("UndefinedTable", "UndefinedColumn")  # psycopg's errors, by name: it takes a while to import
SPOILED = ("malformed database schema", "Could not decode to UTF-8")  # SQLite's words
CORRUPTED = ("DataCorrupted", "IndexCorrupted")
LACKING = re.compile(r"no such (table|column): (\S+)|(?:relation|column) \"?([\w.]+)\"? does not exist")
CURES = {  # by what SQLite says of a file that can't be opened or written
    "readonly": "make the file and its folder writable for you",
    "full": "make room on the disk",
    "disk": "make room on the disk, or look at the disk itself",
}


def open_store(settings: Settings) -> sa.Engine:
    """The project's engine, its folder made and its schema brought up to date.

    Raises: BadInput where MAPD_HOME can't be written to, the database can't be reached, or is of a newer version;
    Damaged where it isn't what it should be.
    """
    settings.make_home()
    try:
        engine = connect(settings.url)
        if engine.dialect.name == "sqlite":
            _check_file(Path(engine.url.database or ""))
        migrate(engine)
        with engine.connect() as connection:
            check_tables(connection)
    except (sa.exc.OperationalError, sa.exc.DatabaseError, sa.exc.ArgumentError, ModuleNotFoundError) as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        shown = "MAPD_DATABASE_URL" if settings.database_url else settings.url
        cure = next((cure for word, cure in CURES.items() if word in reason), "check the path or the URL")
        raise BadInput(f"the database can't be opened: {shown} ({reason}); {cure}") from error
    return engine


def connect(url: str) -> sa.Engine:
    """An engine; on SQLite each connection gets WAL, a 30 s wait for locks, and foreign keys."""
    if not url.startswith("sqlite"):
        engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1), pool_pre_ping=True)
        sa.event.listen(engine, "handle_error", _tell_damage)
        return engine

    def read_json(text: str) -> Any:
        try:
            return json.loads(text)
        except (ValueError, TypeError, RecursionError) as error:
            raise Damaged(
                f"the database is damaged: {place_of(engine)} (it has {str(text)[:40]!a} where JSON stands); {COPY}: "
                "`mapd doctor` names the table"
            ) from error

    engine = sa.create_engine(
        url, connect_args={"timeout": 30, "check_same_thread": False}, json_deserializer=read_json
    )

    sa.event.listen(engine, "handle_error", _tell_damage)

    @sa.event.listens_for(engine, "connect")
    def configure(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # we send BEGIN ourselves, below: sqlite3's own comes too late for reads
        for pragma in ("journal_mode = WAL", "busy_timeout = 30000", "synchronous = NORMAL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        # A writer takes the lock at once: upgrading a read transaction later fails where another wrote in between.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def migrate(engine: sa.Engine) -> None:
    """Bring the schema to this code's version, one process at a time.

    Raises: BadInput where the database is of a version this code doesn't know.
    """
    config = Config(attributes={})
    config.set_main_option("script_location", str(MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)
    with engine.execution_options(writes=True).begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:n)"), {"n": MIGRATION_LOCK})
        version = current_version(connection)
        if version is None and sa.inspect(connection).get_table_names():
            raise Damaged(
                f"the database has tables and no version of ours: {place_of(engine)}; it is another program's, or was "
                f"damaged: name another one, or {COPY}"
            )
        if version is not None and version not in {script.revision for script in scripts.walk_revisions()}:
            raise BadInput(
                f"the database is of a newer version: {version}; this mapd knows up to {scripts.get_current_head()}; "
                "upgrade mapd"
            )
        if version != scripts.get_current_head():
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def current_version(connection: sa.Connection) -> str | None:
    """The schema's version as the database has it; none in a new one."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.execute(sa.text("SELECT max(version_num) FROM alembic_version")).scalar_one()
    return version


# --- What it should be ------------------------------------------------------------------------------------------------


def place_of(engine: sa.Engine) -> str:
    """Return where the database is; a URL may hold a password."""
    return str(engine.url.database) if engine.dialect.name == "sqlite" else "MAPD_DATABASE_URL"


def _check_file(path: Path) -> None:
    """See that SQLite's file isn't an empty one, of which SQLite makes a new database without a word.

    Raises: Damaged.
    """
    if path.is_file() and path.stat().st_size == 0 and time.time() - path.stat().st_mtime > NEW_S:
        raise Damaged(f"the database is empty: {path} has 0 bytes; {COPY}, or remove the file to begin anew")


def fault_of(file: Path) -> str | None:
    """Return what SQLite finds wrong with a file that isn't the project's database; None where nothing is."""
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
            verdict = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        verdict = str(error)
    return None if verdict == "ok" else verdict


def find_lacking(connection: sa.Connection) -> list[str]:
    """Return the tables and columns that the database should have and hasn't: "attempt", "exam.policy"."""
    if connection.dialect.name == "sqlite":
        query = "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'"
    else:
        query = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
    columns: dict[str, set[str]] = {}
    for table, column in connection.execute(sa.text(query)):
        columns.setdefault(table, set()).add(column)
    missing = [name for name in ("words", *t.metadata.tables) if name not in columns]
    for name, table in t.metadata.tables.items():
        missing += [f"{name}.{column.name}" for column in table.c if column.name not in columns.get(name, table.c)]
    return missing


def check_tables(connection: sa.Connection) -> None:
    """See that every table and column is there.

    Raises: Damaged, naming them.
    """
    if missing := find_lacking(connection):
        raise Damaged(
            f"the database lacks {', '.join(missing[:5])}{' …' if len(missing) > 5 else ''}: "
            f"{place_of(connection.engine)}; {COPY}"
        )


def _tell_damage(context: sa.engine.ExceptionContext) -> None:
    """Say of an error that it means a damaged database, or a row that an archive had planted, wherever it came up."""
    error, engine = context.original_exception, context.engine
    place = place_of(engine) if engine is not None else "its file"
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    if (missing := LACKING.search(reason)) is not None and (
        isinstance(error, sqlite3.OperationalError) or type(error).__name__ in UNDEFINED
    ):
        raise Damaged(
            f"the database lacks {next(filter(None, missing.groups()[1:]))}: {place}; {COPY} (`mapd doctor` says what "
            "else it lacks)"
        ) from error
    if type(error) is sqlite3.DatabaseError or type(error).__name__ in CORRUPTED:
        if "not a database" in reason:
            raise Damaged(f"the file is no database: {place}; move it away to begin anew, or {COPY}") from error
        raise Damaged(
            f"the database is damaged: {place} ({reason}); {COPY}: `mapd doctor` looks at all of it"
        ) from error
    if (twin := TWIN.search(reason)) is not None:
        raise BadInput(
            f"another {next(filter(None, twin.groups()))} has the uid of this one: one of them came with an archive; "
            "begin a project of its own, with MAPD_HOME=FOLDER"
        ) from error
    if isinstance(error, sqlite3.OperationalError) and any(words in reason for words in SPOILED):
        reason = ascii(reason.partition(" with text")[0])[1:-1]
        raise Damaged(f"the database is damaged: {place} ({reason}); {COPY}") from error


@contextmanager
def reading(engine: sa.Engine) -> Iterator[Session]:
    """A session to read with; it sees one moment of the database.

    Raises: Damaged where what was read of a damaged database is what the code stumbled over.
    """
    with Session(engine) as session, _telling_spoiled(engine):
        yield session


@contextmanager
def writing(engine: sa.Engine) -> Iterator[Session]:
    """A session that commits at the end, or rolls all of it back on an error.

    Raises: Damaged, as `reading`.
    """
    with (
        _telling_spoiled(engine),
        Session(engine.execution_options(writes=True)) as session,
        session.begin(),
    ):
        yield session


@contextmanager
def _telling_spoiled(engine: sa.Engine) -> Iterator[None]:
    """Say of an error over a value of another kind that the database is damaged, if it is; else let it be.

    SQLite keeps what it is given, and to look at each value that is read would take as long as reading it.
    """
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        if engine.dialect.name != "sqlite":
            raise
        with engine.connect() as connection:
            verdict = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar_one()
            fault = verdict if verdict != "ok" else next(values.find_spoiled(connection), None)
        if fault is None:
            raise
        raise Damaged(f"the database is damaged: {place_of(engine)} ({fault}); {COPY}") from error
