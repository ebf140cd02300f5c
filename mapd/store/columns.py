"""What a column holds, and the refusal of a value that is something else.

    WordColumn(("train", "dev"))    reads "train"; of "x" it says that the database is damaged
    Json(dict)                      reads {"seed": 3}; the same of a list
    UtcDateTime()                   reads a time that knows its zone
    check_on_sqlite(engine)         its texts, numbers and truths are checked, too

PostgreSQL refuses such values itself, but for words and the shape of JSON.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from mapd.errors import Damaged

# Of JSON, as people call it, and as the databases do.
SHAPES: Mapping[type, tuple[str, str]] = {list: ("list", "array"), dict: ("map", "object")}
RESTORE = "restore it from a copy: `mapd doctor` names the table"


def refusal_of(value: object, kind: str) -> Damaged:
    """Return the refusal of a value that isn't of its column's kind."""
    quotation = ascii(value[:40] if isinstance(value, str | bytes) else value)[:80]
    return Damaged(f"the database is damaged: it has {quotation} where {kind} stands; {RESTORE}")


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """A UTC time that stays aware: SQLite forgets the zone, so it is put back on reading."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        """Return the time as aware UTC, whatever the database gave."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Callable[[Any], datetime | None] | None:
        """Return what reads a value; what SQLite kept may be no time. Raises: Damaged."""
        read = super().result_processor(dialect, coltype)
        if read is None:
            return None

        def read_moment(value: Any) -> datetime | None:
            try:
                return read(value)
            except (ValueError, TypeError) as error:
                raise refusal_of(value, "a time") from error

        return read_moment


class WordColumn(sa.types.TypeDecorator[str]):
    """One of a few words. The CHECK that keeps others out is `tables.one_of`."""

    impl = sa.String
    cache_ok = True

    def __init__(self, words: tuple[str, ...]) -> None:
        super().__init__()
        self.words = words

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> str | None:  # noqa: ARG002
        """Return the word. Raises: Damaged."""
        if value is not None and value not in self.words:
            raise refusal_of(value, f"one of {', '.join(self.words)}")
        return value


class Json(sa.types.TypeDecorator[Any]):
    """A list, or a map, as JSON."""

    impl = sa.JSON
    cache_ok = True

    def __init__(self, shape: type[list[Any]] | type[dict[str, Any]]) -> None:
        super().__init__()
        self.shape = shape

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:  # noqa: ARG002
        """Return the list or the map. Raises: Damaged."""
        if value is not None and not isinstance(value, self.shape):
            raise refusal_of(value, f"a JSON {SHAPES[self.shape][0]}")
        return value


# --- SQLite's own -----------------------------------------------------------------------------------------------------


# SQLite keeps what it is given: a flipped bit or a hand in the file puts bytes where a text stands, and no page of the
# file is wrong then.
class _Checked:
    """A type whose values are of these Python types."""

    kind: str
    types: tuple[type, ...]

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Callable[[Any], Any]:  # noqa: ARG002
        """Return what reads a value. It raises Damaged."""
        kind, types = self.kind, self.types

        def read(value: Any) -> Any:
            if value is None or type(value) in types:
                return value
            raise refusal_of(value, kind)

        return read


class _Text(_Checked, sa.String):
    kind, types = "a text", (str,)


class _Integer(_Checked, sa.Integer):
    kind, types = "a whole number", (int,)


class _Number(_Checked, sa.Float[float]):
    kind, types = "a number", (int, float)


class _Boolean(sa.Boolean):
    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Callable[[Any], bool | None]:  # noqa: ARG002
        """Return what reads a truth, which SQLite keeps as 0 or 1. It raises Damaged."""

        def read(value: Any) -> bool | None:
            if value is None or value in (0, 1):
                return value if value is None else bool(value)
            raise refusal_of(value, "a truth")

        return read


CHECKED: Mapping[Any, Any] = {sa.String: _Text, sa.Integer: _Integer, sa.Float: _Number, sa.Boolean: _Boolean}


def check_on_sqlite(engine: sa.Engine) -> None:
    """Have the values of an engine on SQLite checked as they are read; what isn't of its kind raises Damaged."""
    engine.dialect.colspecs = {**engine.dialect.colspecs, **CHECKED}
