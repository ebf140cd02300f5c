"""Excel's workbooks as tables: what spreadsheets write, and files that were made to do harm."""

import io
import re
import tracemalloc
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest
from openpyxl import Workbook

from mapd.errors import BadInput
from mapd.questions import tables
from mapd.questions.file_table import FileTable, QuestionFile

SHEET = "xl/worksheets/sheet1.xml"
NS = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


def made(*rows: tuple[Any, ...], more: Callable[[Workbook], object] = lambda _: None) -> bytes:
    book, out = Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    more(book)
    book.save(out)
    return out.getvalue()


GOOD = made(("question", "answer"), ("1 + 1?", 2))


def read(content: bytes) -> FileTable:
    return tables.read(QuestionFile("q.xlsx", content))


def changed(part: str, content: bytes) -> bytes:
    """The good workbook with another content of one part."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(GOOD)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, content if name == part else old.read(name))
    return out.getvalue()


def test_values_are_texts_numbers_and_dates_and_rows_keep_their_numbers() -> None:
    table = read(
        made(
            ("text", "number", None, "date", "day", "truth"),
            (),
            ("é\n=", 2.5, "x", datetime(2026, 1, 31, 10, 5), date(2026, 1, 31), True),
            (None, None, None, " ", None, ""),
            more=lambda book: book.create_sheet("empty"),
        )
    )
    assert (table.unit, table.has_cells, table.bad) == ("row", True, ())
    ((number, fields),) = table.records
    assert number == 3
    assert fields == {
        **{"text": "é\n=", "number": 2.5, "column 3": "x", "date": "2026-01-31 10:05:00", "day": "2026-01-31 00:00:00"},
        "truth": True,
    }


def test_a_formula_that_nobody_computed_is_named() -> None:
    content = made(("question", "answer"), ("1 + 1?", "=1+1"))
    with pytest.raises(BadInput, match=r"q.xlsx: cell B2 holds a formula without its value; open it"):
        read(content)
    sheet = "xl/worksheets/sheet1.xml"
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        text = book.read(sheet)
    for computed, value in (
        (b'<c r="B2"><f>1+1</f><v>2</v></c>', 2),
        (b'<c r="B2" t="str"><f>""</f><v></v></c>', None),
        (b'<c r="B2" t="str"><f>T(1)</f></c>', None),
        (b'<c r="B2">\n  <f t="shared" si="0"/>\n  <v>3</v>\n</c>', 3),
    ):
        assert text.count(b'<c r="B2"><f>1+1</f><v /></c>') == 1
        table = read(changed(sheet, text.replace(b'<c r="B2"><f>1+1</f><v /></c>', computed)))
        assert table.records[0].fields["answer"] == value
    prefixed = text.replace(b'<c r="B2"><f>1+1</f><v /></c>', b'<x:c r="B2">\n<x:f>1+1</x:f>\n<x:v/></x:c>')
    with pytest.raises(BadInput, match="cell B2 holds a formula without its value"):
        read(changed(sheet, prefixed.replace(b"<worksheet ", b'<worksheet xmlns:x="x" ')))


def test_a_cell_beyond_the_heading_is_a_bad_row() -> None:
    table = read(made(("question", "answer"), ("1 + 1?", 2, "mine"), ("1 + 2?", 3)))
    assert [record.number for record in table.records] == [3]
    assert [(bad.number, bad.why) for bad in table.bad] == [(2, "has more cells than the heading, which has 2")]


def with_two_sheets() -> bytes:
    return made(("question",), ("x",), more=lambda book: book.create_sheet("Two").append(("y",)))


ROW = '<row r="{0}"><c r="A{0}" t="inlineStr"><is><t>{1}</t></is></c></row>'
HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "two sheets": (with_two_sheets, 'has several sheets with rows, "Sheet", "Two"'),
    "empty": (lambda: made(), "q.xlsx is empty: it holds no rows"),
    "a heading alone": (lambda: made(("question",)), "holds no rows behind its heading"),
    "two columns": (lambda: made(("a", "a"), (1, 2)), 'has two columns named "a"'),
    "cut off": (lambda: GOOD[: len(GOOD) // 2], "can't be read as an Excel file|is a ZIP archive"),
    "no xml": (lambda: changed(SHEET, b"\x00\x01"), "can't be read as an Excel file"),
    "no part": (lambda: changed("[Content_Types].xml", b"<x/>"), "can't be read as an Excel file|is empty"),
    "a bomb": (lambda: changed(SHEET, b"0" * (300 << 20)), "holds more than 256 MB"),
    "entities": (
        lambda: changed(
            SHEET,
            b'<!DOCTYPE x [<!ENTITY a "'
            + b"x" * 1000
            + b'">'
            + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 50) for n in range(8))
            + b"]><worksheet "
            + NS.encode()
            + b'><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>&i;</t></is></c></row></sheetData></worksheet>',
        ),
        "can't be read as an Excel file",
    ),
    "a wide row": (
        lambda: changed(
            SHEET,
            f"<worksheet {NS}><sheetData>{ROW.format(1, 'a')}"
            '<row r="2"><c r="XFD2"><v>1</v></c></row></sheetData></worksheet>'.encode(),
        ),
        "holds no rows behind its heading",
    ),
    "a far row": (
        lambda: changed(
            SHEET, f"<worksheet {NS}><sheetData>{ROW.format(1048576, 'a')}</sheetData></worksheet>".encode()
        ),
        "holds no rows behind its heading",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_can_not_be_read_is_one_line(name: str) -> None:
    make, line = HOSTILE[name]
    with pytest.raises(BadInput) as refusal:
        read(make())
    assert re.search(line, str(refusal.value)), refusal.value
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 300


def test_a_size_that_a_sheet_only_claims_costs_nothing() -> None:
    rows = ROW.format(1, "q") + ROW.format(2, "x")
    sheet = f'<worksheet {NS}><dimension ref="A1:XFD1048576"/><sheetData>{rows}</sheetData></worksheet>'
    content = changed(SHEET, sheet.encode())
    tracemalloc.start()
    table = read(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [record.fields for record in table.records] == [{"q": "x"}]
    assert peak < 100 << 20
