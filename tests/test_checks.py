"""What can be checked without asking anybody: three states, and never a false alarm on what isn't arithmetic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapd.answers.grading import Task
from mapd.checks import State, check_feedback, check_rationale, list_equations
from mapd.equations import equations


def truth(text: str) -> list[bool]:
    return [e.true for e in equations(text)]


@pytest.mark.parametrize(
    "text",
    [
        "290 bananas / 2 groups = 145 bananas",
        "17 / 5 = 3 R 2",
        "10 / 3 = 3.33",
        "10 / 3 ≈ 3.3",
        "<<58+44=102>>",
        "5 × 4 = 20",
        "20 ÷ 4 = 5",
        "1,000 + 250 = 1,250",
        "$201 + $217 = $418",
        "3 - 87 = -84",
        "\\frac{1}{2} + \\frac{1}{2} = 1",
        "21 - (-20) = 41",
        "16 (action figures) - 10 (books) = 6",
        "4 sets * 3 chairs = 12 chairs",
    ],
)
def test_true_equations_are_found_true(text: str) -> None:
    assert truth(text)
    assert all(truth(text))


@pytest.mark.parametrize(
    "text", ["87 / 93 = 0.92", "22 pages/day * 569 days = 12418 pages", "36 + 52 = 106", "9 - 4 = 2", "4 + 5 = 10 = 9"]
)
def test_false_equations_are_found_false(text: str) -> None:
    assert False in truth(text)


@pytest.mark.parametrize(
    "text",
    [
        "2x + 4 = 14",
        "x - $8 = 17",
        "7x = 35",
        "Step 1 = add them",
        "Let x = 5.",
        "On 3-5 = the weekend",
        "There are 5 groups.",
        "He used an average of 3.",
        "24/7 = always",
        "",
    ],
)
def test_algebra_labels_and_words_are_nothing_to_check(text: str) -> None:
    assert truth(text) == []
    assert check_rationale(text or "words", "5", Task.NUMERIC).equations_true is State.NOTHING


def test_a_chain_is_checked_link_by_link() -> None:
    assert truth("3 + 4 = 5 + 2 = 7") == [True, True]
    assert truth("3 + 4 = 5 + 3 = 8") == [False, True]


def test_a_found_equation_is_where_it_says() -> None:
    text = "First 2 + 2 = 4. Then 87 / 93 = 0.92, so there."
    assert [text[e.start : e.end] for e in equations(text)] == ["2 + 2 = 4", "87 / 93 = 0.92"]


@pytest.mark.parametrize(
    ("text", "state"), [("23", State.FAILS), ("23 pens", State.FAILS), ("20 + 3 = 23", State.HOLDS)]
)
def test_a_bare_answer_shows_no_work(text: str, state: State) -> None:
    assert check_rationale(text, "23", Task.NUMERIC).shows_work is state


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("So she has 7 pens.", State.HOLDS),
        ("So she has 8 pens.", State.FAILS),
        ("She has 8 or 9 pens.", State.NOTHING),
    ],
)
def test_the_own_answer_is_compared_with_the_gold(text: str, state: State) -> None:
    assert check_rationale(text, "7", Task.NUMERIC).matches_gold is state


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("The correct answer is 126, not 212.", State.HOLDS),
        ("The student's answer should be 17, not 25.", State.FAILS),
        ("The student subtracted. Add: 78 + 48 = 126.", State.HOLDS),
        ("Read the question again.", State.NOTHING),
    ],
)
def test_a_feedback_states_the_gold_or_not(text: str, state: State) -> None:
    gold = "25" if "25" in text else "126"
    assert check_feedback(text, gold, Task.NUMERIC).states_gold is state


@given(st.text(max_size=400))
def test_no_text_breaks_it(text: str) -> None:
    rationale, feedback = check_rationale(text, "5", Task.NUMERIC), check_feedback(text, "5", Task.NUMERIC)
    of_rationale, of_feedback = list_equations("rationale", text), list_equations("feedback", text)
    assert rationale.false_steps == sum(not e.true for e in of_rationale)
    assert feedback.false_steps == sum(not e.true for e in of_feedback)
    for e in (*of_rationale, *of_feedback):
        assert 0 <= e.start < e.end <= len(text)


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.sampled_from("+-*"))
def test_whole_arithmetic_is_told_true_from_false(a: int, b: int, sign: str) -> None:
    result = {"+": a + b, "-": a - b, "*": a * b}[sign]
    assert truth(f"We compute {a} {sign} {b} = {result}.") == [True]
    assert truth(f"We compute {a} {sign} {b} = {result + 7}.") == [False]


@given(st.integers(1, 999), st.integers(1, 99), st.integers(1, 3))
def test_a_rounded_quotient_is_true(a: int, b: int, digits: int) -> None:
    assert False not in truth(f"{a} / {b} = {a / b:.{digits}f}")
