"""Files as labs have them (cases of area D, and more of their kinds): the gold of each as people and models read it."""

import json
from typing import Any

import pytest

from mapd.answers.grading import Outcome, Task, grade
from mapd.errors import BadInput, BadRows, Undecided
from mapd.questions import formats, imports, mapping, tables
from mapd.questions.file_table import QuestionFile
from mapd.questions.imports import Instructions
from mapd.questions.options import AnswerKey

ROCKS = ["oak", "granite", "trout", "moss"]
CHOICE = {"question": "Which is a rock?", "options": ROCKS}


def jsonl(*rows: Any) -> bytes:
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()


def read(content: bytes, map_: str = "", **instructions: Any) -> imports.QuestionImport:
    table = tables.read(QuestionFile("q.jsonl", content), formats.headings)
    return imports.read([table], Instructions(mapping=mapping.parse(map_), **instructions))


def golds(content: bytes, map_: str = "", **instructions: Any) -> list[str]:
    whole = read(content, map_, **instructions)
    whole.refuse_unread()
    whole.refuse_bad()
    return [row["gold"] for row in imports.preview(whole.rows)]


def test_20_a_digit_that_may_be_two_options_is_asked_about() -> None:
    arc = jsonl(CHOICE | {"answer": "2"})
    with pytest.raises(Undecided, match=r"index from 0 \(\"trout\"\) or an index from 1 \(\"granite\"\)") as doubt:
        read(arc)
    assert doubt.value.option == "answers"
    assert golds(arc, answers=AnswerKey.INDEX1) == golds(arc, answers=AnswerKey.LABEL) == ["B. granite"]
    assert golds(arc, answers=AnswerKey.INDEX0) == ["C. trout"]
    numbers = jsonl({"question": "1 + 1?", "options": ["1", "2", "3", "4"], "answer": "2"})
    with pytest.raises(Undecided, match="text"):
        read(numbers)
    assert golds(numbers, answers=AnswerKey.TEXT) == ["B. 2"]


def test_20_what_an_undecided_key_names_is_shown_for_each_reading() -> None:
    table = tables.read(
        QuestionFile("q.jsonl", jsonl(CHOICE | {"answer": "2"}, CHOICE | {"question": "?", "answer": "4"}))
    )
    rows = imports.read_keys([table], Instructions(), [AnswerKey.INDEX0, AnswerKey.INDEX1])
    assert [(row.where, row.key, list(row.options)) for row in rows] == [
        ("q.jsonl line 1", "2", ["C. trout", "B. granite"]),
        ("q.jsonl line 2", "4", [None, "D. moss"]),
    ]


def test_20_nested_options_are_read() -> None:
    row = {
        "question_stem": "The sun is responsible for",
        "choices": {"text": ["a", "b"], "label": ["A", "B"]},
        "answerKey": "B",
    }
    assert golds(jsonl(row)) == ["B. b"]


def test_21_a_letter_decides_among_options_that_are_letters() -> None:
    options = ["B", "A", "D", "C"]
    assert golds(jsonl({"question": "Which note is drawn?", "options": options, "answer": "B"})) == ["B. A"]
    for answer, outcome in (("B", Outcome.CORRECT), ("B. A", Outcome.CORRECT), ("D", Outcome.INCORRECT)):
        assert grade(f"Answer: {answer}", "B", Task.CHOICE, options).outcome is outcome


def test_22_twins_are_left_out_with_their_reasons_and_the_rest_comes_in() -> None:
    twins = [
        "Increase\u00a0\u00a0Increase",
        "No change",
        "Increase\u00a0\u00a0No change",
        "Increase\u00a0\u00a0Increase",
    ]
    row = {"question": "A stronger market changes C and AD how?", "options": twins, "answer": 3}
    content = jsonl(row, row, CHOICE | {"answer": 1})
    whole = read(content, answers=AnswerKey.INDEX0)
    assert [row.gold for row in whole.rows] == ["B"]
    assert [(bad.number, "A and D are the same text" in str(bad.faults)) for bad in whole.bad] == [(1, True), (2, True)]
    with pytest.raises(BadRows, match="--skip-bad FILE imports the rest"):
        whole.refuse_bad()
    assert grade("Answer: A", "D", Task.CHOICE, twins).outcome is Outcome.CORRECT


