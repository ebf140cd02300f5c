"""`mapd …` as scripts use it: one line of JSON, or one line of error and a code."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from mapd.settings import Settings
from mapd.store import db, queries
from tests import samples
from tests.commands import CommandResult, Mapd


@pytest.fixture
def imported(mapd: Mapd, tmp_path: Path) -> str:
    feedback, rationales = samples.files(tmp_path)
    return str(mapd("import", "authors", "--feedback", feedback, "--rationales", rationales, "--json").json["exam"])


def test_import_says_what_it_did(mapd: Mapd, tmp_path: Path) -> None:
    feedback, rationales = samples.files(tmp_path)
    words = ("import", "authors", "--feedback", feedback, "--rationales", rationales, "--json")
    first = mapd(*words).json
    assert first == {
        "exam": first["exam"],
        "mistakes": 12,
        "feedback": 36,
        "rationales": 36,
        "reviews": 72,
        "no_vote": 0,
        "paper_differs": 0,
        "skipped": [],
    }
    assert mapd(*words).json == first


def test_show_counts_and_lists(mapd: Mapd, imported: str) -> None:
    shown = mapd("curate", "show", "--exam", imported, "--policy", "paper", "--json").json
    assert list(shown) == [
        *("exam", "policy", "threshold", "rationales", "accepted", "rejected", "undecided", "overridden", "by_teacher"),
        *("mistakes_covered", "accepted_wrong_answer", "rejected_right_answer", "answer_unreadable"),
        *("pairs", "repeated_pairs", "in_test_splits"),
        *("leaks", "same_template", "dev_questions", "test_questions"),
    ]
    items = mapd("curate", "show", "--exam", 1, "--policy", "strict", "--threshold", 4, "--items", "--json").json[
        "items"
    ]
    assert list(items[0]) == [
        *("rationale", "source_id", "teacher", "verdict", "mean", "answer", "matches_gold", "false_steps"),
        *("shows_work", "attempt", "question", "feedback"),
    ]
    assert len(items) == 36
    assert {i["source_id"] for i in items} == {str(2 * n) for n in range(12)}
    assert all(i["verdict"] != "accepted" or (i["mean"] > 4 and i["matches_gold"] is True) for i in items)


def test_a_judgement_changes_one_rationale_and_can_be_withdrawn(mapd: Mapd, imported: str) -> None:
    def accepted(threshold: float = 3) -> int:
        words = ("--policy", "paper", "--threshold", threshold)
        return int(mapd("curate", "show", "--exam", imported, *words, "--json").json["accepted"])

    before = accepted()
    items = mapd("curate", "show", "--exam", imported, "--policy", "paper", "--items", "--json").json["items"]
    item = next(i for i in items if i["verdict"] == "accepted")["rationale"]
    words = ("judge", "rationale", item, "--by", "Ann", "--json")
    done = mapd(*words, "--decision", "reject", "--reason", "false_step", "--note", "line 2").json
    assert done == {"id": item, "verdict_before": "accepted", "verdict_after": "rejected"}
    assert accepted() == before - 1
    done = mapd(*words, "--decision", "accept").json
    assert accepted(5) == 1
    assert mapd(*words, "--decision", "withdraw").json["verdict_after"] == "accepted"
    assert (accepted(5), accepted()) == (0, before)


def test_a_false_step_is_marked_with_the_rejection_and_stands_in_the_history(mapd: Mapd, imported: str) -> None:
    item = mapd("curate", "show", "--exam", imported, "--items", "--json").json["items"][0]
    with db.reading(db.open_store(Settings())) as session:
        text = queries.explanation(session, "rationale", item["rationale"]).text
    step = text[3:9]
    words = ("judge", "rationale", item["rationale"], "--by", "ann", "--decision")
    marks = ("--mark", "3:9", "--mark", f"0:{len(text)}")
    assert mapd(*words, "reject", "--reason", "false_step", *marks, "--json").json["marked"] == [step, text]
    history = ("history", "rationale", item["rationale"])
    (judgement,) = mapd(*history, "--json").json["judgements"]
    assert judgement["marks"] == [{"start": 3, "end": 9, "text": step}, {"start": 0, "end": len(text), "text": text}]
    assert f"ann: reject (false step) “{step}”" in mapd(*history).out
    mapd("undo", "--exam", imported, "--by", "ann")
    assert [j["stands"] for j in mapd(*history, "--json").json["judgements"]] == [False, True]
    assert "ann: reject (false step) undone" in mapd(*history).out
    for wrong in ("3", "3:x", "-3:9", "3:9:12"):
        fails(mapd(*words, "reject", "--mark", wrong), 2, f"12:27, not {wrong}")
    fails(mapd(*words, "reject", "--mark", "9:9"), 1, f"within the text's {len(text)} characters, not from 9 up to 9")
    fails(mapd(*words, "reject", "--mark", f"0:{len(text) + 1}"), 1, "within the text")
    fails(mapd(*words, "accept", "--mark", "3:9"), 2, "with a rejection of a text, not with accept of this rationale")
    question = ("judge", "question", item["question"], "--by", "ann", "--decision", "reject", "--mark", "3:9")
    fails(mapd(*question), 2, "with a rejection of a text, not with reject of this question")
    assert len(mapd(*history, "--json").json["judgements"]) == 2, "what was refused left nothing"


def test_the_history_of_an_attempt_and_of_what_nobody_judged(mapd: Mapd, imported: str) -> None:
    item = mapd("curate", "show", "--exam", imported, "--items", "--json").json["items"][0]
    words = ("--decision", "correct", "--value", "7", "--note", "line\n2")
    mapd("judge", "attempt", item["attempt"], "--by", "ann", *words)
    assert "ann: correct to 7, line 2" in mapd("history", "attempt", item["attempt"]).out
    assert mapd("history", "question", item["question"], "--json").json == {"id": item["question"], "judgements": []}
    fails(mapd("history", "attempt", "nothing"), 1, "unknown attempt: nothing")
    fails(mapd("history", "text", "nothing"), 2, "one of rationale, feedback, attempt, question, not text")


def test_an_answer_or_a_question_is_judged_corrected_and_taken_back(mapd: Mapd, imported: str) -> None:
    item = mapd("curate", "show", "--exam", imported, "--items", "--json").json["items"][3]  # 11 + 4, answered 7
    counts = ("mistakes_before", "mistakes_after")

    def judged(kind: str, *words: str) -> tuple[int, ...]:
        done = mapd("judge", kind, item[kind], "--by", "ann", "--json", *words).json
        return tuple(done[count] for count in counts)

    assert judged("attempt", "--decision", "reject", "--note", "it says so in words") == (12, 11), "not a mistake"
    assert judged("attempt", "--decision", "withdraw") == (11, 12)
    assert judged("attempt", "--decision", "correct", "--value", "15") == (12, 11), "misread: it is the gold"
    assert mapd("undo", "--exam", imported, "--by", "ann", "--json").json["targets"] == [f"attempt {item['attempt']}"]
    assert judged("question", "--decision", "reject", "--reason", "gold_wrong") == (12, 11)
    assert judged("question", "--decision", "withdraw") == (11, 12)
    assert judged("question", "--decision", "correct", "--value", "7") == (12, 11), "so the student was right"
    fails(mapd("judge", "question", item["question"], "--by", "ann", "--decision", "correct"), 2, "correct needs one")
    fails(mapd("judge", "feedback", item["feedback"][0], "--by", "ann", "--decision", "correct", "--value", "7"), 2)
    fails(mapd("judge", "attempt", "nothing", "--by", "ann", "--decision", "accept"), 1, "unknown attempt: nothing")


def test_an_adjudicator_has_the_last_word(mapd: Mapd, imported: str) -> None:
    uid = mapd("curate", "show", "--exam", imported, "--items", "--json").json["items"][0]["rationale"]
    judge = ("judge", "rationale", uid, "--json", "--decision")
    mapd(*judge, "accept", "--by", "ann")
    assert mapd(*judge, "reject", "--by", "bob").json["verdict_after"] == "undecided", "they differ"
    assert mapd(*judge, "reject", "--by", "eve").json["verdict_after"] == "undecided", "a third one is but a third"
    assert mapd(*judge, "accept", "--by", "eve", "--adjudicate").json["verdict_after"] == "accepted"


def test_people_have_records_and_an_exam_wants_so_many(mapd: Mapd, imported: str) -> None:
    uid = mapd("curate", "show", "--exam", imported, "--items", "--json").json["items"][0]["rationale"]
    mapd("judge", "rationale", uid, "--decision", "accept", "--by", "ann")
    wants = ("people", "want", "--exam", imported)
    assert mapd(*wants, "--judgements", 2, "--json").json["wanted"] == 2
    told = {"wanted": 2, "practice": 3, "check_every": 20, "repeat_every": 0}
    assert mapd(*wants, "--practice", 3, "--check-every", 20, "--json").json | told == mapd(*wants, "--json").json
    shown = mapd("people", "show", "--exam", imported, "--json").json
    assert (shown["wanted"], shown["rationales"], shown["done"], shown["pairs"]) == (2, 36, 0, [])
    (ann,) = shown["people"]
    assert (ann["person"], ann["texts"], ann["judged_first"], ann["with_adjudicator"]) == (
        "ann",
        1,
        0,
        {"count": 0, "of": 0},
    )
    assert "ann: 1 text, 0 judged first" in mapd("people", "show", "--exam", imported).out
    fails(mapd(*wants, "--judgements", 10), 2, "less than or equal to 9")
    fails(mapd(*wants, "--practice", -1), 2, "greater than or equal to 0")


def test_guidelines_are_kept_version_by_version(mapd: Mapd, imported: str, tmp_path: Path) -> None:
    fails(mapd("guidelines", "show"), 1, "there are 0")
    file = tmp_path / "how.md"
    for number, words in enumerate(("# Accept", "# Accept\nwhat is right"), 1):
        file.write_text(words)
        assert mapd("guidelines", "set", file, "--by", "ann", "--json").json == {"version": number}
    assert mapd("guidelines", "set", file, "--json").json == {"version": 2}, "the same text is no version"
    shown = mapd("guidelines", "show", "--json").json
    assert (shown["version"], shown["of"], shown["by"], shown["verdicts"]) == (2, 2, "ann", 0)
    assert mapd("guidelines", "show", "--version", 1).out.endswith("# Accept\n")
    fails(mapd("guidelines", "show", "--version", 3), 1, "no version 3 of the guidelines: there are 2")
    fails(mapd("guidelines", "set", tmp_path / "gone.md"), 1, "can't be read", "gone.md")


def test_feedback_is_judged_too(mapd: Mapd, imported: str) -> None:
    with db.reading(db.open_store(Settings())) as session:
        uid = session.execute(sa.text("SELECT uid FROM explanation WHERE kind = 'feedback'")).scalars().first()
    done = mapd("judge", "feedback", uid, "--decision", "reject", "--reason", "unclear", "--by", "ann", "--json").json
    assert (done["verdict_before"], done["verdict_after"]) == ("accepted", "rejected")


def test_all_that_fit_are_judged_in_one_act_and_taken_back_by_one_undo(mapd: Mapd, imported: str) -> None:
    def wrong() -> int:
        return int(mapd("curate", "show", "--exam", imported, "--json").json["accepted_wrong_answer"])

    before = wrong()
    words = ("judge-all", "--exam", imported, "--by", "ann", "--decision", "reject", "--reason", "wrong_answer")
    words = (*words, "--verdict", "accepted", "--gold", "fails", "--json")
    counted = mapd(*words).json
    assert counted == {"exam": imported, "fit": before, "decided_before": 0, "judged": 0}
    assert wrong() == before > 1
    assert mapd(*words, "--yes").json == counted | {"judged": before}
    assert wrong() == 0
    back = ("--exam", imported, "--by", "ann", "--json")
    assert mapd("undo", *back).json["undo"] == before
    assert wrong() == before
    assert mapd("redo", *back).json["redo"] == before
    assert wrong() == 0
    mapd("undo", *back)
    fails(mapd("undo", *back), 1, "ann has nothing to undo")
    fails(mapd(*words, "--yes", "--teacher", "nobody"), 2, "gemini", "not nobody")
    fails(mapd(*words, "--equations", "maybe"), 2, "--equations is one of holds, fails, nothing, not maybe")


def test_a_text_is_repaired_from_a_file_or_standard_input(
    mapd: Mapd, imported: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = mapd("curate", "show", "--exam", imported, "--items", "--json").json["items"]
    broken = next(i for i in items if i["matches_gold"] is False)
    file = tmp_path / "copy.txt"
    file.write_text(good := samples.row(0)["gpt_rationale"][0])
    words = ("repair", "rationale", broken["rationale"], "--by", "ann", "--json", "--file")
    done = mapd(*words, file).json
    checks = {"gold": "holds", "equations": "holds", "work": "holds"}
    assert done == {"id": done["id"], "repairs": broken["rationale"], "verdict": "accepted", "checks": checks}
    undone = mapd("undo", "--exam", imported, "--by", "ann", "--json").json
    assert {*undone["targets"]} == {f"rationale {broken['rationale']}", f"rationale {done['id']}"}
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{good} So 13."))
    assert mapd(*words, "-").json["verdict"] == "accepted"
    fails(mapd(*words, tmp_path / "nowhere"), 1, "can't be read", "nowhere")
    file.write_bytes(b"\xff\xfe")
    fails(mapd(*words, file), 1, "not UTF-8")
    file.write_text(" ")
    fails(mapd(*words, file), 1, "a repair is another text")


def test_who_judges_says_so_by_an_option_or_a_variable(
    mapd: Mapd, imported: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine's user would make one person of all who share it."""
    text = mapd("curate", "show", "--exam", imported, "--items", "--json").json["items"][0]["rationale"]
    judge, back = ("judge", "rationale", text, "--decision", "reject"), ("undo", "--exam", imported)
    for words in (judge, back, ("judge-all", "--exam", imported, "--decision", "accept")):
        fails(mapd(*words), 2, "--by")
    monkeypatch.setenv("MAPD_PERSON", "Ann")
    assert mapd(*judge, "--json").json["verdict_after"] == "rejected"
    fails(mapd(*back, "--by", "bob"), 1, "bob has nothing to undo")
    assert mapd(*back, "--json").json["undo"] == 1, "ann's"


