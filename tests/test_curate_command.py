"""`mapd curate …` over several exams, narrowed, and with a choice of texts; what its words can't be is one line."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from mapd import notebook
from mapd.curation import fitted_policies, live_set, saved_policies
from mapd.curation.fitting import fit_labels
from mapd.domain import Act
from mapd.errors import BadInput
from mapd.people import owner
from mapd.policies import Policy
from mapd.probability import Fit
from mapd.questions import sources
from mapd.review.judging import Target, judge
from mapd.settings import Settings
from mapd.store import db, queries
from tests import samples
from tests.commands import Mapd
from tests.conftest import import_files, writing
from tests.fits import make_policy


@pytest.fixture
def exams(full_home: Path, tmp_path: Path) -> list[str]:
    """Two exams with mistakes in common; of one mistake no feedback stands. Their uids."""
    with writing(db.open_store(Settings())) as session:
        first = queries.exams(session)[0]
        second = import_files(session, *samples.files(tmp_path, count=8, start=8)).exam
        for x in live_set.load_curated(session, first.id).mistakes[0].feedback:
            judge(session, Target("feedback", x.text.id), Act.REJECT, by=owner("ann"), reason="other")
    return [first.uid, second]


def test_what_is_shown_is_what_is_frozen(exams: list[str], mapd: Mapd) -> None:
    both = ("--exam", exams[0], "--exam", exams[1])
    for words in ((), ("--teachers", "gpt,gemini"), ("--task", "numeric"), ("--texts", "both,rationale")):
        told = mapd("curate", "show", *both, *words, "--json").json
        made = mapd("curate", "snapshot", *both, *words, "--json").json
        assert told["exams"] == exams
        assert (told["pairs"], told["repeated_pairs"]) == (made["pairs"], made["repeated_pairs"])
        manifest = json.loads((Path(made["path"]) / "manifest.json").read_text())
        assert (told["accepted"], told["rationales"]) == tuple(
            manifest["counts"][n] for n in ("accepted", "rationales")
        )
    assert made["pairs_without_feedback"] == 1


def test_of_one_exam_it_shows_what_it_always_did(exams: list[str], mapd: Mapd) -> None:
    told = mapd("curate", "show", "--exam", exams[0], "--json").json
    assert told["exam"] == exams[0]
    assert told["mistakes_covered"] == told["pairs"] + 1
    assert told["by_teacher"].keys() == {"gpt", "gemini", "mistral"}
    made = mapd("curate", "snapshot", "--exam", exams[0], "--json").json
    assert made.keys() == {"snapshot", "pairs", "mistakes", "wrong", "path"}


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--texts", "none"), 2, "a pair has one of both, rationale, feedback, not none"),
        (("--texts", "both,both"), 2, "--texts takes names"),
        (("--texts", ","), 2, "--texts takes names"),
        (("--task", "poetry"), 1, "no question asked there is of task poetry; there is numeric"),
        (("--family", "algebra"), 1, "no question asked there is of family algebra; there is none"),
        (("--teachers", "nobody"), 1, "nobody wrote and reviewed nothing"),
        (("--exam", "nowhere"), 1, "unknown exam: nowhere"),
    ],
)
@pytest.mark.parametrize("command", ["show", "snapshot"])
def test_what_can_not_be_is_one_line_and_changes_nothing(
    exams: list[str], mapd: Mapd, command: str, words: tuple[str, ...], code: int, message: str
) -> None:
    result = mapd("curate", command, "--exam", exams[0], *words)
    assert (result.code, result.out, result.err.count("\n")) == (code, "", 1)
    assert message in result.err
    with db.reading(db.open_store(Settings())) as session:
        assert queries.snapshots(session) == []


def test_an_exam_that_is_named_twice(exams: list[str], mapd: Mapd) -> None:
    with db.reading(db.open_store(Settings())) as session:
        name = queries.exam(session, exams[0]).name
    result = mapd("curate", "snapshot", "--exam", exams[0], "--exam", name)
    assert (result.code, result.out) == (1, "")
    assert "is named twice" in result.err


def test_nobody_waits_for_the_database_while_a_policy_is_fitted(
    home: Path, mapd: Mapd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = db.open_store(Settings())
    with writing(engine) as session:
        import_files(session, *samples.files(tmp_path, count=36))
    writes = []

    def fit_while_others_write(*args: Any) -> Fit:
        with db.writing(engine) as session:
            writes.append(saved_policies.save_policy(session, Policy("mine", 3.5), by=owner("ann")).version)
        return fit_labels(*args)

    monkeypatch.setattr(fitted_policies, "fit_labels", fit_while_others_write)
    fit = mapd("curate", "fit", "--exam", "1", "--name", "free", "--labels", "gold", "--json").json
    assert (fit["version"], writes) == (1, [1])
    assert (fit["feedback"], "the gold check says nothing of it" in fit["no_feedback"]) == (None, True)
    assert notebook.Project(home, person="ann").fit_policy("1", "free") == "free"
    assert writes == [1, 2]
    shown = mapd("curate", "show", "--exam", "1", "--policy", "free", "--json").json
    assert (shown["policy_version"], shown["labels"]) == (2, "gold")
    assert not [note for note in shown["notes"] if "where the policy was fitted" in note]
    table = mapd("curate", "show", "--exam", "1", "--policy", "free", "--items").out
    assert re.search(r"verdict +mean +p +answer", table)


def test_feedback_has_a_fit_of_its_own(home: Path, mapd: Mapd, tmp_path: Path) -> None:
    rows = [samples.row(number) for number in range(30)]
    for row in rows[::2]:
        row["mistral_feedback"] = "It is wrong."
    with writing(db.open_store(Settings())) as session:
        import_files(session, *samples.write(tmp_path, rows))
    of_rationales = mapd("curate", "show", "--exam", "1", "--items", "--json").json["items"]
    of_feedback = mapd("curate", "show", "--exam", "1", "--feedback", "--json").json["feedback_items"]
    assert not [x for x in of_feedback if "p" in x]
    # As they are listed, with a label beside.
    labelled = [x | {"label": x["matches_gold"]} for x in of_rationales]
    labelled += [x | {"label": x["teacher"] != "mistral" or x["states_gold"]} for x in of_feedback]
    labelled = [x | {"label": bool(x["label"])} for x in labelled]
    file = tmp_path / "labels.jsonl"
    file.write_text("\n".join(map(json.dumps, labelled)))
    words = ("curate", "fit", "--exam", "1", "--name", "whole", "--labels", str(file))
    fit = mapd(*words, "--json").json
    assert (fit["n"], fit["feedback"]["n"], fit["no_feedback"]) == (90, 90, None)
    assert (len(fit["feedback"]["at"]), fit["feedback"]["brier"] < fit["feedback"]["brier_of_share"]) == (100, True)
    shown = mapd("curate", "show", "--exam", "1", "--policy", "whole", "--feedback", "--json").json
    assert {x["verdict"] == "accepted" for x in shown["feedback_items"] if x["p"] > 0.5} == {True}
    assert "of feedback" not in " ".join(note for note in shown["notes"] if "where the policy was fitted" in note)
    project = notebook.Project(home, person="ann")
    assert project.fit("whole", kind="feedback").attrs["n"] == 90
    without = mapd(*words, "--no-feedback", "--json").json
    assert (without["feedback"], "its fit was left out" in without["no_feedback"]) == (None, True)
    with pytest.raises(BadInput, match="policy whole has no fit for feedback: fit it on"):
        project.fit("whole", kind="feedback")


def test_a_file_of_labels_has_a_limit(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("uid,label")
    monkeypatch.setattr(sources, "MOST_BYTES", 8)
    with pytest.raises(BadInput, match=r"labels\.csv holds more than"):
        notebook.Project(home, person="ann").fit_policy("1", "free", labels=labels)
    with pytest.raises(BadInput, match=r"the file can't be read: .*gone\.csv"):
        notebook.Project(home, person="ann").fit_policy("1", "free", labels=tmp_path / "gone.csv")


def test_two_policies_are_compared(exams: list[str], mapd: Mapd) -> None:
    words = ("curate", "compare", "--exam", exams[0], "--policy", "paper", "--threshold", "1", "--with", "strict")
    result = mapd(*words, "--json").json
    counts = [
        mapd("curate", "show", "--exam", exams[0], "--policy", name, *at, "--json").json
        for name, at in (("paper", ("--threshold", "1")), ("strict", ()))
    ]
    for side, shown in zip(("first", "second"), counts, strict=True):
        names = (("accepted", "accepted"), ("covered", "mistakes_covered"), ("rationales", "rationales"))
        assert [result[side][name] for name, _ in names] == [shown[name] for _, name in names]
    precision = result["first"]["gold"]["precision"]
    # Of 36 four end in a wrong answer.
    assert precision["value"] == pytest.approx(32 / 36)
    assert precision["low"] < precision["value"] < precision["high"]
    assert result["second"]["gold"]["precision"]["why"].startswith("too few")
    assert result["first"]["people"]["recall"] | {"why": ""} == {
        "n": 0,
        "questions": 0,
        "value": None,
        "low": None,
        "high": None,
        "why": "",
    }
    assert result["first"]["accepted"] + result["added"] - result["dropped"] == result["second"]["accepted"]
    assert any("strict looks at the gold check itself" in note for note in result["notes"])
    assert "from the first to the second: 0 added" in mapd(*words).out


def test_a_fitted_policy_is_compared_with_its_reliability(exams: list[str], mapd: Mapd) -> None:
    with writing(db.open_store(Settings())) as session:
        saved_policies.save_policy(session, make_policy(samples.TEACHERS), by=owner("ann"))
    words = ("curate", "compare", "--exam", exams[0], "--with", "fitted", "--with-threshold", "0.7", "--json")
    result = mapd(*words).json
    assert result["first"]["reliability"] == {}
    tenths = result["second"]["reliability"]["gold"]
    assert (len(tenths), sum(x["right"]["n"] for x in tenths)) == (10, 36)
    refused = mapd(*words[:-2], "3")
    assert (refused.code, "a threshold lies between 0 and 1" in refused.err) == (1, True)
