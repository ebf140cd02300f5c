"""Files as rows: every kind of file gives the same rows, and a hostile one gets one line."""

import csv
import gzip
import io
import json
import pickle
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from mapd.errors import BadInput
from mapd.questions import file_table, tables
from mapd.questions.file_table import BadRecord, FileRecord, FileTable, QuestionFile
from mapd.questions.formats import headings
from mapd.questions.tables import read

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1)
TEXT = TEXT.filter(lambda text: text.strip() and "\n\ufeff" not in text)  # where files were joined, that is a BOM
ROWS = st.lists(st.fixed_dictionaries({"question": TEXT, "answer": TEXT}), min_size=2, max_size=6)


def in_parquet(rows: list[dict[str, Any]]) -> bytes:
    out = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(rows), out)
    return out.getvalue()


def in_csv(rows: list[dict[str, Any]], delimiter: str = ",") -> bytes:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def jsonl(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


KINDS: dict[str, Callable[[list[dict[str, Any]]], bytes]] = {
    "q.jsonl": jsonl,
    "q.jsonl.gz": lambda rows: gzip.compress(jsonl(rows)),
    "q.json": lambda rows: json.dumps(rows, indent=1).encode(),
    "columns.json": lambda rows: json.dumps({key: [row[key] for row in rows] for key in rows[0]}).encode(),
    "pandas.json": lambda rows: json.dumps(
        {key: {str(n): row[key] for n, row in enumerate(rows)} for key in rows[0]}
    ).encode(),
    "inside.json": lambda rows: json.dumps({"version": "1", "data": rows}).encode(),
    "split.json": lambda rows: json.dumps(
        {
            "columns": list(rows[0]),
            "index": list(range(len(rows))),
            "data": [[row[key] for key in rows[0]] for row in rows],
        }
    ).encode(),
    "q.csv": in_csv,
    "excel.csv": lambda rows: b"\xef\xbb\xbfsep=;\r\n" + in_csv(rows, ";") + b";\r\n",
    "Unicode text.txt": lambda rows: in_csv(rows, "\t").decode().encode("utf-16"),
    "q.tsv": lambda rows: in_csv(rows, "\t"),
    "semicolons.csv": lambda rows: in_csv(rows, ";"),
    "bars.csv": lambda rows: in_csv(rows, "|"),
    "q.parquet": in_parquet,
}


@pytest.mark.parametrize("name", KINDS)
@given(rows=ROWS)
def test_rows_go_through_each_kind_of_file(name: str, rows: list[dict[str, Any]]) -> None:
    table = read(QuestionFile(name, KINDS[name](rows)))
    assert [record.fields for record in table.records] == rows
    assert table.bad == ()


@given(ROWS, st.sampled_from([b"\n", b"\r\n"]))
def test_joined_files_keep_no_byte_order_mark(rows: list[dict[str, Any]], end: bytes) -> None:
    lines = [b"\xef\xbb\xbf" + json.dumps(row).encode() for row in rows]
    table = read(QuestionFile("q.jsonl", end.join(lines) + end))
    assert table.records == tuple(FileRecord(number, row) for number, row in enumerate(rows, 1))


def test_joined_csv_files_keep_one_heading() -> None:
    part = b"\xef\xbb\xbfquestion,answer\r\na,1\r\n"
    table = read(QuestionFile("q.csv", part + part.replace(b"a,1", b'"b, too",2')), headings)
    assert [record.fields for record in table.records] == [
        {"question": "a", "answer": "1"},
        {"question": "b, too", "answer": "2"},
    ]


def test_words_that_mean_nothing_to_pandas_stay_words() -> None:
    table = read(QuestionFile("q.csv", b"question,answer\nwhich?,NA\nwhat?,None\nwho?,null\nwhere?,\n"))
    assert [record.fields["answer"] for record in table.records] == ["NA", "None", "null", None]


def test_rows_are_numbered_by_their_lines() -> None:
    table = read(QuestionFile("q.jsonl", b'\n{"a": 1}\n\n[2]\n{"a": 3}'))
    assert table.unit == "line"
    assert [record.number for record in table.records] == [2, 5]
    assert table.bad == (BadRecord(4, '"[2]" is no JSON object; a line holds one row', "[2]"),)
    table = read(QuestionFile("q.csv", b'a,b\n"x\ny",1\n\nz,2\n'))
    assert [(record.number, record.fields["a"]) for record in table.records] == [(2, "x\ny"), (5, "z")]


def test_one_object_is_one_row_unless_it_holds_rows() -> None:
    problem = {"problem": "1 + 1?", "solution": "two", "choices": [{"label": "A", "text": "2"}], "question": "?"}
    assert read(QuestionFile("1.json", json.dumps(problem, indent=1).encode())).records == (FileRecord(1, problem),)
    keyed = {"q1": {"question": "a", "answer": 1}, "q2": {"question": "b", "answer": 2}}
    records = read(QuestionFile("q.json", json.dumps(keyed).encode())).records
    assert [record.fields["id"] for record in records] == ["q1", "q2"]


# --- Hostile files ----------------------------------------------------------------------------------------------------

DEEP = 1_000_000
REFUSED: dict[str, tuple[bytes, str]] = {
    "empty.jsonl": (b"", "is empty"),
    "blank.csv": (b"\n \n", "is empty"),
    "brackets.json": (b"[" * DEEP, "nested too deeply"),
    "closed.json": (b"[" * DEEP + b"]" * DEEP, "nested too deeply"),
    "braces.jsonl": (b'{"a":' * DEEP, "nested too deeply"),
    "digits.json": (b'[{"a": ' + b"1" * 4301 + b"}]", "more than 4,300 digits"),
    "cut.json": (b'[{"a": 1},', "no whole JSON at line 1 column 11"),
    "twice.json": (b'[{"a": 1, "a": 2}]', 'the field "a" stands in it twice'),
    "columns.json": (b'{"a": [1, 2], "b": [1]}', 'columns of different lengths: "a" 2, "b" 1'),
    "text.json": (b"hello", 'is no JSON: it begins with "hello"'),
    "latin.csv": ("question,answer\nÄ,1".encode("latin-1"), "not UTF-8 text at byte 16"),
    "wide.csv": ("question,answer\na,1\n".encode("utf-16")[:-1], "not UTF-16 text at byte 40"),
    "q.jsonl.bz2": (b"BZh91AY&SY\xd3", "save it as UTF-8, or unpack it"),
    "pointer.parquet": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "`git lfs pull`"),
    "several.json": (b'{"train": [{"a": 1}], "test": [{"a": 2}]}', 'several lists of rows, "train", "test"'),
    "open.csv": (b'question,answer\n"a,1\nb,2\n', "line 2 can't be read as CSV"),
    "stray.csv": (b'question,answer\nb,2\n"a"x,1\n', "line 3 can't be read as CSV"),
    "twins.csv": (b"question,question\na,b\n", 'two columns named "question"'),
    "heading.csv": (b"question,answer\n", "no rows behind its heading"),
    "pickle.parquet": (pickle.dumps([{"question": "a"}]), "can't be read as Parquet"),
    "cut.parquet": (b"PAR1" + b"\0" * 100, "can't be read as Parquet"),
    "book.xlsx": (b"PK\x03\x04rest", "Excel"),
    "book.xls": (b"\xd0\xcf\x11\xe0rest", "Excel"),
    "cut.jsonl.gz": (gzip.compress(b'{"a": 1}\n' * 1000)[:30], "can't be unpacked"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_table_gets_one_line(name: str) -> None:
    content, why = REFUSED[name]
    with pytest.raises(BadInput) as refused:
        read(QuestionFile(name, content))
    assert why in str(refused.value)
    assert name in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b'{"a": 1, "a": 2}', 'the field "a" stands in it twice'),
        (b'{"a": ' + b"1" * 4301 + b"}", "more than 4,300 digits"),
        (b'{"a":' * DEEP, "nested too deeply"),
        (b'{"a": "\x00"}', "is no JSON object"),
        (b'"a"', "is no JSON object"),
    ],
)
def test_a_bad_line_leaves_the_others(line: bytes, why: str) -> None:
    table = read(QuestionFile("q.jsonl", b'{"a": 1}\n' + line + b'\n{"a": 3}\n'))
    assert [record.number for record in table.records] == [1, 3]
    [bad] = table.bad
    assert bad.number == 2
    assert why in bad.why


