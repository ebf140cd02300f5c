"""Rows into a file that a spreadsheet or a script reads: .csv or .jsonl, by its name, whole or not at all.

export_rows(Path("verdicts.csv"), ("person", "decision", …), rows, expected=1204)       -> RowsExport(rows=1204, …)
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mapd.errors import BadInput, BadUsage
from mapd.exchange import files, spreadsheets

ENDINGS = (".csv", ".jsonl")
# Rows between two reports of progress.
BLOCK = 1_000
Row = Mapping[str, Any]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class RowsExport:
    """What an export wrote."""

    path: str
    rows: int
    sha256: str


def ending_of(path: Path) -> str:
    """Return how the file's name ends. Raises: BadUsage where that says no format."""
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise BadUsage(f"the file's name says its format: it ends in {' or '.join(ENDINGS)}, not as {path.name}")
    return ending


def export_rows(
    path: Path,
    columns: Sequence[str],
    rows: Iterable[Row],
    expected: int,
    announce: Callable[[int], None] = lambda _: None,
    progress: Progress = lambda *_: None,
) -> RowsExport:
    """Write the rows; where they aren't as many as were counted before, nothing is kept.

    `announce` is told the count before, `progress` now and then how many are written.

    Raises: BadUsage for another ending; BadInput where there is something at `path`, or it can't be written.
    """
    ending = ending_of(path)
    with files.whole(path) as place:
        announce(expected)
        # A row may hold more than the file has columns, as a judgement's does.
        written = ({column: row[column] for column in columns} for row in _tell(rows, expected, progress))
        if ending == ".csv":
            count = spreadsheets.write_table(place, columns, map(_as_cells, written))
        else:
            count = files.write_lines(place, written)
        # A file with fewer rows would be taken for all of them.
        if count != expected:
            raise BadInput(f"{expected:,} rows were counted and {count:,} came: nothing was written; try again")
        return RowsExport(str(path), count, files.sha256_of(place))


def _tell(rows: Iterable[Row], expected: int, progress: Progress) -> Iterator[Row]:
    for number, row in enumerate(rows, 1):
        yield row
        if number % BLOCK == 0 or number == expected:
            progress(number, expected)


def _as_cells(row: Row) -> dict[str, str | None]:
    return {name: _as_cell(value) for name, value in row.items()}


def _as_cell(value: Any) -> str | None:
    """Return a value as a cell holds it; a list or an object as JSON."""
    if value is None or isinstance(value, str):
        return value
    if value == []:
        return None
    # A spreadsheet keeps true and false in its own language, which verdict_files.py doesn't read: yes and no stay.
    if isinstance(value, bool):
        return "yes" if value else "no"
    return json.dumps(value, ensure_ascii=False)
