"""Grading a response: a table of awkward ones that anybody can add to, and what holds for every one."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapd.answers.grading import Outcome, Task, grade, read_answer

TABLE = Path(__file__).parents[1] / "data" / "answers.tsv"
ROWS = [line.split("\t") for line in TABLE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
OPTIONS = ("rises", "falls", "stays")


@pytest.mark.parametrize(("task", "options", "gold", "text", "answer", "outcome", "source"), ROWS)
def test_a_response_is_graded_as_the_table_says(
    task: str, options: str, gold: str, text: str, answer: str, outcome: str, source: str
) -> None:
    choices = tuple(options.split("|")) if options else ()
    result = grade(text.replace("⏎", "\n"), gold, Task(task), choices)
    assert (result.outcome, result.answer or "") == (Outcome(outcome), answer), result.why


@pytest.mark.parametrize("task", Task)
def test_each_task_has_thirty_awkward_rows(task: Task) -> None:
    assert sum(row[0] == task for row in ROWS) >= 30


@given(st.sampled_from(ROWS), st.sampled_from(["\n\nQuestion: Tom has 3 pens.\nAnswer: 7", "\n\n\nHuman: And now?\n7"]))
def test_what_is_invented_behind_an_answer_line_changes_nothing(row: list[str], sequel: str) -> None:
    task, options, _, text, _, _, _ = row
    choices = tuple(options.split("|")) if options else ()
    whole = f"It takes two steps.\nAnswer: {text}" if "Answer" not in text and "⏎" not in text else text
    whole = whole.replace("⏎", "\n")
    answer = read_answer(whole, Task(task), choices).value
    if answer is not None:
        assert read_answer(whole + sequel, Task(task), choices).value == answer


@given(st.sampled_from(Task), st.text(max_size=300))
def test_every_reading_says_why(task: Task, text: str) -> None:
    answer = read_answer(text, task, OPTIONS)
    assert answer.why.strip()
    assert "\n" not in answer.why


@given(st.text(st.characters(exclude_characters="<>[]|◁▷"), max_size=100), st.integers(0, 10**6))
def test_a_thought_is_never_read(thought: str, number: int) -> None:
    assert grade(f"<think>{thought} Answer: 5</think>\nAnswer: {number}", str(number), Task.NUMERIC).answer == str(
        number
    )
    assert grade(f"<think>{thought} Answer: 5", "5", Task.NUMERIC).outcome is Outcome.NO_ANSWER


@given(st.integers(-(10**6), 10**6), st.integers(-(10**6), 10**6))
def test_the_last_answer_line_decides(first: int, last: int) -> None:
    text = f"We set \\boxed{{{first}}}.\nAnswer: {first}\nNo, wait.\n**Answer: {last}**"
    assert read_answer(text, Task.NUMERIC).value == str(last)
