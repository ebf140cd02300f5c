"""Answers that a model gave elsewhere: matched to their questions, graded here, one exam for the same content."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, col, select

from mapd import names
from mapd.errors import BadInput, BadRows, Undecided
from mapd.exchange import attempt_files, attempts
from mapd.people import owner
from mapd.questions import imports, sets
from mapd.questions.file_table import QuestionFile
from mapd.questions.imports import Instructions
from mapd.questions.tables import read
from mapd.questions.values import short
from mapd.store import queries
from mapd.store import tables as t
from tests.commands import Mapd
from tests.questions import shapes

SPLITS = ("train", "dev") * 3
GSM8K = [{"question": f"Ann has {n} pens and gets 4. How many?", "answer": f"{n} + 4\n#### {n + 4}"} for n in range(6)]
ROCKS = [
    {"id": f"ACT_{n}", "question": f"Which is rock {n}?", "answerKey": "B"}
    | {"choices": {"label": ["A", "B", "C"], "text": [f"oak {n}", f"granite {n}", f"moss {n}"]}}
    for n in range(4)
]


def add(session: Session, rows: list[dict[str, Any]], name: str = "set", split: str = "train") -> t.QuestionSet:
    whole = imports.read([read(QuestionFile("q.jsonl", shapes.jsonl(rows)))], Instructions(split=split))
    return sets.add(session, name, whole.rows, source="q.jsonl", simulated=False, by=owner("ann"))


def bring_in(
    session: Session, questions: t.QuestionSet, *rows: dict[str, Any], student: str | None = None, **how: Any
) -> attempts.AttemptImport:
    table = read(QuestionFile("answers.jsonl", shapes.jsonl(list(rows))))
    parsed = attempt_files.parse(session, [table], questions, split=how.pop("split", None), student=student)
    parsed.refuse_bad()
    return attempts.store(session, parsed, questions, by=owner("ann"), **how)


def sample(doc_id: int, doc: dict[str, Any], *texts: str, **more: Any) -> dict[str, Any]:
    """A line of lm-evaluation-harness's samples_….jsonl, of a task that generates."""
    return {
        "doc_id": doc_id,
        "doc": doc,
        "target": str(doc.get("answer")),
        "arguments": {
            "gen_args_0": {"arg_0": f"Question: {doc.get('question')}\nAnswer:", "arg_1": {"until": ["\n\n"]}}
        },
        "resps": [list(texts)],
        "filtered_resps": [texts[0]],
        "filter": "strict-match",
        "metrics": ["exact_match"],
        "doc_hash": f"{doc_id:064x}",
        "exact_match": 0.0,
    } | more


def outcomes(session: Session) -> list[tuple[str, int, str | None, str]]:
    query = select(t.Question.text, t.Attempt.sample, t.Attempt.answer, t.Attempt.outcome)
    query = query.join(t.Question, col(t.Attempt.question_id) == t.Question.id)
    return list(session.exec(query.order_by(col(t.Question.position), col(t.Attempt.sample))).all())


def test_plain_answers_by_id_and_by_text(session: Session) -> None:
    questions = add(session, GSM8K)
    done = bring_in(
        session,
        questions,
        {"question_id": "1", "response": "1 + 4 = 5\nAnswer: 5"},
        {"id": 2.0, "response": "Answer: 7"},
        {"question": GSM8K[3]["question"], "response": "I can't say."},
        student="elsewhere",
    )
    assert (done.n, done.questions, done.correct, done.mistakes, done.no_answer) == (3, 3, 1, 2, 1)
    assert [row[2:] for row in outcomes(session)] == [("5", "correct"), ("7", "incorrect"), (None, "no_answer")]
    info = queries.exam(session, done.exam)
    assert (info.student, info.split, info.graded_by) == ("elsewhere", "train", "ours")
    assert info.name == "set · elsewhere · train · round 0 · answered elsewhere"


def test_the_same_content_again_is_the_same_exam(session: Session) -> None:
    questions = add(session, GSM8K)
    rows = [{"question_id": str(n), "response": f"Answer: {n}"} for n in range(6)]
    first = bring_in(session, questions, *rows)
    again = bring_in(session, questions, *reversed(rows))
    assert (again.exam, again.new, first.new) == (first.exam, False, True)
    other = bring_in(session, questions, *rows[:5])
    assert other.exam != first.exam
    assert [a.action for a in session.exec(select(t.Audit)).all()].count("import attempts") == 2


@pytest.mark.parametrize("numbers", [(None, None, None), (0, 1, 2), ("0", "1", "2"), (0.0, 1.0, 2.0)])
def test_several_rows_of_a_question_are_samples(session: Session, numbers: tuple[Any, ...]) -> None:
    """Their numbers are texts in CSV, and floats where pandas has gaps."""
    questions = add(session, GSM8K)
    rows = zip(numbers, (4, 5, 4), strict=True)
    bring_in(session, questions, *({"question_id": "0", "sample": k, "response": f"Answer: {n}"} for k, n in rows))
    assert [row[1:] for row in outcomes(session)] == [(0, "4", "correct"), (1, "5", "incorrect"), (2, "4", "correct")]


