"""`mapd export` as scripts use it."""

import json
import re
from pathlib import Path

import pytest

from mapd import interrupts
from mapd.exchange.training import FORMATS
from tests import samples
from tests.commands import Mapd


@pytest.fixture
def snapshot(mapd: Mapd, tmp_path: Path) -> str:
    feedback, rationales = samples.files(tmp_path)
    mapd("import", "authors", "--feedback", feedback, "--rationales", rationales)
    return str(mapd("curate", "snapshot", "--exam", 1, "--json").json["snapshot"])


def test_a_snapshot_goes_out_in_each_format(mapd: Mapd, snapshot: str, tmp_path: Path) -> None:
    for name in FORMATS:
        path = tmp_path / f"out-{name}"
        result = mapd("export", snapshot[:8], "--format", name, "-o", path, "--json").json
        assert (result["snapshot"], result["format"], result["path"]) == (snapshot, name, str(path))
        assert path.exists()


def test_the_count_is_said_before(mapd: Mapd, snapshot: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(interrupts, "say", said.append)
    rows = mapd("export", snapshot, "--format", "messages", "-o", tmp_path / "a.jsonl", "--json").json["rows"]
    assert said == []
    mapd("export", snapshot, "--format", "messages", "-o", tmp_path / "b.jsonl")
    mapd("export", "--exam", 1, "--filter", "", "-o", tmp_path / "c.jsonl")
    assert said == [f"{rows} rows are to be written", "36 rationales are to be written"]


def test_an_exam_goes_out_as_judgements_rows_or_the_authors_files(mapd: Mapd, snapshot: str, tmp_path: Path) -> None:
    item = mapd("curate", "show", "--exam", 1, "--items", "--json").json["items"][0]["rationale"]
    mapd("judge", "rationale", item, "--decision", "reject", "--by", "ann")
    exam = ("export", "--exam", 1, "--json")
    assert mapd(*exam, "--judgements", "-o", tmp_path / "v.csv").json["rows"] == 1
    assert mapd(*exam, "--filter", "", "-o", tmp_path / "all.jsonl").json["rows"] == 36
    assert mapd(*exam, "--filter", "show=questions&order=wrong+first", "-o", tmp_path / "q.csv").json["rows"] == 12
    rejected = mapd(*exam, "--filter", "people=judged&author=gpt", "-o", tmp_path / "r.jsonl").json["rows"]
    rows = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert [(row["uid"], row["verdict"], row["judged_by"]) for row in rows] == [(item, "rejected", ["ann"])]
    assert rejected == 1
    assert mapd(*exam, "--format", "authors", "-o", tmp_path / "out").json["rows"] == 12


WRONG = {
    "nothing": ((), "an export is of one of a SNAPSHOT, --judgements, --filter, not of none"),
    "two": (("3f2a", "--judgements"), "not of a SNAPSHOT and --judgements"),
    "no format": (("3f2a",), "--format is one of messages, prompt-completion"),
    "unknown format": (("3f2a", "--format", "xml"), "--format is one of messages, .*, not xml"),
    "an exam too": (("3f2a", "--format", "csv", "--exam", "1"), "a SNAPSHOT is exported without --exam"),
    "no exam": (("--judgements",), "--judgements is of an exam: name it with --exam"),
    "a format too": (("--judgements", "--exam", "1", "--format", "csv"), "is exported without --format"),
    "an unknown filter": (("--exam", "1", "--filter", "verdikt=accepted"), "unknown filter: verdikt; one of"),
    "a filter twice": (("--exam", "1", "--filter", "part=1/3&part=2/3"), "part stands twice in the filter"),
    "an unknown word": (("--exam", "1", "--filter", "verdict=good"), "unknown verdict in the filter: good"),
    "an order of texts": (
        ("--exam", "1", "--filter", "show=questions&order=lowest+mean"),
        "unknown order in the filter",
    ),
    "shots": (("3f2a", "--format", "csv", "--shots", "9"), "should be less than or equal to 3"),
}


@pytest.mark.parametrize("name", WRONG)
def test_words_that_can_not_be_used(mapd: Mapd, snapshot: str, tmp_path: Path, name: str) -> None:
    words, line = WRONG[name]
    code, out, err = mapd("export", *words, "-o", tmp_path / "out.csv")
    assert (code, out) == (2, "")
    assert re.search(line, err), err
    assert err.count("\n") == 1
    assert not (tmp_path / "out.csv").exists()


def test_a_file_whose_name_says_no_format(mapd: Mapd, snapshot: str, tmp_path: Path) -> None:
    for words in (("--judgements",), ("--filter", "")):
        code, _, err = mapd("export", "--exam", 1, *words, "-o", tmp_path / "rows.txt")
        assert code == 2
        assert "it ends in .csv or .jsonl, not as rows.txt" in err
