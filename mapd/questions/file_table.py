"""A file of questions or answers, and the table of its rows; a row keeps its number in the file."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from mapd.errors import BadInput

MOST_ROWS = 1_000_000
# Of one file, unpacked.
MOST_BYTES = 256 * 2**20
Fields = dict[str, Any]


class QuestionFile(NamedTuple):
    """A file by its name, as messages show it, and its bytes."""

    name: str
    content: bytes


class FileRecord(NamedTuple):
    """One row: the number of its line, or of the row, from 1; and its fields."""

    number: int
    fields: Fields


class BadRecord(NamedTuple):
    """What no row can be made of: where it stands, why, and as it was written."""

    number: int
    why: str
    original: object


@dataclass(frozen=True, slots=True)
class FileTable:
    """A file's rows. `unit`: what their numbers count. `is_text`: the rows are lines of text that no table is in.

    `has_cells`: a spreadsheet's, in which all is text, a number or a date.
    """

    name: str
    unit: str
    records: tuple[FileRecord, ...]
    bad: tuple[BadRecord, ...] = ()
    split: str | None = None
    is_text: bool = False
    sha256: str | None = None  # of the file as it was, packed or not
    has_cells: bool = False
    origin: dict[str, str] = field(default_factory=dict)  # of the hub: repository and commit


def check_row_count(name: str, number: int) -> None:
    """Refuse a file with more rows than a set may have. Raises: BadInput."""
    if number > MOST_ROWS:
        raise BadInput(f"{name} holds more than {MOST_ROWS:,} rows; split it into several sets")


def too_large(name: str) -> str:
    """Return what is said of a file that is too large."""
    return f"{name} holds more than {MOST_BYTES // 2**20} MB; split it: several files can be added as one set"
