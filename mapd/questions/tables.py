"""Tables: any file of questions or answers as rows with their numbers, whatever stands in the rows.

    read(QuestionFile("q.jsonl", b'{"question": "1 + 1?", "answer": 2}'))
    -> FileTable("q.jsonl", "line", (FileRecord(1, {"question": "1 + 1?", "answer": 2}),))

JSON is lines, an array, a table by columns, objects by id, or what lies inside an object. JSON and CSV are read by the
standard library, because it tells the line of each row; Parquet and Arrow by pyarrow, Excel's by workbooks.py. What no
row can be made of is a `BadRecord`, so that the rest can be imported. Folders and the hub: sources.py.
"""

import csv
import gzip
import hashlib
import io
import json
import math
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from mapd.errors import BadInput
from mapd.questions import workbooks
from mapd.questions.file_table import (
    MOST_BYTES,
    BadRecord,
    Fields,
    FileRecord,
    FileTable,
    QuestionFile,
    check_row_count,
    too_large,
)
from mapd.questions.values import short

if TYPE_CHECKING:
    import pyarrow as pa

# Rows that are taken out of an Arrow file at a time: a short file may hold very long texts.
BATCH = 256
LFS = b"version https://git-lfs"
# In the first bytes: a picture, a document, a program.
BINARY = re.compile(rb"%PDF|[\x00-\x08\x0e-\x1f]")
# The columns' names where a CSV's first row is no heading.
Headings = Callable[[Sequence[str]], Sequence[str] | None]
# What stands between quotes separates nothing.
_QUOTED = re.compile(r'"[^"]*"')
# A line of Excel's, before the heading.
_SEPARATOR = re.compile(r"sep=([,;\t|])(?=\r?\n)", re.IGNORECASE)


# --- Files ------------------------------------------------------------------------------------------------------------


def read(file: QuestionFile, headings: Headings | None = None) -> FileTable:
    """Read a file by its content; only CSV and TSV by its name. Raises: BadInput where it is no table at all."""
    return replace(_read(file, headings), sha256=hashlib.sha256(file.content).hexdigest())


def _read(file: QuestionFile, headings: Headings | None) -> FileTable:
    name, content = file.name, file.content
    if len(content) > MOST_BYTES:
        raise BadInput(too_large(name))
    if content[:2] == b"\x1f\x8b":
        content = _unpack(name, content)
    inner = name.lower().removesuffix(".gz")
    if content.startswith(LFS):
        raise BadInput(f"{name} is only a pointer of Git LFS to the file; `git lfs pull` fetches it")
    if content[:4] == b"PAR1" or inner.endswith(".parquet"):
        return _parquet(name, content)
    if content[:6] == b"ARROW1" or content[:4] == b"\xff\xff\xff\xff":
        return _arrow(name, content)
    if workbooks.is_workbook(content):
        return workbooks.read(name, content)
    if content[:4] in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0"):
        raise BadInput(
            f"{name} is a ZIP archive or an old Excel file; unpack it, or save it as .xlsx, CSV or JSON Lines"
        )
    text = _decode(name, content)
    if not text.strip():
        raise BadInput(f"{name} is empty: it holds no rows")
    if inner.endswith((".csv", ".tsv")):
        return _csv(name, text, "\t" if inner.endswith(".tsv") else ",", headings)
    if text.lstrip()[0] in "{[":
        return _read_json(name, text)
    first = _first_line(text)
    if inner.endswith((".json", ".jsonl", ".ndjson")):
        raise BadInput(f'{name} is no JSON: it begins with {short(first.strip())}; a row is {{"question": "…", …}}')
    # A spreadsheet's "Unicode text" is a table with tabs, named .txt.
    if "\t" in first.strip():
        return _csv(name, text, "\t", headings)
    lines = enumerate(text.split("\n"), 1)
    return FileTable(name, "line", tuple(FileRecord(n, {"line": line}) for n, line in lines), is_text=True)