def test_a_snapshot_has_one_name(mapd: Mapd, imported: str, home: Path) -> None:
    words = ("curate", "snapshot", "--exam", imported, "--json")
    first = mapd(*words).json
    assert mapd(*words).json == first
    assert Path(first["path"]) == home / "snapshots" / first["snapshot"]
    assert len((Path(first["path"]) / "pairs.jsonl").read_text().splitlines()) == first["pairs"]
    assert mapd(*words, "--all", "--seed", 3).json["pairs"] > first["pairs"]


def test_every_command_speaks_to_people_too(mapd: Mapd, imported: str, tmp_path: Path) -> None:
    feedback, rationales = samples.files(tmp_path)
    for words in [
        ("import", "authors", "--feedback", feedback, "--rationales", rationales),
        ("curate", "show", "--exam", imported, "--items"),
        ("curate", "snapshot", "--exam", imported),
        ("doctor",),
        ("--help",),
    ]:
        ran = mapd(*words)
        assert (ran.code, ran.err) == (0, ""), ran.err
        assert ran.out.strip()


def fails(ran: CommandResult, code: int, *said: str) -> None:
    """One line on standard error, nothing on standard output, no traceback."""
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.count("\n") == 1, ran.err
    for words in said:
        assert words in ran.err


def test_usage_errors_are_one_line(mapd: Mapd) -> None:
    fails(mapd("nonsense"), 2, "nonsense")
    fails(mapd("curate", "show", "--json"), 2, "--exam")
    fails(mapd("curate", "show", "--exam", "1", "--threshold", "high"), 2, "high")
    fails(mapd("app", "--port", "99999"), 2, "99999")


