"""The importer of the authors' files: what it keeps, what it refuses, what it counts."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, func, select

from mapd.answers.grading import Task
from mapd.curation import live_set
from mapd.curation.curated import curate
from mapd.curation.summary import summary
from mapd.errors import BadInput, BadRows
from mapd.exchange import authors
from mapd.exchange.authors import AuthorsFile, parse, store
from mapd.people import owner
from mapd.policies import PAPER
from mapd.store import exam_material, queries
from mapd.store import tables as t
from tests import samples

Rows = list[dict[str, Any]]


def as_files(feedback: Rows, rationales: Rows | None = None) -> tuple[AuthorsFile, AuthorsFile]:
    given = ((f"{kind}.json", rows) for kind, rows in (("f", feedback), ("r", rationales or feedback)))
    first, second = (AuthorsFile(name, json.dumps(rows).encode()) for name, rows in given)
    return first, second


def sample(count: int = 3) -> Rows:
    return [samples.row(n) for n in range(count)]


def test_an_exam_is_made_once(session: Session) -> None:
    parsed = parse(*as_files(sample()))
    first = store(session, parsed, by=owner("ann"))
    assert (first.mistakes, first.feedback, first.rationales, first.reviews) == (3, 9, 9, 18)
    assert (first.no_vote, first.paper_differs, first.skipped, first.new) == (0, 0, (), True)
    again = store(session, parse(*as_files(sample())), by=owner("bob"))
    assert (again.exam, again.new) == (first.exam, False)
    assert session.exec(select(func.count()).select_from(t.Explanation)).one() == 18


def test_files_that_are_not_what_they_were_chosen_as_are_named(tmp_path: Path) -> None:
    feedback, rationales = (AuthorsFile(path.name, path.read_bytes()) for path in samples.files(tmp_path))
    student = ("id", "question", "gold_answer", "student_wrong_pred", "student_wrong_final_answer")
    mistakes = AuthorsFile("m.json", json.dumps([{key: row[key] for key in student} for row in sample()]).encode())
    assert parse(feedback, rationales, mistakes).teachers == samples.TEACHERS
    with pytest.raises(BadInput, match=f"swapped: {rationales.name} holds the rationales and {feedback.name} the feed"):
        parse(rationales, feedback)
    for chosen, said in (
        ((feedback, feedback), "was chosen as the rationales file and holds feedback"),
        ((rationales, rationales), "was chosen as the feedback file and holds rationales"),
        ((mistakes, rationales), "m.json was chosen as the feedback file and holds mistakes"),
        ((feedback, AuthorsFile("x.json", b'[{"a": 1}]')), "x.json .* holds none of the columns of the authors' files"),
    ):
        with pytest.raises(BadInput, match=f"{said}; nothing was imported"):
            parse(*chosen)


def test_formatting_of_the_file_changes_nothing() -> None:
    rows = sample()
    indented = AuthorsFile("r.json", json.dumps(rows, indent=2).encode("utf-8-sig"))
    assert parse(as_files(rows)[0], indented).sha256 == parse(*as_files(rows)).sha256


def test_other_content_is_another_exam(session: Session) -> None:
    store(session, parse(*as_files(sample())), by=owner("ann"))
    rows = sample()
    rows[0]["gpt_rationale"][1] = 1
    other = store(session, parse(*as_files(rows)), by=owner("ann"))
    assert [e.name for e in queries.exams(session)] == [
        "imported · imported · round 0 (2)",
        "imported · imported · round 0",
    ]
    assert other.new


def test_the_same_content_has_the_same_uids_in_every_project(session: Session, tmp_path: Path) -> None:
    parsed = parse(*as_files(sample()))
    store(session, parsed, by=owner("ann"))
    uids = {x.uid for x in exam_material.material(session, 1).texts}
    writer = authors._AuthorsWriter(session, parsed)
    assert writer.uid("rationale", "0", "gpt") in uids


def test_names_come_from_the_file(tmp_path: Path) -> None:
    paths = samples.files(tmp_path, 2)
    files = [AuthorsFile(p.name, p.read_bytes()) for p in paths]
    parsed = parse(*files)
    assert (parsed.student, parsed.dataset, parsed.round) == ("Tiny-1b", "pens", 0)
    parsed = parse(*files, dataset="pencils", student="Other")
    assert (parsed.student, parsed.dataset) == ("Other", "pencils")
    assert parse(*as_files(sample())).student == "imported"


def test_the_files_reading_stands_and_ours_stands_beside_it(session: Session) -> None:
    rows = sample(2)
    gold = rows[1]["gold_answer"]
    rows[1]["student_wrong_pred"] = f"The answer is {gold}."
    exam = queries.exam(session, store(session, parse(*as_files(rows)), by=owner("ann")).exam)
    first, second = exam_material.material(session, exam.id).attempts
    assert (first.answer, first.outcome) == (None, "no_answer")
    assert (second.answer, second.outcome) == (rows[1]["student_wrong_final_answer"], "incorrect")
    assert (second.our_answer, second.our_outcome) == (gold, "correct")
    curated = live_set.load_curated(session, exam.id)
    assert [m.may_be_correct for m in curated.mistakes] == [False, True]


def test_scores_belong_to_the_other_teachers_in_the_authors_order(session: Session) -> None:
    rows = sample(1)
    rows[0] |= {
        f"{name}_rationale": [name, *scores]
        for name, scores in zip(samples.TEACHERS, ([1, 2], [3, 4], [5, 1]), strict=True)
    }
    shuffled = [dict(sorted(row.items())) for row in rows]
    store(session, parse(*as_files(shuffled)), by=owner("ann"))
    votes = {
        x.teacher: {v.reviewer: v.score for v in x.votes} for x in exam_material.material(session, 1).texts if x.votes
    }
    assert votes == {
        "gpt": {"gemini": 1, "mistral": 2},
        "gemini": {"gpt": 3, "mistral": 4},
        "mistral": {"gpt": 5, "gemini": 1},
    }


def test_a_fourth_teacher_is_a_column(session: Session) -> None:
    rows = sample(2)
    for row in rows:
        for name in samples.TEACHERS:
            row[f"{name}_rationale"].append(4)
        row |= {"qwen_rationale": ["Add them: 1 + 1 = 2.", 5, 5, 1], "qwen_feedback": "You subtracted."}
    done = store(session, parse(*as_files(rows)), by=owner("ann"))
    assert (done.rationales, done.reviews) == (8, 24)


def test_a_score_outside_1_to_5_is_no_vote_and_counted(session: Session) -> None:
    rows = sample(1)
    rows[0]["gpt_rationale"][1:] = [83, 0]
    rows[0]["correct_rationale"] = [
        row[0] for row in (rows[0]["gemini_rationale"], rows[0]["mistral_rationale"]) if sum(row[1:]) > 6
    ]
    done = store(session, parse(*as_files(rows)), by=owner("ann"))
    assert (done.no_vote, done.paper_differs) == (2, 0)
    votes = next(
        x.votes for x in exam_material.material(session, 1).texts if x.teacher == "gpt" and x.kind == "rationale"
    )
    assert [(v.score, v.raw, v.status) for v in votes] == [(None, "83", "outside 1-5"), (None, "0", "outside 1-5")]


def test_an_accepted_list_that_differs_is_a_count() -> None:
    rows = sample()
    rows[0]["correct_rationale"] = rows[0]["correct_rationale"][1:]
    rows[1]["correct_rationale"] = [*rows[1]["correct_rationale"], "never written"]
    del rows[2]["correct_rationale"]
    assert parse(*as_files(rows)).paper_differs == 2


def set_key(key: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda row: row.__setitem__(key, value)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda row: row.pop("question"), "row 1 question: missing"),
        (set_key("question", "  "), "row 1 question: "),
        (lambda row: row.pop("gold_answer"), "row 1 gold_answer: missing"),
        (set_key("gold_answer", None), "row 1 gold_answer: missing"),
        (set_key("gold_answer", ""), "row 1 gold_answer: empty"),
        (set_key("gold_answer", {"a": 1}), "row 1 gold_answer: "),
        (set_key("gpt_rationale", ["x", "5", 5]), 'row 1 gpt_rationale[1]: score "5" is no integer'),
        (set_key("gpt_rationale", ["x", 5, 4.5]), "row 1 gpt_rationale[2]: score 4.5 is no integer"),
        (set_key("gpt_rationale", ["x", None, 5]), "row 1 gpt_rationale[1]: score null is no integer"),
        (set_key("gpt_rationale", ["x", True, 5]), "row 1 gpt_rationale[1]: score true is no integer"),
        (set_key("gpt_rationale", ["x", 5]), "row 1 gpt_rationale: "),
        (set_key("gpt_rationale", "x"), "row 1 gpt_rationale: "),
        (set_key("gpt_rationale", [7, 5, 5]), "row 1 gpt_rationale[0]: 7 is no text"),
        (set_key("gpt_feedback", 7), "row 1 gpt_feedback: 7 is no text"),
        (set_key("id", None), "row 1 id: missing"),
        (set_key("id", 0), "row 1 id: 0 stands in row 0 too"),
    ],
)
def test_a_bad_row_refuses_the_file(spoil: Callable[[dict[str, Any]], object], said: str) -> None:
    rows = sample()
    spoil(rows[1])
    with pytest.raises(BadRows) as error:
        parse(*as_files(rows))
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert {place for _, place, _, _ in error.value.faults} == {1}


def test_all_bad_rows_are_listed() -> None:
    rows = sample(5)
    del rows[0]["question"]
    rows[3]["gemini_rationale"][2] = "four"
    rows[3]["gold_answer"] = None
    with pytest.raises(BadRows) as error:
        parse(*as_files(sample(5), rows))
    faults = {(file, place, field) for file, place, field, _ in error.value.faults}
    assert faults >= {("r.json", 0, "question"), ("r.json", 3, "gemini_rationale[2]"), ("r.json", 3, "gold_answer")}


def test_of_many_bad_rows_the_line_names_the_first_few() -> None:
    rows = [row | {"gold_answer": None} for row in sample(12)]
    with pytest.raises(BadRows) as error:
        parse(*as_files(rows, rows))
    said = str(error.value)
    assert re.match(r"\d+ bad rows, nothing was imported: [fr]\.json row 0 gold_answer: ", said)
    assert said.count("gold_answer") == 5
    assert said.endswith(f"; and {len(error.value.faults) - 5} more faults")
    assert len({place for _, place, _, _ in error.value.faults}) == 12


def test_files_that_speak_of_other_questions_are_refused() -> None:
    rows = sample()
    rows[2] = rows[2] | {"question": "Something else?"}
    with pytest.raises(BadRows, match=r"row 2 question: differs from"):
        parse(*as_files(sample(), rows))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'[{"id": 0, "question": "Ann', "is not whole JSON at line 1 column"),
        (b"", "is not whole JSON"),
        (b'{"id": 0}', "not a JSON list of objects"),
        (b"[1, 2]", "not a JSON list of objects"),
        (b"[]", "holds no rows"),
        (b'["\xff"]', "is not UTF-8 text at byte 2"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_a_file_that_is_not_theirs_gets_one_line(content: bytes, said: str) -> None:
    with pytest.raises(BadInput, match=said) as error:
        parse(AuthorsFile("f.json", b"[]"), AuthorsFile("r.json", content))
    assert "r.json" in str(error.value)


def test_what_a_failed_call_left_out_is_told(session: Session) -> None:
    rows = sample()
    rows[0]["gpt_feedback"] = None
    rows[1]["gemini_rationale"] = [None, 5, 5]
    rows[2]["mistral_rationale"] = None
    parsed = parse(as_files(rows)[0], as_files(rows)[1], AuthorsFile("m.json", json.dumps(sample(4)).encode()))
    assert parsed.skipped == (
        "id 6: no row in r.json",
        "id 6: no row in f.json",
        "f.json row 0 gpt_feedback: no text",
        "r.json row 1 gemini_rationale[0]: no text",
        "r.json row 2 mistral_rationale: missing",
    )
    done = store(session, parsed, by=owner("ann"))
    assert (done.mistakes, done.feedback, done.rationales) == (4, 8, 7)


def other_shape(gold: str, **more: object) -> Rows:
    rows = sample(2)
    return [row | {"gold_answer": gold, "student_wrong_final_answer": "true", **more} for row in rows]


@pytest.mark.parametrize(
    ("gold", "more", "task", "kept", "note"),
    [
        ("false.\tCats are mammals. Fish aren't.", {}, Task.BOOLEAN, "false", "Cats are mammals. Fish aren't."),
        ("True\t", {}, Task.BOOLEAN, "true", None),
        ("48/2 = 24\n48+24 = 72\n#### 72", {}, Task.NUMERIC, "72", "48/2 = 24\n48+24 = 72\n"),
        ("1", {"options": ["red", "blue"], "context": "Ann likes blue."}, Task.CHOICE, "B", None),
        ("Paris", {}, Task.TEXT, "Paris", None),
        ("3.50", {}, Task.NUMERIC, "3.50", None),
    ],
)
def test_the_other_benchmarks_shapes(gold: str, more: dict[str, Any], task: Task, kept: str, note: str | None) -> None:
    parsed = parse(*as_files(other_shape(gold, **more)))
    assert (parsed.task, parsed.rows[0].gold, parsed.rows[0].gold_note) == (task, kept, note)
    assert parsed.rows[0].options == tuple(more.get("options", ()))


@pytest.mark.parametrize("written", ["absolute_wrong_final_ans", "ABSOLUTE_WRONG_FINAL_ANS", "", None])
def test_no_readable_answer_is_none(written: str | None) -> None:
    rows = sample(1)
    rows[0]["student_wrong_final_answer"] = written
    assert parse(*as_files(rows)).rows[0].answer is None


@pytest.mark.skipif(not samples.AUTHORS.is_dir(), reason="the authors' data doesn't lie beside this checkout")
def test_the_authors_own_files(session: Session) -> None:
    stem = "Llama-2-7b-chat-hf_svamp"
    files = [samples.AUTHORS / f"{stem}_{kind}_round0.json" for kind in ("feedback", "rationale", "false")]
    done = store(session, parse(*(AuthorsFile(p.name, p.read_bytes()) for p in files)), by=owner("ann"))
    assert (done.mistakes, done.feedback, done.rationales, done.reviews) == (387, 1161, 1161, 2322)
    assert (done.no_vote, done.paper_differs, done.skipped) == (2, 0, ())
    exam = queries.exam(session, done.exam)
    assert exam.name == "svamp · Llama-2-7b-chat-hf · round 0"
    material = exam_material.material(session, exam.id)
    for threshold, accepted in {1: 1086, 2: 1001, 3: 826, 3.5: 783, 4: 750, 4.5: 718}.items():
        assert summary(curate(material, [], PAPER.at(threshold))).accepted == accepted
    at_3 = summary(curate(material, [], PAPER))
    assert at_3.by_teacher == {"gpt": 286, "gemini": 221, "mistral": 319}
    assert at_3.mistakes_covered == 365