def test_ragged_rows_are_bad_rows() -> None:
    table = read(QuestionFile("q.csv", b"a,b\n1,2\n1,2,3\n1\n"))
    assert [(bad.number, bad.original) for bad in table.bad] == [(3, ["1", "2", "3"]), (4, ["1"])]
    assert len(table.records) == 1


def test_not_a_number_is_nothing() -> None:
    assert read(QuestionFile("q.jsonl", b'{"a": NaN}')).records[0].fields == {"a": None}
    assert read(QuestionFile("q.parquet", in_parquet([{"a": float("nan")}, {"a": 1.0}]))).records[0].fields == {
        "a": None
    }


@pytest.mark.parametrize("type_", [pa.float32(), pa.float64()])
def test_floats_are_as_they_were_written(type_: pa.DataType) -> None:
    out = io.BytesIO()
    parquet.write_table(pa.table({"answer": pa.array([0.1, None, -2.5, float("inf")], type_)}), out)
    answers = [record.fields["answer"] for record in read(QuestionFile("q.parquet", out.getvalue())).records]
    assert answers == [0.1, None, -2.5, float("inf")]


def bomb(line: bytes, times: int) -> bytes:
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb") as packed:
        for _ in range(times):
            packed.write(line)
    return out.getvalue()


def test_a_small_file_that_unpacks_to_a_gigabyte_is_refused() -> None:
    content = bomb(b"0" * 2**20, 1024)
    assert len(content) < 2 * 2**20
    with pytest.raises(BadInput, match="more than 256 MB"):
        read(QuestionFile("q.jsonl.gz", content))


