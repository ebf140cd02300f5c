"""What a corrected answer may be, and the one form that it is kept in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapd.answers.grading import Task, answers_equal
from mapd.errors import BadInput
from mapd.questions.golds import read_correction

ROCKS = ("oak", "granite", "trout", "moss")


@pytest.mark.parametrize(
    ("task", "options", "value", "kept"),
    [
        (Task.NUMERIC, (), " 145.0 bananas ", "145"),
        (Task.NUMERIC, (), "$1,000", "1000"),
        (Task.NUMERIC, (), "1/3", "1/3"),
        (Task.NUMERIC, (), "3.14159265358979", "3.14159265358979"),
        (Task.NUMERIC, (), "2√3", "2√3"),
        (Task.NUMERIC, (), r"\frac{\sqrt{3}}{2}", r"\frac{\sqrt{3}}{2}"),
        (Task.BOOLEAN, (), "YES.", "true"),
        (Task.BOOLEAN, (), "false", "false"),
        (Task.CHOICE, ROCKS, "b", "B"),
        (Task.CHOICE, ROCKS, "(C)", "C"),
        (Task.CHOICE, ROCKS, "Option D", "D"),
        (Task.CHOICE, ROCKS, "Granite", "B"),
        (Task.CHOICE, ("1", "2", "3", "4"), "2", "B"),
        (Task.CHOICE, ("B", "A", "D", "C"), "B", "B"),  # the letter decides
        (Task.CHOICE, (r"\sqrt{2}", r"\sqrt{3}"), r"\sqrt{3}", "B"),
        (Task.TEXT, (), "the  grandmother", "the grandmother"),
        (Task.TEXT, (), "Room 3", "Room 3"),
    ],
)
def test_it_is_kept_in_one_form(task: Task, options: tuple[str, ...], value: str, kept: str) -> None:
    assert read_correction(value, task, options) == kept
    assert read_correction(kept, task, options) == kept


@pytest.mark.parametrize(
    ("task", "options", "value", "answered_by"),
    [
        (Task.NUMERIC, (), "banana", "one number"),
        (Task.NUMERIC, (), "5 or 6", "one number"),
        (Task.NUMERIC, (), "^", "one number"),
        (Task.NUMERIC, (), " ", "one number"),
        (Task.NUMERIC, (), "9" * 600, "one number"),
        (Task.BOOLEAN, (), "banana", "true or false"),
        (Task.BOOLEAN, (), "perhaps", "true or false"),
        (Task.BOOLEAN, (), "true or false", "true or false"),
        (Task.BOOLEAN, (), "yes, no", "true or false"),
        (Task.BOOLEAN, (), "1", "true or false"),
        (Task.CHOICE, ROCKS, "E", r"an option's letter \(A to D\) or its words"),
        (Task.CHOICE, ROCKS, "2", "an option's letter"),
        (Task.CHOICE, ROCKS, "A or B", "an option's letter"),
        (Task.CHOICE, ROCKS, "banana", "an option's letter"),
        (Task.CHOICE, (), "A", "an option"),
        (Task.TEXT, (), "?!", "words or a number"),
    ],
)
def test_what_is_no_such_answer_is_refused_in_one_line(
    task: Task, options: tuple[str, ...], value: str, answered_by: str
) -> None:
    with pytest.raises(BadInput, match=rf"a {task} question is answered by {answered_by}.*not by ") as refused:
        read_correction(value, task, options)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 200


@given(st.text(max_size=40), st.sampled_from([task for task in Task if task is not Task.CHOICE]))
def test_what_is_kept_is_an_answer_that_can_be_compared(value: str, task: Task) -> None:
    try:
        kept = read_correction(value, task)
    except BadInput:
        return
    assert answers_equal(kept, kept, task)
    assert read_correction(kept, task) == kept
