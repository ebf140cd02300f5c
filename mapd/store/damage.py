"""A database that isn't what it should be is told in one line, with a cure that fits, wherever it shows.

check_file(Path("mapd.db"))          -> Damaged: "the database is empty: mapd.db has 0 bytes; …"
find_lacking(connection)             -> ["attempt", "exam.policy"], the tables and columns that it hasn't
sa.event.listen(engine, "handle_error", tell)     # in the middle of a read
"""

import json
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from mapd.errors import BadInput, Damaged
from mapd.store import tables as t
from mapd.store import values

COPY = "restore it from a copy"
NEW_S = 10  # so old at least is an empty file that nobody is about to fill
TWIN = re.compile(r"UNIQUE constraint failed: (\w+)\.uid$")  # SQLite's; on PostgreSQL somebody else may be at the same
UNDEFINED = ("UndefinedTable", "UndefinedColumn")  # psycopg's errors, by name: it takes a while to import
SPOILED = ("malformed database schema", "Could not decode to UTF-8")  # SQLite's words
CORRUPTED = ("DataCorrupted", "IndexCorrupted")
LACKING = re.compile(r"no such (table|column): (\S+)|(?:relation|column) \"?([\w.]+)\"? does not exist")


def place_of(engine: sa.Engine) -> str:
    """Return where the database is; a URL may hold a password."""
    return str(engine.url.database) if engine.dialect.name == "sqlite" else "MAPD_DATABASE_URL"


def json_reader(place: str) -> Callable[[str], Any]:
    """Return what reads a column of JSON, for a database at this place. It raises Damaged where it holds none."""

    def read(text: str) -> Any:
        try:
            return json.loads(text)
        except (ValueError, TypeError, RecursionError) as error:
            raise Damaged(
                f"the database is damaged: {place} (it has {str(text)[:40]!a} where JSON stands); {COPY}: "
                "`mapd doctor` names the table"
            ) from error

    return read


def check_file(path: Path) -> None:
    """See that SQLite's file isn't an empty one, of which SQLite makes a new database without a word.

    Raises: Damaged.
    """
    if path.is_file() and path.stat().st_size == 0 and time.time() - path.stat().st_mtime > NEW_S:
        raise Damaged(f"the database is empty: {path} has 0 bytes; {COPY}, or remove the file to begin anew")


def fault_of_file(file: Path) -> str | None:
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


def tell(context: sa.engine.ExceptionContext) -> None:
    """Say of an error that it means a damaged database, or a row that an archive had planted, wherever it came up.

    Raises: Damaged, BadInput.
    """
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
            f"another {twin[1]} has the uid of this one: one of them came with an archive; begin a project of its own, "
            "with MAPD_HOME=FOLDER"
        ) from error
    if isinstance(error, sqlite3.OperationalError) and any(words in reason for words in SPOILED):
        reason = ascii(reason.partition(" with text")[0])[1:-1]
        raise Damaged(f"the database is damaged: {place} ({reason}); {COPY}") from error


@contextmanager
def telling_spoiled(engine: sa.Engine) -> Iterator[None]:
    """Say of an error over a value of another kind that the database is damaged, if it is; else let it be.

    SQLite keeps what it is given, and to look at each value that is read would take as long as reading it.

    Raises: Damaged.
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