def test_a_small_parquet_file_of_gigabytes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MOST_BYTES", 2**20)
    texts = pa.table({"question": pa.array(["x" * 2**14] * 1000).dictionary_encode()})
    out = io.BytesIO()
    parquet.write_table(texts, out)
    assert len(out.getvalue()) < 2**16
    with pytest.raises(BadInput, match="split it"):
        read(QuestionFile("q.parquet", out.getvalue()))


def test_more_rows_than_a_set_may_have_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_table, "MOST_ROWS", 3)
    rows = [{"a": n} for n in range(4)]
    for name in ("q.jsonl", "q.json", "q.csv", "q.parquet"):
        with pytest.raises(BadInput, match="more than 3 rows"):
            read(QuestionFile(name, KINDS[name](rows)))


@given(st.binary(max_size=300), st.sampled_from(["q.jsonl", "q.json", "q.csv", "q.tsv", "q.txt", "q.parquet", "q.gz"]))
def test_no_bytes_break_it(content: bytes, name: str) -> None:
    with suppress(BadInput):
        assert isinstance(read(QuestionFile(name, content), headings), FileTable)


@pytest.mark.parametrize("open_", [pa.ipc.new_file, pa.ipc.new_stream])
def test_arrow_files_are_read_and_cut_off_ones_refused(open_: Callable[..., Any]) -> None:
    """A folder that `datasets` saved holds such files; a browser sends them one by one."""
    rows = pa.Table.from_pylist([{"question": f"{n}?", "answer": n} for n in range(600)])
    out = io.BytesIO()
    with open_(out, rows.schema) as writer:
        writer.write_table(rows)
    table = read(QuestionFile("data-00000-of-00001.arrow", out.getvalue()))
    assert [(r.number, r.fields["answer"]) for r in table.records] == [(n + 1, n) for n in range(600)]
    with pytest.raises(BadInput, match="can't be read as Arrow"):
        read(QuestionFile("data.arrow", out.getvalue()[:300]))
