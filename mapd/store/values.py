"""Values of SQLite's file that are of another kind than their column: it keeps what it is given, PostgreSQL refuses.

    list(find_spoiled(connection))    -> ["1 of teacher.sampling are no JSON", "a text of exam is no UTF-8"]

A flipped bit, or a hand in the file, makes them; no page of the file is wrong then, and SQLite itself finds nothing.
All rows are read: it is asked where something went wrong, and by `mapd doctor`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from mapd.errors import Damaged
from mapd.store import tables as t

TYPES_OF_KIND: Mapping[str, tuple[str, ...]] = {  # what a column holds: what typeof() may say of its values
    "text": ("text",),
    "whole number": ("integer",),
    "number": ("integer", "real"),
    "truth": ("integer",),
    "time": ("text",),
    "JSON": ("text",),
}
KINDS = {t.UtcDateTime: "time", sa.JSON: "JSON", sa.Boolean: "truth", sa.Integer: "whole number", sa.Float: "number"}


def find_spoiled(connection: sa.Connection) -> Iterator[str]:
    """Yield what is wrong with the values of each table."""
    if connection.dialect.name != "sqlite":
        return
    for table in t.metadata.sorted_tables:
        for column in table.c:
            query = sa.select(sa.func.count()).select_from(table).where(_is_spoiled(column))
            if number := connection.execute(query).scalar_one():
                yield f"{number:,} of {table.name}.{column.name} are no {_kind(column)}"
        yield from _find_undecodable(connection, table)


def _kind(column: sa.Column[Any]) -> str:
    """What a column holds, as people call it."""
    return next((kind for type_, kind in KINDS.items() if isinstance(column.type, type_)), "text")


def _is_spoiled(column: sa.Column[Any]) -> sa.ColumnElement[bool]:
    """The condition that a value of the column can't be read as what it is."""
    kind, value = _kind(column), sa.type_coerce(column, sa.String)
    spoiled: sa.ColumnElement[bool] = sa.func.typeof(value).not_in(TYPES_OF_KIND[kind])
    if kind == "JSON":
        spoiled |= ~sa.func.json_valid(value)
    elif kind == "time":
        spoiled |= sa.func.datetime(value).is_(None)
    return value.is_not(None) & spoiled


def _find_undecodable(connection: sa.Connection, table: sa.Table) -> Iterator[str]:
    """Say of a table that a text of it is no UTF-8: SQLite itself never looks."""
    texts = [sa.type_coerce(column, sa.String) for column in table.c if _kind(column) in ("text", "JSON")]
    if not texts:
        return
    try:
        for _ in connection.execute(sa.select(*texts).execution_options(yield_per=100)):
            pass
    except Damaged:
        yield f"a text of {table.name} is no UTF-8"