def _unpack(name: str, content: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
            text = packed.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise BadInput(f"{name} can't be unpacked ({error}); was it cut off?") from error
    if len(text) > MOST_BYTES:
        raise BadInput(too_large(name))
    return text


def _decode(name: str, content: bytes) -> str:
    # A byte order mark says which.
    encoding = "UTF-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "UTF-8"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding == "UTF-8" and BINARY.search(content, 0, 512):
            kinds = "JSON Lines, JSON, CSV, TSV, .xlsx, Parquet or Arrow"
            raise BadInput(f"{name} is no table: save it as {kinds}") from error
        raise BadInput(
            f"{name} is not {encoding} text at byte {error.start:,}; save it as UTF-8, or unpack it (known is .gz)"
        ) from error
    # Of such text every second sign is one, or more.
    if 3 * text[:4_096].count("\x00") > len(text[:4_096]):
        raise BadInput(f"{name} is UTF-16 or UTF-32 text without its mark, or no text; save it as UTF-8")
    # Byte order marks also stand in the middle, where files were joined.
    return text.lstrip("\ufeff").replace("}\ufeff{", "}\n{").replace("\n\ufeff", "\n")


def _first_line(text: str) -> str:
    return next(line for line in io.StringIO(text) if line.strip())


# --- CSV --------------------------------------------------------------------------------------------------------------


def _csv(name: str, text: str, delimiter: str, headings: Headings | None) -> FileTable:
    """Read a table with a heading, or with the names that `headings` knows for one without."""
    # It stays as an empty line: the rows keep their numbers.
    if line := _SEPARATOR.match(text):
        text, delimiter = text[line.end() :], line[1]
    lines = _csv_lines(name, text, _delimiter(text, delimiter))
    first_number, first = next(lines, (1, []))
    names = headings(first) if headings else None
    rows = lines if names is None else chain([(first_number, first)], lines)
    names = [cell.strip() or f"column {place}" for place, cell in enumerate(first, 1)] if names is None else names
    if len(set(names)) < len(names):
        twice = next(column for column in names if list(names).count(column) > 1)
        raise BadInput(f"{name} has two columns named {short(twice)}; rename one")
    records: list[FileRecord] = []
    bad: list[BadRecord] = []
    for number, cells in rows:
        if cells == list(first) and number != first_number and headings is not None and headings(first) is None:
            # The heading again, where files were joined.
            continue
        check_row_count(name, len(records) + len(bad) + 1)
        if len(cells) == len(names):
            records.append(FileRecord(number, {key: cell or None for key, cell in zip(names, cells, strict=True)}))
        else:
            counts = f"has {len(cells)} cells where the heading has {len(names)}"
            bad.append(BadRecord(number, f"{counts}; a comma or a quote is missing, or too many", cells))
    if not records and not bad:
        raise BadInput(f"{name} holds no rows behind its heading")
    return FileTable(name, "line", tuple(records), tuple(bad), has_cells=True)


def _delimiter(text: str, usual: str) -> str:
    # Some spreadsheets write another one than the usual.
    heading = _QUOTED.sub("", _first_line(text))
    if usual in heading:
        return usual
    return next((delimiter for delimiter in (",", ";", "\t", "|") if delimiter in heading), usual)


def _csv_lines(name: str, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(MOST_BYTES)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 1
    try:
        for cells in reader:
            # Spreadsheets write rows of empty cells behind the others.
            if any(cell.strip() for cell in cells):
                yield number, cells
            number = reader.line_num + 1
    except csv.Error as error:
        raise BadInput(f"{name} line {number:,} can't be read as CSV ({error}): a quote there is not closed") from error


# --- Parquet and Arrow ------------------------------------------------------------------------------------------------


def _parquet(name: str, content: bytes) -> FileTable:
    import pyarrow as pa  # slow to load, and few files need it
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(pa.BufferReader(content))
        check_row_count(name, file.metadata.num_rows)
        records = arrow_records(name, file.iter_batches(batch_size=BATCH))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise BadInput(f"{name} can't be read as Parquet ({first_line(error)}); was it cut off?") from error
    return FileTable(name, "row", records)


def _arrow(name: str, content: bytes) -> FileTable:
    import pyarrow as pa

    try:
        open_ = pa.ipc.open_file if content[:6] == b"ARROW1" else pa.ipc.open_stream
        batches = open_(pa.BufferReader(content)).read_all().to_batches(max_chunksize=BATCH)
        return FileTable(name, "row", arrow_records(name, batches))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise BadInput(f"{name} can't be read as Arrow ({first_line(error)}); was it cut off?") from error


def arrow_records(name: str, batches: "Iterable[pa.RecordBatch | pa.Table]") -> tuple[FileRecord, ...]:
    """Return the rows of Arrow's batches as plain values. Raises: BadInput where they are none, or too large."""
    records: list[FileRecord] = []
    size = 0
    for batch in map(_decode_columns, batches):
        size += batch.nbytes
        if size > MOST_BYTES:
            raise BadInput(too_large(name))
        records += (FileRecord(number, _plain(row)) for number, row in enumerate(batch.to_pylist(), len(records) + 1))
    if not records:
        raise BadInput(f"{name} holds no rows")
    return tuple(records)


def _decode_columns(batch: Any) -> Any:
    """Return the batch with each text in its row, and each float as it was written."""
    # A dictionary writes once a text that many rows mean: it counts as often, or a small file would fill the memory. A
    # float of 32 bits is 0.1, not 0.10000000149011612.
    import pyarrow as pa

    for place, column in enumerate(batch.columns):
        plain = column
        if pa.types.is_dictionary(column.type):
            plain = column.cast(column.type.value_type)
        elif pa.types.is_float32(column.type):
            plain = column.cast(pa.string()).cast(pa.float64())
        if plain is not column:
            batch = batch.set_column(place, batch.schema.names[place], plain)
    return batch


def _plain(row: Fields) -> Fields:
    return {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in row.items()}


def first_line(error: BaseException) -> str:
    """Return the first line of what a library says, or the error's name."""
    return str(error).strip().split("\n")[0][:200] or type(error).__name__


# --- JSON -------------------------------------------------------------------------------------------------------------


class _AmbiguousError(ValueError):
    """JSON that Python reads and that says two things."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _AmbiguousError(f"the field {short(next(key for key in keys if keys.count(key) > 1))} stands in it twice")
    return fields


def _constant(word: str) -> float | None:
    # pandas writes NaN where nothing is.
    return None if word == "NaN" else float(word.replace("Infinity", "inf"))


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)


def _json_fault(error: ValueError | RecursionError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"no whole JSON at line {error.lineno} column {error.colno} ({error.msg})"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return str(error) if isinstance(error, _AmbiguousError) else "holds a number of more than 4,300 digits"


def _read_json(name: str, text: str) -> FileTable:
    # A value that ends before the text does is the first of many lines.
    try:
        value, end = _DECODER.raw_decode(text, len(text) - len(text.lstrip()))
        if text[end:].strip():
            return _json_lines(name, text)
    except (ValueError, RecursionError) as error:
        if "\n" in text.strip() and text.lstrip().startswith("{"):
            return _json_lines(name, text, error)
        raise BadInput(f"{name} can't be read: {_json_fault(error)}") from error
    rows = _rows_inside(name, value) if isinstance(value, dict) else value
    if rows is None:  # one row
        return FileTable(name, "line" if "\n" not in text.strip() else "row", (FileRecord(1, value),))
    return _json_rows(name, rows)


def _json_lines(name: str, text: str, whole_error: ValueError | RecursionError | None = None) -> FileTable:
    records: list[FileRecord] = []
    bad: list[BadRecord] = []
    # Not splitlines: a text may hold U+2028.
    for number, line in enumerate(text.split("\n"), 1):
        bare = line.strip().lstrip("\ufeff")
        if not bare:
            continue
        check_row_count(name, len(records) + len(bad) + 1)
        try:
            value = _DECODER.decode(bare)
        except (ValueError, RecursionError) as error:
            bad.append(BadRecord(number, _line_fault(bare, error), line))
            continue
        if isinstance(value, dict):
            records.append(FileRecord(number, value))
        else:
            bad.append(BadRecord(number, f"{short(bare)} is no JSON object; a line holds one row", line))
    # Neither lines nor one value: the fault of the whole says more.
    if not records and whole_error is not None:
        raise BadInput(f"{name} can't be read: {_json_fault(whole_error)}")
    return FileTable(name, "line", tuple(records), tuple(bad))


def _line_fault(line: str, error: ValueError | RecursionError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{short(line)} is no JSON object ({error.msg} at column {error.colno}); a line holds one row"
    return f"{short(line)}: {_json_fault(error)}"


def _json_rows(name: str, rows: Any) -> FileTable:
    if not isinstance(rows, list) or not rows:
        raise BadInput(f"{name} holds no rows: it is {short(rows)}, not a list of objects")
    check_row_count(name, len(rows))
    records = (FileRecord(number, row) for number, row in enumerate(rows, 1) if isinstance(row, dict))
    why = "{} is no JSON object; a row is one"
    bad = (BadRecord(n, why.format(short(row)), row) for n, row in enumerate(rows, 1) if not isinstance(row, dict))
    return FileTable(name, "row", tuple(records), tuple(bad))


def _rows_inside(name: str, value: dict[str, Any]) -> list[Any] | None:
    """Return the rows of an object that is a table: columns, the one list of objects in it, or rows under their ids."""
    if len(value) > 1 and all(map(_are_objects, value.values())):
        names = ", ".join(map(short, value))
        raise BadInput(f"{name} holds several lists of rows, {names[:100]}; save each as a file of its own")
    for rows in (_cells(value), _columns(value), _object_list(value), _rows_by_id(value)):
        if rows is not None:
            return rows
    sizes = {key: len(column) for key, column in value.items() if isinstance(column, list)}
    if 1 < len(sizes) == len(value):
        lengths = ", ".join(f"{short(key)} {size:,}" for key, size in sizes.items())
        raise BadInput(f"{name} has columns of different lengths: {lengths[:200]}; was one cut off?")
    return None


def _columns(value: dict[str, Any]) -> list[Any] | None:
    # {"question": ["…", …], "answer": [1, …]}, or as pandas writes it: {"question": {"0": "…", …}, …}
    columns = list(value.values())
    if len(columns) < 2:
        return None
    if all(isinstance(column, list) for column in columns):
        if len({len(column) for column in columns}) > 1:
            return None
        return [dict(zip(value, row, strict=True)) for row in zip(*columns, strict=True)]
    if all(isinstance(column, dict) and column.keys() == columns[0].keys() for column in columns):
        places = list(columns[0])
        if places and all(place.isdigit() for place in places):
            return [{name: column[place] for name, column in value.items()} for place in places]
    return None


def _cells(value: dict[str, Any]) -> list[Any] | None:
    # {"columns": ["question", …], "index": [0, …], "data": [["…", …], …]}: pandas with orient="split"
    names, rows = value.get("columns"), value.get("data")
    if not value.keys() <= {"columns", "index", "data"} or not isinstance(names, list) or not isinstance(rows, list):
        return None
    if not all(isinstance(row, list) and len(row) == len(names) for row in rows):
        return None
    return [dict(zip(map(str, names), row, strict=True)) for row in rows]


def _are_objects(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _object_list(value: dict[str, Any]) -> list[Any] | None:
    # {"version": 1, "data": [{…}, …]}: the one list of objects in it
    lists = [rows for rows in value.values() if _are_objects(rows)]
    return lists[0] if len(lists) == 1 and not {"question", "problem"} & value.keys() else None


def _rows_by_id(value: dict[str, Any]) -> list[Any] | None:
    # {"q1": {"question": "…", …}, "q2": {…}}: rows under their ids
    rows = list(value.values())
    if len(rows) < 2 or not all(isinstance(row, dict) and len(row) > 1 for row in rows):
        return None
    if not all(row.keys() == rows[0].keys() for row in rows):
        return None
    return [row if "id" in row else {"id": key} | row for key, row in value.items()]