def test_bad_input_is_one_line_and_changes_nothing(mapd: Mapd, imported: str, tmp_path: Path) -> None:
    feedback, rationales = samples.files(tmp_path)
    cut = tmp_path / "cut.json"
    cut.write_text(rationales.read_text()[:500])
    no_gold = tmp_path / "no-gold.json"
    no_gold.write_text(json.dumps([samples.row(0), {**samples.row(1), "gold_answer": None}]))
    before = mapd("curate", "show", "--exam", imported, "--items", "--json").out
    words = ("import", "authors", "--feedback", feedback, "--json", "--rationales")
    fails(mapd(*words, tmp_path / "nowhere.json"), 1, "nowhere.json", "No such file")
    fails(mapd(*words, tmp_path), 1, "can't be read")
    fails(mapd(*words, cut), 1, "cut.json is not whole JSON", "cut off?")
    fails(mapd(*words, no_gold), 1, "row 1 gold_answer: missing", "nothing was imported")
    fails(mapd("curate", "show", "--exam", "never", "--json"), 1, "unknown exam: never", "pens")
    fails(mapd("curate", "show", "--exam", imported, "--policy", "lax"), 1, "unknown policy: lax; one of paper, strict")
    fails(mapd("curate", "show", "--exam", imported, "--threshold", 6), 2, "less than or equal to 5")
    fails(mapd("curate", "snapshot", "--exam", imported, "--threshold", 5), 1, "an empty snapshot is refused")
    judge = ("judge", "rationale", "nothing", "--by", "ann", "--decision")
    fails(mapd(*judge, "accept"), 1, "unknown rationale: nothing")
    fails(mapd(*judge, "like"), 2, "like")
    fails(
        mapd("judge", "exam", "1", "--by", "ann", "--decision", "accept"),
        2,
        "rationale, feedback, attempt, question, not exam",
    )
    fails(
        mapd("judge", "rationale", 1, "--by", "ann", "--decision", "reject", "--reason", "ugly"),
        2,
        "ugly",
        "wrong_answer",
    )
    fails(mapd("judge", "rationale", 1, "--by", " ", "--decision", "accept"), 2, "1 to 254 characters")
    assert mapd("curate", "show", "--exam", imported, "--items", "--json").out == before