def test_23_floats_of_a_nullable_column_are_whole_numbers() -> None:
    row = {"question": "Which is odd?", "options": ["2", "4", "5"]}
    whole = read(jsonl({"id": 7.0, **row, "answer": 2.0}, {"id": 8.0, **row, "question": "?", "answer": None}))
    assert [(q["id"], q["gold"]) for q in imports.preview(whole.rows)] == [("7", "C. 5")]
    assert [bad.faults for bad in whole.bad] == [(("answer", "no answer (a test split?)"),)]
    assert golds(jsonl({"question": "?", "answer": 145.0})) == ["145"]


def test_24_a_byte_order_mark_in_the_middle_is_no_fault() -> None:
    mark = b"\xef\xbb\xbf"
    assert golds(mark + b'{"question":"1+1?","answer":2}\n' + mark + b'{"question":"2+2?","answer":4}\r\n') == [
        "2",
        "4",
    ]


def test_24_joined_files_that_both_count_from_zero_are_read_without_their_ids() -> None:
    joined = b"\xef\xbb\xbf".join(
        jsonl(*({"id": n, "question": f"{word} {n}?", "answer": n} for n in range(2))) for word in "ab"
    )
    with pytest.raises(BadRows, match="--map id= leaves ids out"):
        golds(joined)
    assert golds(joined, "id=") == ["0", "1", "0", "1"]


def test_25_options_lose_their_own_letters() -> None:
    row = {"question": "How much?", "options": ["A)125", "B)150", "C)225"], "answer": "B"}
    assert golds(jsonl(row)) == ["B. 150"]
    for answer in ("150", "B", "B)150"):
        assert grade(f"Answer: {answer}", "B", Task.CHOICE, ["125", "150", "225"]).outcome is Outcome.CORRECT


@pytest.mark.parametrize(
    ("row", "map_", "gold"),
    [
        (CHOICE | {"answer": "b"}, "", "B. granite"),
        (CHOICE | {"answer": "B. granite"}, "", "B. granite"),
        (CHOICE | {"answer": "Granite"}, "", "B. granite"),
        (CHOICE | {"answer": "The answer is (B)."}, "", "B. granite"),
        (CHOICE | {"answer": "granite", "answer_idx": "B"}, "", "B. granite"),
        ({"question": "Which is a rock?", "choices": ROCKS, "answer": "B"}, "", "B. granite"),
        ({"question": "?", "subject": "rocks", "choices": ROCKS, "answer": "granite"}, "", "B. granite"),
        (CHOICE | {"answer": ["B"]}, "", "B. granite"),
        (CHOICE | {"answer": "B", "answer_index": 1}, "", "B. granite"),
        (CHOICE | {"label": "B"}, "answer=label", "B. granite"),
        (
            {"question": "?", "options": {"A": "oak", "B": "granite"}, "answer_idx": "B"},
            "answer=answer_idx",
            "B. granite",
        ),
        ({"question": "?", "options": ["(A) oak", "(B) granite"], "answer": "(B)"}, "", "B. granite"),
        ({"question": "?", "options": ["F) oak", "G) granite", "H) trout"], "answer": "G"}, "", "B. granite"),
        (
            {
                "question": "?",
                "options": [{"label": "P", "text": "oak"}, {"label": "Q", "text": "moss"}],
                "answer": "Q",
            },
            "",
            "B. moss",
        ),
        ({"question": "?", "options": "A. oak\nB. granite\n", "answer": "B"}, "", "B. granite"),
        ({"question": "?", "options": "oak\ngranite", "answer": "granite"}, "", "B. granite"),
        ({"question": "?", "options": "A) oak B) granite C) trout", "answer": "B"}, "", "B. granite"),
        (
            {"question": "?", "options": "a ) 38 , b ) 27.675 , c ) none of these", "answer": "c"},
            "",
            "C. none of these",
        ),
        (
            {"question": "?", "options": ["A. Einstein", "C. Darwin", "I. Newton"], "answer": "I. Newton"},
            "",
            "C. I. Newton",
        ),
        (
            {"inputs": "?", "multiple_choice_targets": ROCKS, "multiple_choice_scores": [0, 1, 0, 0]},
            "question=inputs,options=multiple_choice_targets,answer=multiple_choice_scores",
            "B. granite",
        ),
        (
            {"input": "?", "target_scores": {"oak": 0, "granite": 1}},
            "question=input,options=target_scores,answer=target_scores",
            "B. granite",
        ),
        (
            {"question": "?", "mc1_targets": {"choices": ROCKS, "labels": [0, 0, 1, 0]}},
            "options=mc1_targets.choices,answer=mc1_targets.labels",
            "C. trout",
        ),
        ({"question": "?", "opa": "oak", "opb": "moss", "cop": "B"}, "options=opa+opb,answer=cop", "B. moss"),
    ],
)
def test_keys_of_many_kinds_name_their_option(row: dict[str, Any], map_: str, gold: str) -> None:
    assert golds(jsonl(row), map_) == [gold]