def test_a_harness_writes_a_row_for_each_filter_and_all_its_samples(session: Session) -> None:
    questions = add(session, GSM8K)
    rows = [
        sample(n, doc, f"So {n + 4}.\n#### {n + 4}", "The answer is 99.", filter=name)
        for name in ("strict-match", "flexible-extract")
        for n, doc in enumerate(GSM8K)
    ]
    done = bring_in(session, questions, *rows)
    assert (done.n, done.questions, done.correct, done.student) == (12, 6, 6, "answers")
    assert bring_in(session, questions, *rows, *rows).n == 24  # the same replies of another run are samples


def test_a_harness_document_is_read_as_question_files_are(session: Session) -> None:
    stories = [
        {"ID": f"chal-{n}", "Body": f"Ann has {n} pens.", "Question": "How many?", "Answer": n} for n in range(3)
    ]
    questions = add(session, stories)
    done = bring_in(session, questions, *(sample(n, doc, f"Answer: {n}") for n, doc in enumerate(stories)))
    assert done.correct == 3
    rocks = add(session, ROCKS, "rocks")
    done = bring_in(session, rocks, *(sample(n, doc, "The answer is (B).") for n, doc in enumerate(ROCKS)))
    assert (done.correct, done.mistakes) == (4, 0)


def test_an_older_harness_wrote_lists_and_no_filter(session: Session) -> None:
    questions = add(session, GSM8K)
    row = sample(0, GSM8K[0], "Answer: 4", arguments=[["Question: …", {"until": ["\n"]}]])
    del row["filter"], row["metrics"], row["doc_hash"]
    assert bring_in(session, questions, row).correct == 1


def test_a_document_of_no_known_format_is_matched_by_its_texts(session: Session) -> None:
    questions = add(session, GSM8K)
    doc = {"prompt": "Solve this.", "problem_text": GSM8K[2]["question"]}
    assert bring_in(session, questions, sample(0, doc, "Answer: 6")).correct == 1


def test_rows_that_match_nothing_are_named_and_can_be_left_out(session: Session) -> None:
    questions = add(session, GSM8K)
    likelihoods = sample(0, GSM8K[0], "x", resps=[[["-3.1", "False"]], [["-2.0", "True"]]])
    rows = [
        {"question_id": "0", "response": "Answer: 4"},
        {"question_id": "77", "response": "Answer: 4"},
        {"question_id": "1", "question": GSM8K[2]["question"] + "!", "response": "Answer: 4"},
        {"question_id": "1"},
        {"response": "Answer: 4"},
        {"question_id": "1", "sample": -1, "response": "Answer: 4"},
        {"question_id": "2", "sample": 0, "response": "Answer: 4"},
        {"question_id": "2", "sample": 0, "response": "Answer: 5"},
        {"doc_id": 9, "resps": [["x"]]},
        likelihoods,
    ]
    table = read(QuestionFile("a.jsonl", shapes.jsonl(rows)))
    parsed = attempt_files.parse(session, [table], questions, split=None, student=None)
    with pytest.raises(BadRows, match=r"8 bad rows.*--skip-bad FILE imports the rest"):
        parsed.refuse_bad()
    assert {bad.number: bad.faults[0] for bad in parsed.bad} == {
        2: ("question", '"77" is no question of the set'),
        3: ("question", '"1" is another question in the set: "Ann has 1 pens and gets 4. How many?"'),
        4: ("response", "missing"),
        5: ("question_id", "missing; a row names its question"),
        6: ("sample", "-1 is no number of a sample, from 0"),
        8: ("sample", "0 of this question stands in the file twice"),
        9: ("doc", "missing; it tells which question was asked"),
        10: ("resps", f"{short(likelihoods['resps'])}: {attempt_files.NO_TEXTS}"),
    }
    assert len(parsed.answers) == 2


def test_an_exam_has_one_split(session: Session) -> None:
    rows = [pen | {"answer": n + 4, "split": split} for n, (pen, split) in enumerate(zip(GSM8K, SPLITS, strict=True))]
    questions = add_plain(session, rows)
    answers = [{"question_id": str(n), "response": f"Answer: {n + 4}"} for n in range(6)]
    with pytest.raises(Undecided, match=r"dev \(3\), train \(3\); an exam has one: say which with --split"):
        bring_in(session, questions, *answers)
    with pytest.raises(BadRows, match="is in split train, not dev"):
        bring_in(session, questions, *answers, split="dev")
    assert bring_in(session, questions, *answers[1::2], split="dev").split == "dev"


