"""Tables as CSV for people: nothing in a cell is run by the spreadsheet that opens it.

    write_cell("=1+1")       -> "'=1+1"         shown as text
    write_cell("-5")         -> "-5"            a number is no formula
    read_cell("'=1+1")       -> "=1+1"          the same text again, whatever it was

The file begins with a byte order mark, by which spreadsheets know UTF-8.
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

ENCODING = "utf-8-sig"
# What spreadsheets take for the beginning of a formula, also behind blanks and in their full-width forms; and an
# apostrophe, so that one in front of a text is always ours.
_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n']")
# A number with a sign is no formula; with an apostrophe in front nobody could add it up.
_NUMBER = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)*")


def write_cell(text: str) -> str:
    """Return the text as a cell that is shown and never run."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def read_cell(text: str) -> str:
    """Return the text of a cell that `write_cell` wrote."""
    return text[1:] if text.startswith("'") else text


class CsvTable:
    """A CSV that grows row by row."""

    def __init__(self, file: IO[str], columns: Sequence[str]) -> None:
        # RFC 4180 ends a CSV's rows so.
        self.columns, self.writer = columns, csv.writer(file, lineterminator="\r\n")
        self.writer.writerow(map(write_cell, columns))

    def write(self, row: Mapping[str, Any]) -> None:
        """Write one row; a value that is none is an empty cell."""
        values = (row.get(column) for column in self.columns)
        self.writer.writerow("" if value is None else write_cell(str(value)) for value in values)


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> int:
    """Write a table to a file; return the number of its rows."""
    count = 0
    # The csv module ends the rows itself; Python would add another sign to that on Windows.
    with path.open("w", encoding=ENCODING, newline="") as file:
        table = CsvTable(file, columns)
        for row in rows:
            table.write(row)
            count += 1
    return count


def format_table(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return a short table as the bytes of a file."""
    out = io.StringIO(newline="")
    table = CsvTable(out, columns)
    for row in rows:
        table.write(row)
    return out.getvalue().encode(ENCODING)
