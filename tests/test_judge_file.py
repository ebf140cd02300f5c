"""`mapd judge --file` as scripts and people use it."""

import json
import re
from pathlib import Path

import pytest

from mapd import interrupts
from tests import samples
from tests.commands import Mapd


@pytest.fixture
def texts(mapd: Mapd, tmp_path: Path) -> list[str]:
    """The uids of an exam's rationales."""
    feedback, rationales = samples.files(tmp_path)
    mapd("import", "authors", "--feedback", feedback, "--rationales", rationales)
    return [item["rationale"] for item in mapd("curate", "show", "--exam", 1, "--items", "--json").json["items"]]


@pytest.fixture
def file(texts: list[str], tmp_path: Path) -> Path:
    path = tmp_path / "verdicts.csv"
    rows = [f"ann,rationale,{texts[0]},reject,false_step", f"10,rationale,{texts[1]},accept,"]
    path.write_text("\n".join(["person,kind,uid,decision,reason", *rows]))
    return path


def test_nothing_comes_in_without_a_yes(
    mapd: Mapd, file: Path, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(interrupts, "say", said.append)
    code, out, err = mapd("judge", "--file", file, "--person", "10=Bob")
    assert (code, out) == (1, "")
    assert "bring in 2 judgements of 2 people: nothing was done, for nobody is at a terminal to say yes" in err
    assert said == [
        "2 judgements are new: by ann 1, bob 1",
        "they are on rationale 2, and say reject 1, accept 1",
        "0 are here already",
        "2 count from now on",
        "nobody of this name has judged here before: ann, bob",
    ]
    assert mapd("export", "--exam", 1, "--judgements", "-o", file.parent / "none.jsonl", "--json").json["rows"] == 0


def test_what_is_left_alone_is_said(
    mapd: Mapd, texts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(interrupts, "say", said.append)
    path = tmp_path / "v.csv"
    path.write_text(f"person,uid,decision,reasons,notes\nann,{texts[0]},reject,false step,hello")
    mapd("judge", "--file", path)
    assert 'columns that are left alone: "reasons", "notes"' in said
    assert mapd("judge", "--file", path, "--yes", "--json").json["ignored"] == ["reasons", "notes"]


def test_nobody_is_renamed_twice(mapd: Mapd, file: Path) -> None:
    code, _, err = mapd("judge", "--file", file, "--person", "ann=eve", "--person", "ann=zoe", "--yes")
    assert code == 2
    assert "--person says twice who ann is; say it once" in err


def test_a_yes_brings_them_in_once(mapd: Mapd, file: Path, texts: list[str], tmp_path: Path) -> None:
    words = ("judge", "--file", file, "--person", "10=bob", "--exam", 1, "--yes", "--json")
    result = mapd(*words).json
    assert (result["new"], result["known"], result["people"]) == (2, 0, {"ann": 1, "bob": 1})
    assert mapd(*words).json["new"] == 0
    out = tmp_path / "out.csv"
    mapd("export", "--exam", 1, "--judgements", "-o", out)
    assert mapd("judge", "--file", out, "--yes", "--json").json["known"] == 2
    history = mapd("history", "rationale", texts[0], "--json").json
    assert "ann" in json.dumps(history)


def test_tasks_of_label_studio_go_out_and_come_back(mapd: Mapd, texts: list[str], tmp_path: Path) -> None:
    path = tmp_path / "tasks.json"
    result = mapd("export", "--exam", 1, "--format", "label-studio", "-o", path, "--json").json
    assert (result["rows"], result["config"]) == (72, str(tmp_path / "tasks.xml"))
    task = json.loads(path.read_text())[0]
    choice = {"from_name": "decision", "to_name": "text", "type": "choices", "value": {"choices": ["accept"]}}
    annotation = {"completed_by": {"id": 1, "email": "ann@x.org"}, "created_at": "2026-01-01T10:00:00Z"}
    back = tmp_path / "back.json"
    back.write_text(json.dumps([task | {"annotations": [annotation | {"result": [choice], "lead_time": 2.5}]}]))
    result = mapd("judge", "--file", back, "--yes", "--json").json
    assert (result["format"], result["people"]) == ("label-studio", {"ann@x.org": 1})


WRONG = {
    "no text": (
        ("--decision", "accept", "--by", "ann"),
        "Missing KIND: a judgement is KIND ID --decision DECISION, or",
    ),
    "no decision": (("rationale", "1", "--by", "ann"), "Missing --decision"),
    "nobody": (("rationale", "1", "--decision", "accept"), "Missing option '--by': who judges"),
    "a decision too": (("--file", "v.csv", "--decision", "accept"), "--file goes without --decision"),
    "an exam too": (("rationale", "1", "--decision", "accept", "--by", "a", "--exam", "1"), "goes without --exam"),
    "odd person": (("--file", "v.csv", "--person", "bob"), "--person is WHO=NAME, such as 10=ann@example.org, not bob"),
}


@pytest.mark.parametrize("name", WRONG)
def test_words_that_can_not_be_used(
    mapd: Mapd, texts: list[str], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "v.csv").write_text("person,uid,decision\nann,x,accept")
    words, line = WRONG[name]
    code, out, err = mapd("judge", *words)
    assert (code, out) == (2, "")
    assert re.search(line, err), err


def test_a_file_that_is_not_there_is_one_line(mapd: Mapd, texts: list[str], tmp_path: Path) -> None:
    code, _, err = mapd("judge", "--file", tmp_path / "no.csv", "--yes")
    assert (code, err.count("\n")) == (1, 1)
    assert "the file can't be read" in err
