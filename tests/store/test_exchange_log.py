"""What came in and what went out, as the audit has it: entries of today, and those that name no file."""

import hashlib
import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from mapd.exchange import archive
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import audit_log, db, exchange_log
from mapd.store.exchange_log import Direction, Subject
from tests import samples
from tests.commands import Mapd
from tests.conftest import import_files

ANN = owner("ann")


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write(engine: sa.Engine, action: str, target: str, **detail: object) -> None:
    with db.writing(engine) as session:
        audit_log.audit(session, "ann", action, target, **detail)


def listed(engine: sa.Engine, direction: Direction | None = None) -> list[exchange_log.ExchangeEntry]:
    with db.reading(engine) as session:
        entries = exchange_log.list_entries(session, direction, limit=100)
        assert exchange_log.count_entries(session, direction) == len(entries)
    return entries


def test_each_way_in_and_out_says_its_file(mapd: Mapd, tmp_path: Path) -> None:
    feedback, rationales = samples.files(tmp_path)
    mapd("import", "authors", "--feedback", feedback, "--rationales", rationales, "--by", "ann")
    (tmp_path / "sums.jsonl").write_text('{"question": "1 + 1?", "answer": "2", "split": "dev"}\n')
    (tmp_path / "more.csv").write_text("question,answer,split\n2 + 2?,4,dev\n")
    mapd("questions", "add", "sums", tmp_path / "sums.jsonl", tmp_path / "more.csv", "--task", "numeric", "--by", "ann")
    (tmp_path / "answers.jsonl").write_text('{"question": "1 + 1?", "response": "Answer: 2", "student": "s"}\n')
    assert mapd("import", "attempts", tmp_path / "answers.jsonl", "--questions", "sums", "--json").json["n"] == 1
    mapd("exam", "export", 2, tmp_path / "out.jsonl")
    snapshot = mapd("curate", "snapshot", "--exam", 1, "--json").json["snapshot"]
    mapd("export", snapshot, "--format", "messages", "-o", tmp_path / "rows.jsonl")
    mapd("archive", "export", tmp_path / "project.zip")
    result = mapd("project", "history", "--json").json
    entries = [(e["direction"], e["format"], e["rows"], e["file"]) for e in result["entries"]]
    assert entries == [
        ("out", "archive", entries[0][2], "project.zip"),
        ("out", "messages", 24, "rows.jsonl"),
        ("out", "attempts", 1, "out.jsonl"),
        ("in", "attempts", 1, "answers.jsonl"),
        ("in", "questions", 2, "sums.jsonl, more.csv"),
        ("in", "authors", 12, f"{rationales.name}, {feedback.name}"),
    ]
    by_file = {e["file"]: e["sha256"] for e in result["entries"]}
    for name in ("project.zip", "rows.jsonl", "out.jsonl", "answers.jsonl"):
        assert by_file[name] == sha256_of(tmp_path / name), name
    sums = "".join(f"{sha256_of(tmp_path / name)}  {name}\n" for name in ("more.csv", "sums.jsonl"))
    assert by_file["sums.jsonl, more.csv"] == hashlib.sha256(sums.encode()).hexdigest()
    assert [e["subject"]["kind"] for e in result["entries"]] == [
        *("archive", "snapshot", "exam", "exam", "question_set", "exam")
    ]
    assert result["entries"][1]["subject"]["exam"]
    assert all(e["subject"]["name"] for e in result["entries"][1:])

    assert mapd("project", "history", "--only", "out", "--limit", 1, "--skip", 1, "--json").json["count"] == 3
    lines = mapd("project", "history", "--only", "in").out.splitlines()
    assert lines[0] == "3 acts"
    assert "in   ann: add questions, 2 rows, sums.jsonl, more.csv (" in lines[2]
    assert lines[2].endswith("): question set sums")
    code, _, err = mapd("project", "history", "--only", "sideways")
    assert (code, err) == (2, "mapd: --only is one of in, out, not sideways\n")


def test_an_archive_that_comes_in_says_its_file(engine: sa.Engine, tmp_path: Path) -> None:
    home = Settings().home
    with db.writing(engine) as session:
        import_files(session, *samples.files(tmp_path))
    archive.export(engine, tmp_path / "project.zip", home, by=ANN)
    empty = db.open_store(Settings(home=tmp_path / "other", database_url=None))
    with (tmp_path / "project.zip").open("rb") as stream, archive.stage("project.zip", stream) as staging:
        archive.load(empty, staging, home, by=ANN)
    (entry,) = listed(empty, Direction.IN)
    assert (entry.file, entry.sha256) == ("project.zip", sha256_of(tmp_path / "project.zip"))
    assert entry.rows
    empty.dispose()


def test_older_entries_are_shown_as_they_are(engine: sa.Engine) -> None:
    write(engine, "import authors", "exam gone", mistakes=387)
    write(engine, "add questions", "question_set x", name="sums", questions=3)
    write(engine, "archive import", "archive 3f2a", name="p.zip", rows=9)
    write(engine, "archive export", "archive 9b9b", rows=8)
    write(engine, "add student", "student tiny", base="path:/models/tiny")
    write(engine, "export", "exam gone")
    entries = listed(engine)
    assert [(e.rows, e.file, e.origin, e.sha256) for e in entries] == [
        (None, None, None, None),
        (None, None, "path:/models/tiny", None),
        (8, None, None, "9b9b"),
        (9, "p.zip", None, "3f2a"),
        (3, None, None, None),
        (387, None, None, None),
    ]
    assert entries[-1].subject == Subject("exam", "gone", None, None)


def test_whatever_is_imported_or_exported_is_among_them_and_nothing_else(engine: sa.Engine) -> None:
    for action in ("import verdicts", "import explanations", "push", "export"):
        write(engine, action, "exam x", format="judgements", file="v.csv", sha256="a" * 64, rows=4)
    for action in ("delete", "restore", "exam", "freeze", "begin archive import", "load recorded demo", "important"):
        write(engine, action, "exam x")
    assert [e.action for e in listed(engine, Direction.IN)] == ["import explanations", "import verdicts"]
    assert [e.action for e in listed(engine, Direction.OUT)] == ["export", "push"]


def test_many_files_are_one_entry() -> None:
    files = [(f"{number:03}.json", str(number)) for number in range(100)]
    detail = audit_log.describe_files(files)
    assert detail["file"].endswith("019.json and 80 more")
    assert len(detail["files"]) == 20
    listing = "".join(f"{sha256}  {name}\n" for name, sha256 in files)
    assert detail["sha256"] == hashlib.sha256(listing.encode()).hexdigest()
    assert audit_log.describe_files(files[:1]) == {"file": "000.json", "sha256": "0"}
    assert audit_log.describe_files([]) == {}


@pytest.mark.parametrize("value", [7, ["x"], {"a": 1}, "", None, True])
def test_odd_details_are_left_out(engine: sa.Engine, value: object) -> None:
    write(engine, "export", "oddity", format=value, file=value, sha256=value, rows=json.dumps(value))
    (entry,) = listed(engine)
    assert (entry.format, entry.file, entry.sha256, entry.rows) == (None, None, None, None)
    assert (entry.subject.kind, entry.subject.ref) == ("oddity", "")
