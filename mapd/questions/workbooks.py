"""An Excel workbook (.xlsx) as a table: its sheet that has rows, the first of them the heading.

    read("texts.xlsx", content)
    -> FileTable("texts.xlsx", "row", (FileRecord(2, {"question": "chal-1", "teacher": "gpt", "score": 5}), …))

A row has the number that the spreadsheet shows. A formula is read as the value that it had when the file was saved, and
a date becomes "2026-01-01 10:00:00". Nothing in a workbook is run, and no more is unpacked than a file may hold.
"""

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from typing import Any
from xml.etree.ElementTree import ParseError

from mapd.errors import BadInput
from mapd.questions.file_table import MOST_BYTES, BadRecord, FileRecord, FileTable, check_row_count, too_large
from mapd.questions.values import short

# A table that people fill has fewer: a cell far to the right would make each row as wide.
MOST_COLUMNS = 500
# The part that every workbook has, whatever program wrote it.
PART = "xl/workbook.xml"
# A cell with a formula, the value that was saved of one, and where it stands. Each is bounded by the next sign "<".
_FORMULA_CELL = re.compile(
    rb"<(?:\w+:)?c(?P<attributes>(?:\s[^<>]*)?)>\s*<(?:\w+:)?f(?:\s[^<>]*/>|/>|(?:\s[^<>]*)?>[^<]*</(?:\w+:)?f>)\s*"
    rb"(?P<content>(?:<(?:\w+:)?v[^<]*)?)"
)
_VALUE = re.compile(rb"<(?:\w+:)?v(?:\s[^<>/]*)?>[^<]+")
_PLACE = re.compile(rb'\sr="([A-Z]+[0-9]+)"')
# openpyxl raises these of a workbook that isn't whole, or that no spreadsheet wrote.
DAMAGE = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, ParseError, KeyError, ValueError, TypeError, AttributeError),
    *(IndexError, EOFError, NotImplementedError, OSError, OverflowError, RuntimeError, AssertionError),
)


def is_workbook(content: bytes) -> bool:
    """Return whether the bytes are a workbook, rather than some other ZIP archive."""
    if content[:4] != b"PK\x03\x04":
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return PART in archive.namelist()
    except DAMAGE:
        # Cut off: its name stands at its beginning all the same.
        return PART.encode() in content


def read(name: str, content: bytes) -> FileTable:
    """Return the rows of a workbook's one sheet. Raises: BadInput where it can't be read, or has several."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            # Python unpacks no more of a part than its heading says.
            if sum(part.file_size for part in archive.infolist()) > MOST_BYTES:
                raise BadInput(too_large(name))
            _check_formulas(name, archive)
        return _read_sheet(name, content)
    except DAMAGE as error:
        words = " ".join(str(error).split())[:120] or type(error).__name__
        raise BadInput(f"{name} can't be read as an Excel file ({words}); save it anew, or as CSV") from error


def _check_formulas(name: str, archive: zipfile.ZipFile) -> None:
    """See that each formula has its value: a program that wrote the workbook may not have computed it."""
    for part in archive.namelist():
        if not part.startswith("xl/worksheets/") or not part.endswith(".xml"):
            continue
        for cell in _FORMULA_CELL.finditer(archive.read(part)):
            # A text that is empty is a value, too.
            if _VALUE.search(cell["content"]) is None and b't="str"' not in cell["attributes"]:
                place = _PLACE.search(cell["attributes"])
                where = f"cell {place[1].decode()[:12]}" if place else "a cell"
                raise BadInput(
                    f"{name}: {where} holds a formula without its value; open it in a spreadsheet and save it there"
                )


def _read_sheet(name: str, content: bytes) -> FileTable:
    from openpyxl import load_workbook  # slow to load, and few files need it

    # Rows come one by one, with the values that were saved; no other workbook is looked into.
    book = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
    try:
        sheets = [sheet for sheet in book.worksheets if _has_rows(sheet)]
        if len(sheets) > 1:
            names = ", ".join(short(sheet.title) for sheet in sheets[:6])
            raise BadInput(
                f"{name} has several sheets with rows, {names}: save the one that counts as a file of its own"
            )
        if not sheets:
            raise BadInput(f"{name} is empty: it holds no rows")
        return _read_rows(name, sheets[0])
    finally:
        # A workbook that is read row by row keeps its file open.
        book.close()


def _has_rows(sheet: Any) -> bool:
    # What a sheet says of its size may be far more than it has.
    sheet.reset_dimensions()
    return next(_filled_rows(sheet, MOST_COLUMNS), None) is not None


def _filled_rows(sheet: Any, columns: int) -> Iterator[tuple[int, Sequence[Any]]]:
    """Yield each row that has anything in it, with its number."""
    empty: Sequence[Any] | None = None
    for number, cells in enumerate(sheet.iter_rows(max_col=columns, values_only=True), 1):
        # openpyxl gives the same row for all that a sheet leaves out, and a sheet may leave out a million.
        if cells is empty:
            continue
        if any(cell is not None and str(cell).strip() for cell in cells):
            yield number, cells
        else:
            empty = cells


def _read_rows(name: str, sheet: Any) -> FileTable:
    # One column more than may be is read, so that too many are noticed; likewise below.
    first_number, first = next(_filled_rows(sheet, MOST_COLUMNS + 1))
    width = max(place for place, cell in enumerate(first, 1) if cell is not None)
    if width > MOST_COLUMNS:
        raise BadInput(
            f"{name} has more than {MOST_COLUMNS} columns; save those that are needed as a file of their own"
        )
    # A heading may have gaps, and each column needs a name.
    names = [str(_plain(cell) or "").strip() or f"column {place}" for place, cell in enumerate(first[:width], 1)]
    if twice := [column for column in names if names.count(column) > 1]:
        raise BadInput(f"{name} has two columns named {short(twice[0])}; rename one")
    records: list[FileRecord] = []
    bad: list[BadRecord] = []
    size = 0
    for number, row in _filled_rows(sheet, width + 1):
        if number == first_number:
            continue
        check_row_count(name, len(records) + len(bad) + 1)
        cells = [_plain(cell) for cell in row]
        # A text that many cells share is written once: it counts as often.
        size += sum(len(cell) for cell in cells if isinstance(cell, str))
        if size > MOST_BYTES:
            raise BadInput(too_large(name))
        if len(cells) > width and cells[width] is not None:
            bad.append(BadRecord(number, f"has more cells than the heading, which has {width}", cells))
            continue
        # A row may have one cell more than the heading, and that one is empty here.
        records.append(FileRecord(number, dict(zip(names, cells, strict=False))))
    if not records and not bad:
        raise BadInput(f"{name} holds no rows behind its heading")
    return FileTable(name, "row", tuple(records), tuple(bad), has_cells=True)


def _plain(cell: Any) -> Any:
    """Return a cell's value as a text, a number, true or false, or None."""
    # A datetime is a date, too, so it is asked for first.
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, date | time):
        return cell.isoformat()
    return cell if isinstance(cell, int | float) else None if cell is None or cell == "" else str(cell)