def test_a_home_that_cannot_be_written_is_one_line(mapd: Mapd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    for home in (tmp_path / "file", Path("/proc/nowhere")):
        monkeypatch.setenv("MAPD_HOME", str(home))
        fails(mapd("curate", "show", "--exam", "1", "--json"), 1, "MAPD_HOME can't be written to", str(home))
        assert mapd("doctor").code == 1
        fails(mapd("app"), 1, "MAPD_HOME")


def test_a_newer_database_is_one_line(mapd: Mapd, imported: str) -> None:
    with db.open_store(Settings()).execution_options(writes=True).begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    fails(mapd("curate", "show", "--exam", imported, "--json"), 1, "newer version: 9999", "upgrade mapd")


def test_doctor_as_json(mapd: Mapd) -> None:
    found = mapd("doctor", "--json").json
    assert found["ok"] is True
    assert {f["what"] for f in found["findings"]} >= {"python", "home", "database"}


def test_the_installed_command_starts_without_a_page_or_a_model(home: Path) -> None:
    heavy = {"streamlit", "torch", "transformers", "pandas", "sympy"}
    code = f"import sys, mapd.cli.commands; print(sorted({heavy} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ))
    assert ran.stdout == "[]\n"
    ran = subprocess.run(
        [sys.executable, "-m", "mapd.cli", "judge", "--json"], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)


def test_an_exam_is_renamed_deleted_and_brought_back(mapd: Mapd, imported: str) -> None:
    renamed = mapd("exam", "rename", imported, "svamp, first", "--json").json
    assert renamed == {"exam": imported, "name": "svamp, first"}
    asked = mapd("exam", "delete", "svamp, first", "--json").json
    assert list(asked) == ["kind", "name", "uid", "deleted", "gone", "shared", "stays", "file"]
    assert (asked["kind"], asked["deleted"], asked["file"]) == ("import", False, None)
    assert asked["gone"]["rationales"] == 36
    gone = mapd("exam", "delete", "svamp, first", "--yes", "--by", "ann", "--json").json
    assert gone == asked | {"deleted": True, "file": gone["file"]}
    assert mapd("exam", "list", "--json").json == {"exams": []}
    (entry,) = mapd("trash", "list", "--json").json["trash"]
    assert (entry["file"], entry["by"], entry["gone"]) == (gone["file"], "ann", asked["gone"])
    assert mapd("restore", gone["file"], "--json").json["rows_new"] > 150
    assert mapd("exam", "list", "--json").json["exams"][0]["exam"] == imported
    assert mapd("trash", "list", "--json").json == {"trash": []}
    again = mapd("restore", gone["file"])
    assert (again.code, again.err.count("\n")) == (1, 1)
    assert f"the trash holds no file {gone['file']}" in again.err


def test_a_project_is_named_shown_and_deleted(mapd: Mapd, imported: str) -> None:
    assert mapd("project", "show", "--json").json["name"] == "pilot"
    assert mapd("project", "rename", "A pilot", "--json").json == {"name": "A pilot"}
    told = mapd("project", "delete", "--json").json
    assert (told["name"], told["deleted"]) == ("A pilot", False)
    assert "the record of who did what" in told["stays"]
    file = mapd("project", "delete", "--yes", "--json").json["file"]
    assert mapd("project", "show", "--json").json["holds"] == {}
    assert mapd("trash", "forget", file, "--json").json == {"file": file}
    assert mapd("trash", "list").out == ""


@pytest.mark.parametrize(
    ("group", "ref"), [("questions", "pens"), ("students", "Tiny-1b"), ("teachers", "gpt"), ("exam", "1")]
)
def test_what_has_a_name_can_have_another(mapd: Mapd, imported: str, group: str, ref: str) -> None:
    assert mapd(group, "rename", ref, "x", "--json").json["name"] == "x"
    refused = mapd(group, "rename", "x", " ")
    assert (refused.code, "can't be named" in refused.err) == (1, True)