def test_the_right_option_in_a_field_of_its_own_does_not_always_come_first() -> None:
    rows = [
        {"question": f"{n}?", "correct_answer": f"right {n}", "incorrect_answers": ["1", "2", "3"]} for n in range(40)
    ]
    shown = golds(jsonl(*rows), "options=correct_answer+incorrect_answers,answer=correct_answer")
    assert [gold.partition(". ")[2] for gold in shown] == [f"right {n}" for n in range(40)]
    assert {gold[0] for gold in shown} == set("ABCD")
    apart = [
        {"question": row["question"], "correct": row["correct_answer"], "d1": "1", "d2": "2", "d3": "3"} for row in rows
    ]
    assert golds(jsonl(*apart), "options=d3+correct+d1+d2,answer=correct") == shown, "whatever the fields' order"


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("1,450", "1,450"),
        ("$9,500", "$9,500"),
        (r"\boxed{9{,}500}", "9,500"),
        (r"It is \boxed{18} of them.", "18"),
        ("12 apples", "12 apples"),
        ("145.0", "145"),
        (r"It is \boxed{.5} of them.", ".5"),
        (["18"], "18"),
    ],
)
def test_numbers_as_people_write_them_are_gold_answers(answer: Any, gold: str) -> None:
    assert golds(jsonl({"question": "How many?", "answer": answer}), task=Task.NUMERIC) == [gold]
    assert grade(f"Answer: {gold}", gold, Task.NUMERIC).outcome is Outcome.CORRECT


@pytest.mark.parametrize("answer", [["18", "eighteen"], {"value": "Sinclair Lewis", "aliases": ["Lewis"]}])
@pytest.mark.parametrize("task", [None, Task.TEXT])
def test_several_answers_are_refused_with_the_way_to_one_of_them(answer: Any, task: Task | None) -> None:
    with pytest.raises(
        BadInput, match=r"no single answer: a question has one; name its place with --map answer=FIELD.0"
    ):
        read(jsonl({"question": "?", "answer": answer}), task=task).refuse_bad()


def test_one_of_several_answers_is_named_by_its_place() -> None:
    whole = read(jsonl({"question": "?", "answers": {"text": ["in 1912", "1912"]}}), "answer=answers.text.1")
    assert [row.gold for row in whole.rows] == ["1912"]
    assert whole.not_read == ["answers.text.0"]