def test_a_student_and_a_set_that_were_renamed_are_found_again(session: Session) -> None:
    questions = add(session, GSM8K)
    answers = [{"question_id": str(n), "response": f"Answer: {n}"} for n in range(6)]
    first = bring_in(session, questions, *answers[:3], student="llama")
    names.rename(session, "student", "llama", "Llama 7B", by=owner("ann"))
    names.rename(session, "question set", "set", "pens", by=owner("ann"))
    again = bring_in(session, questions, *answers[:3], student="llama")
    assert (again.exam, again.new, again.student) == (first.exam, False, "Llama 7B")
    other = bring_in(session, sets.get(session, "pens"), *answers[3:], student="llama")
    assert (other.new, other.student) == (True, "Llama 7B")
    assert queries.exam(session, other.exam).name.startswith("pens · Llama 7B · train")
    assert len(session.exec(select(t.Student)).all()) == 1


def add_plain(session: Session, rows: list[dict[str, Any]]) -> t.QuestionSet:
    whole = imports.read([read(QuestionFile("q.jsonl", shapes.jsonl(rows)))], Instructions())
    return sets.add(session, "plain", whole.rows, source="q", simulated=False, by=owner("ann"))


def test_a_sealed_test_split_is_opened_for_a_purpose(session: Session) -> None:
    questions = add(session, GSM8K, split="test")
    with pytest.raises(BadInput, match="--open-test PURPOSE"):
        bring_in(session, questions, {"question_id": "0", "response": "Answer: 4"})
    session.expunge_all()
    questions = sets.get(session, "set")
    bring_in(session, questions, {"question_id": "1", "response": "Answer: 5"}, open_test="the paper's table")
    assert [opening.purpose for opening in session.exec(select(t.Opening)).all()] == ["the paper's table"]


@pytest.mark.parametrize("text", ["Answer: 4\x00", "Answer: 4 \ud800", ""])
def test_a_text_that_no_database_holds_is_kept_as_well_as_can_be(text: str, session: Session) -> None:
    questions = add(session, GSM8K)
    row = json.dumps({"question_id": "0", "response": text}).encode()
    parsed = attempt_files.parse(session, [read(QuestionFile("a.jsonl", row))], questions, split=None, student=None)
    done = attempts.store(session, parsed, questions, by=owner("ann"))
    assert done.no_answer == (not text)


def test_the_commands(mapd: Mapd, tmp_path: Path) -> None:
    (tmp_path / "rocks.jsonl").write_bytes(shapes.jsonl(ROCKS))
    mapd("questions", "add", "rocks", tmp_path / "rocks.jsonl", "--split", "train")
    answers = [{"question_id": f"ACT_{n}", "response": "It is (A)." if n else "Answer: granite 0"} for n in range(4)]
    (tmp_path / "llama.jsonl").write_bytes(shapes.jsonl([*answers, {"question_id": "none", "response": ""}]))
    words = ("import", "attempts", tmp_path / "llama.jsonl", "--questions", "rocks")
    refused = mapd(*words)
    assert (refused.code, refused.out, refused.err.count("\n")) == (1, "", 1)
    told = mapd(*words, "--skip-bad", tmp_path / "bad.jsonl", "--json").json
    expected = {"student": "llama", "split": "train", "questions": 4, "n": 4, "correct": 1, "mistakes": 3}
    assert told == {"exam": told["exam"], **expected, "no_answer": 0, "skipped": 1}
    assert json.loads((tmp_path / "bad.jsonl").read_text())["row"]["question_id"] == "none"
    exported = mapd("exam", "export", told["exam"], tmp_path / "out.jsonl", "--json").json
    assert (exported["path"], exported["answers"]) == (str(tmp_path / "out.jsonl"), 4)
    assert exported["sha256"] == hashlib.sha256((tmp_path / "out.jsonl").read_bytes()).hexdigest()
    first, second = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()][:2]
    assert (first["answer"], first["gold"], first["outcome"]) == ("B. granite 0", "B. granite 0", "correct")
    assert (second["answer"], second["gold"], second["outcome"]) == ("A. oak 1", "B. granite 1", "incorrect")
    again = mapd("import", "attempts", tmp_path / "out.jsonl", "--questions", "rocks", "--json").json
    assert again["exam"] == told["exam"]
    for code, bad in ((1, ("--questions", "stones")), (2, ("--questions", "rocks", "--split", "all"))):
        refused = mapd("import", "attempts", tmp_path / "out.jsonl", *bad)
        assert (refused.code, refused.out, refused.err.count("\n")) == (code, "", 1)
    refused = mapd("import", "attempts", tmp_path / "rocks.jsonl", "--questions", "rocks")
    assert (
        'rocks.jsonl holds no answers; a row is {"question_id": "…", "response": "…"}, not {"id", "question",'
        in refused.err
    )
