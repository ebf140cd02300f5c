"""A database that isn't what it should be is told in one line, with a cure that fits, wherever it shows.

check_file(Path("mapd.db"))          -> Damaged: "the database is empty: mapd.db has 0 bytes; …"
find_lacking(connection)             -> ["attempt", "exam.policy"], the tables and columns that it hasn't
find_broken(connection)              -> "a row of review refers to one that isn't there"
find_differences(connection)         -> "no index review ix_review_reviewer_id"
find_spoiled(connection)             -> "1 of teacher.sampling are no JSON map", "a text of exam is no UTF-8"
sa.event.listen(engine, "handle_error", tell)     # in the middle of a read
"""

import json
import re
import sqlite3
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from mapd.errors import BadInput, Damaged
from mapd.store import tables as t
from mapd.store.columns import SHAPES, Json, UtcDateTime, refusal_of

COPY = "restore it from a copy"
# So old at least, in seconds, is an empty file that nobody is about to fill.
NEW_S = 10
# SQLite's; on PostgreSQL somebody else may write the same row at the moment.
TWIN = re.compile(r"UNIQUE constraint failed: (\w+)\.uid$")
# psycopg's errors, by name: it takes a while to import.
UNDEFINED = ("UndefinedTable", "UndefinedColumn")
SPOILED = ("malformed database schema", "Could not decode to UTF-8")  # SQLite's words
CORRUPTED = ("DataCorrupted", "IndexCorrupted")
TRIGGERS = frozenset(  # 0004, 0016
    [f"{table}_stale" for table in ("attempt", "explanation", "review", "judgement")]
    + [f"{table}_{event}" for table in ("attempt", "explanation", "question") for event in ("words", "words_gone")]
)
# The most of SQLite's findings that are listed.
MOST_LISTED = 5
# What a column holds: what SQLite's typeof() may say of its values.
TYPES_OF_KIND: Mapping[str, tuple[str, ...]] = {
    "text": ("text",),
    "whole number": ("integer",),
    "number": ("integer", "real"),
    "truth": ("integer",),
    "time": ("text",),
    "JSON list": ("text",),
    "JSON map": ("text",),
}
KINDS = {UtcDateTime: "time", sa.Boolean: "truth", sa.Integer: "whole number", sa.Float: "number"}
LACKING = re.compile(r"no such (table|column): (\S+)|(?:relation|column) \"?([\w.]+)\"? does not exist")


def place_of(engine: sa.Engine) -> str:
    """Return where the database is; a URL may hold a password."""
    return str(engine.url.database) if engine.dialect.name == "sqlite" else "MAPD_DATABASE_URL"


def read_json(text: str) -> Any:
    """Return the value of a column of JSON on SQLite. Raises: Damaged where it holds none."""
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise refusal_of(text, "JSON") from error


def check_file(path: Path) -> None:
    """See that SQLite's file isn't an empty one. Raises: Damaged."""
    # Of an empty file SQLite makes a new database without a word.
    if path.is_file() and path.stat().st_size == 0 and time.time() - path.stat().st_mtime > NEW_S:
        raise Damaged(f"the database is empty: {path} has 0 bytes; {COPY}, or remove the file to begin anew")


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
    """See that every table and column is there. Raises: Damaged, naming them."""
    if missing := find_lacking(connection):
        raise Damaged(
            f"the database lacks {', '.join(missing[:5])}{' …' if len(missing) > 5 else ''}: "
            f"{place_of(connection.engine)}; {COPY}"
        )


def tell(context: sa.engine.ExceptionContext) -> None:
    """Say of an error that the database is damaged, or has a row that an archive planted. Raises: Damaged, BadInput."""
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


# --- The file and the schema ------------------------------------------------------------------------------------------


def find_broken(connection: sa.Connection) -> Iterator[str]:
    """Yield what SQLite finds wrong with its file, every page and index of it."""
    if connection.dialect.name != "sqlite":
        return
    rows = connection.exec_driver_sql("PRAGMA integrity_check(5)").scalars()
    yield from dict.fromkeys(row for row in rows if row != "ok")
    for table, *_ in connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(MOST_LISTED):
        yield f"a row of {table} refers to one that isn't there"


def find_differences(connection: sa.Connection) -> Iterator[str]:
    """Yield how the schema differs from the one that this code has."""
    # The tables of the full-text search are made by SQL of their own.
    options = {"include_name": lambda name, kind, _: kind != "table" or not name.startswith("words")}
    for change in compare_metadata(MigrationContext.configure(connection, opts=options), t.metadata):
        act, *about = change if isinstance(change, tuple) else change[0]
        subject = next((part for part in reversed(about) if hasattr(part, "name")), None)
        table = getattr(getattr(subject, "table", None), "name", "")
        if act.startswith("add_"):  # so it would be mended
            yield f"no {act.removeprefix('add_')} {table} {getattr(subject, 'name', '')}".replace("  ", " ")
        elif act.startswith("modify_"):
            yield f"another {act.removeprefix('modify_')} of {about[1]}.{about[2]}"
    kind = {"sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'"}
    query = kind.get(connection.dialect.name, "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")
    if missing := TRIGGERS - set(connection.scalars(sa.text(query))):
        yield f"no trigger {', '.join(sorted(missing))}"


# --- Values that are of another kind than their column ----------------------------------------------------------------


def find_spoiled(connection: sa.Connection) -> Iterator[str]:
    """Yield what is wrong with the values of each table. All rows of SQLite's are read."""
    for table in t.metadata.sorted_tables:
        for column in table.c:
            if (is_spoiled := _is_spoiled(column, connection.dialect.name)) is not None:
                query = sa.select(sa.func.count()).select_from(table).where(is_spoiled)
                if number := connection.execute(query).scalar_one():
                    yield f"{number:,} of {table.name}.{column.name} are no {_kind(column)}"
        if connection.dialect.name == "sqlite":
            yield from _find_undecodable(connection, table)


def _kind(column: sa.Column[Any]) -> str:
    """Return what a column holds, as people call it."""
    if isinstance(column.type, Json):
        return f"JSON {SHAPES[column.type.shape][0]}"
    return next((kind for type_, kind in KINDS.items() if isinstance(column.type, type_)), "text")


def _is_spoiled(column: sa.Column[Any], dialect: str) -> sa.ColumnElement[bool] | None:
    """Return the condition that a column's value can't be read as its kind; None where the database sees to that."""
    value = sa.type_coerce(column, sa.types.NullType())
    shape = SHAPES[column.type.shape][1] if isinstance(column.type, Json) else ""
    if dialect != "sqlite":
        return sa.func.json_typeof(value) != shape if shape else None
    kind = _kind(column)
    is_right: sa.ColumnElement[bool] = sa.func.typeof(value).in_(TYPES_OF_KIND[kind])
    if shape:
        is_right = sa.case((is_right & sa.func.json_valid(value), sa.func.json_type(value) == shape), else_=sa.false())
    elif kind == "time":
        is_right &= sa.func.datetime(value).is_not(None)
    elif kind == "truth":
        is_right = value.in_((0, 1))
    return value.is_not(None) & ~is_right


def _find_undecodable(connection: sa.Connection, table: sa.Table) -> Iterator[str]:
    # SQLite itself never looks: each text has to be read.
    texts = [
        sa.type_coerce(column, sa.types.NullType()) for column in table.c if "text" in TYPES_OF_KIND[_kind(column)]
    ]
    if not texts:
        return
    try:
        for _ in connection.execute(sa.select(*texts).execution_options(yield_per=100)):
            pass
    except Damaged:
        yield f"a text of {table.name} is no UTF-8"
