"""`mapd snapshots …` and what `mapd curate` leaves out: as JSON and as lines; what can't be is one line."""

import json
from pathlib import Path

import pytest

from mapd.settings import Settings
from mapd.store import db, queries
from tests.commands import Mapd
from tests.conftest import writing
from tests.held_out import hold_first_out


@pytest.fixture
def exam(full_home: Path) -> str:
    with db.reading(db.open_store(Settings())) as session:
        return queries.exams(session)[0].uid


def test_what_is_left_out_is_told_by_show_as_by_snapshot(exam: str, mapd: Mapd) -> None:
    words = ("--exam", exam, "--drop-near", "0.9", "--balance", "teacher:2", "--json")
    told, made = mapd("curate", "show", *words).json, mapd("curate", "snapshot", *words).json
    assert told["pairs"] == made["pairs"]
    assert sum(told["unbalanced_pairs"].values()) == made["unbalanced_pairs"] > 0
    assert told["near_duplicates"] == made.get("near_duplicates", 0)
    assert (told["leaks"], told["dev_questions"]) == ([], 0)
    assert mapd("curate", "snapshot", *words).json["snapshot"] == made["snapshot"]


@pytest.mark.parametrize("split", ["dev", "test"])
def test_a_leak_is_refused_and_left_out_by_option(exam: str, mapd: Mapd, split: str) -> None:
    with writing(db.open_store(Settings())) as session:
        text = hold_first_out(session, split)
    refused = mapd("curate", "snapshot", "--exam", exam)
    assert (refused.code, refused.out, refused.err.count("\n")) == (1, "", 1)
    assert f"is others {split} q0); leave them out, with --without-leaks" in refused.err
    told = mapd("curate", "show", "--exam", exam, "--json")
    (leak,) = told.json["leaks"]
    assert leak["held_out"] == {"question_set": "others", "split": split, "source_id": "q0"}
    assert text not in told.out + refused.err
    made = mapd("curate", "snapshot", "--exam", exam, "--without-leaks", "--json").json
    assert made["leaking_pairs"] == 1
    assert mapd("snapshots", "leaks", made["snapshot"], "--json").json["leaks"] == []
    lines = mapd("snapshots", "leaks", made["snapshot"]).out
    assert "0 leak" in lines
    assert f"has the template of others {split} q0" in lines


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--balance", "exam"), "pairs are balanced by task or teacher, not by exam"),
        (("--balance", "teacher:many"), "written as teacher, or as teacher:100; not teacher:many"),
        (("--balance", "task:0"), "at least 1 pair of each task"),
        (("--drop-near", "0.1"), "from 0.7 to 1, not at 0.1"),
        (("--drop-near", "nan"), "from 0.7 to 1, not at nan"),
    ],
)
@pytest.mark.parametrize("command", ["show", "snapshot"])
def test_what_can_not_be_left_out(exam: str, mapd: Mapd, command: str, words: tuple[str, ...], message: str) -> None:
    result = mapd("curate", command, "--exam", exam, *words)
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert message in result.err


def test_snapshots_are_listed_compared_traced_and_described(exam: str, mapd: Mapd) -> None:
    assert mapd("snapshots", "list", "--json").json == {"snapshots": []}
    first = mapd("curate", "snapshot", "--exam", exam, "--json").json["snapshot"]
    second = mapd("curate", "snapshot", "--exam", exam, "--pairs", "5", "--json").json["snapshot"]
    assert [x["snapshot"] for x in mapd("snapshots", "list", "--json").json["snapshots"]] == [second, first]
    diff = mapd("snapshots", "diff", first[:10], second[:10], "--json").json
    assert (len(diff["dropped"]), diff["same"], diff["added"], diff["changed"]) == (7, 5, [], [])
    assert diff["settings"] == [{"name": "limit", "older": "–", "newer": "5"}]
    lines = mapd("snapshots", "diff", first[:10], second[:10]).out
    assert "7 dropped" in lines
    assert "was drawn with a limit of 5 pairs" in lines
    line = mapd("snapshots", "lineage", first, "--json").json
    assert (line["pairs"], [x["exam"] for x in line["exams"]], line["students"]) == (12, [exam], [])
    near = mapd("snapshots", "near", first, "--at", "0.7", "--json").json
    assert near["near_duplicates"] == []
    latex = mapd("snapshots", "card", first, "--as", "latex")
    assert rf"\texttt{{{first}}}" in "".join(latex.out.split("\n"))
    card = mapd("snapshots", "card", first, "--json").json
    assert card["text"].startswith("# Data card of snapshot")
    assert json.loads(mapd("snapshots", "card", first, "--as", "methods", "--json").out)["as"] == "methods"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("diff", "aaaa", "bbbb"), 1, "no snapshot begins with 'aaaa'"),
        (("lineage", "aaaa"), 1, "no snapshot begins with"),
        (("near", "aaaa", "--at", "0.7"), 1, "no snapshot begins with"),
        (("card", "aaaa", "--as", "poem"), 2, "--as is one of card, methods, latex, not poem"),
    ],
)
def test_what_is_not_there_is_one_line(exam: str, mapd: Mapd, words: tuple[str, ...], code: int, message: str) -> None:
    result = mapd("snapshots", *words)
    assert (result.code, result.out, result.err.count("\n")) == (code, "", 1)
    assert message in result.err
