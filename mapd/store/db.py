"""The engine and its migrations: SQLite in WAL by default, PostgreSQL by URL, one schema on both.

engine = db.open_store(Settings())
with db.reading(engine) as session: ...
with db.writing(engine) as session: ...     # one transaction: all of it or nothing
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlmodel import Session

from mapd.errors import BadInput
from mapd.settings import Settings

MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 2410_03663  # any number of ours: PostgreSQL's advisory lock for "somebody migrates"


def open_store(settings: Settings) -> sa.Engine:
    """The project's engine, its folder made and its schema brought up to date.

    Raises: BadInput where MAPD_HOME can't be written to, the database can't be reached, or is of a newer version.
    """
    settings.make_home()
    try:
        engine = connect(settings.url)
        migrate(engine)
    except (sa.exc.OperationalError, sa.exc.DatabaseError, sa.exc.ArgumentError, ModuleNotFoundError) as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        shown = "MAPD_DATABASE_URL" if settings.database_url else settings.url
        cure = "make room on the disk" if "disk" in reason else "check the path or the URL"
        raise BadInput(f"the database can't be opened: {shown} ({reason}); {cure}") from error
    return engine


def connect(url: str) -> sa.Engine:
    """An engine; on SQLite each connection gets WAL, a 30 s wait for locks, and foreign keys."""
    if not url.startswith("sqlite"):
        return sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1), pool_pre_ping=True)
    engine = sa.create_engine(url, connect_args={"timeout": 30, "check_same_thread": False})

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
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


@contextmanager
def reading(engine: sa.Engine) -> Iterator[Session]:
    """A session to read with; it sees one moment of the database."""
    with Session(engine) as session:
        yield session


@contextmanager
def writing(engine: sa.Engine) -> Iterator[Session]:
    """A session that commits at the end, or rolls all of it back on an error."""
    with Session(engine.execution_options(writes=True)) as session, session.begin():
        yield session
