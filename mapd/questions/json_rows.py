"""Read JSON and JSON lines as rows: an array, a table by columns, objects by id, or what lies inside an object.

'[{"question": "1 + 1?", "answer": 2}]'  -> FileTable("q.json", "row", (FileRecord(1, {"question": "1 + 1?", …}),))
"""

import json
from typing import Any

from mapd.errors import BadInput
from mapd.questions.file_table import BadRecord, FileRecord, FileTable, check_row_count
from mapd.questions.values import short


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


def read_json(name: str, text: str) -> FileTable:
    """Read JSON Lines, or one JSON value."""
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
