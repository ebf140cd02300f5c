"""Reading answers out of awkward texts, and comparing them. The texts are short and in the ways teachers write."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapd.answers.grading import Grade, Outcome, Task, answers_equal, extract_answer, grade
from mapd.answers.numbers import parse_number


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,000", 1000),
        ("1000", 1000),
        ("0.50", Fraction(1, 2)),
        ("1/2", Fraction(1, 2)),
        ("$18.00", 18),
        ("$ 18", 18),
        ("145 bananas", 145),
        ("2 1/2", Fraction(5, 2)),
        ("-3", -3),
        ("\u22123", -3),  # a true minus sign
        ("50%", 50),
        ("1e3", 1000),
        ("three", 3),
        ("twenty-one", 21),
        ("12,345,678.90", Fraction(1234567890, 100)),
        (".5", Fraction(1, 2)),
        ("18.", 18),
    ],
)
def test_one_number_is_read(text: str, value: Fraction | int) -> None:
    assert parse_number(text) == value


@pytest.mark.parametrize(
    "text", ["", "none", "5 or 6", "5 + 5", "1,00", "10:30", "3 dozen", "2x", "x = y", "1.2.3", "5-6", "∞"]
)
def test_what_can_be_read_in_two_ways_is_no_number(text: str) -> None:
    assert parse_number(text) is None


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Some work.\n#### 1,450", "1450"),
        ("So we get \\boxed{26}.", "26"),
        ("The answer is 18.", "18"),
        ("Answer: 18 apples", "18"),
        ("She has 3 + 4 = 7 pens.\n\nTherefore, she has 7 pens.", "7"),
        ("145 bananas.\n\nExplanation: 290 / 2 = 145.", "145"),
        ("He has 4.\n\nHere's the reasoning:\n1. 6 - 2 = 4\n\nSo, he has 4.", "4"),
        ("4", "4"),
        ("14 dollars.", "14"),
        ("Jake had 6 - 5 = **1** more balloon than Allan in the park.", "1"),
        ("Final Answer: $26$", "26"),
        ("The price is $18.00, so the answer is $18.00", "18"),
        ("5 sets of tables x 10 chairs/set = 50 chairs\n50 chairs - 5 tables = 45 more chairs than tables", "45"),
        ("Dan started with $4. He was at -$4. Then he got $5. So, Dan has $1 left.", "1"),
    ],
)
def test_the_final_answer_is_read(text: str, answer: str) -> None:
    assert extract_answer(text, Task.NUMERIC) == answer


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I cannot answer this question from the provided context.",
        "The answer is 5 or 6.",
        "#### 5\n#### 6",
        "The answer is 12. Wait, the answer is 13.",
        "Jill has 17 more.\n\nSo 12 + 15 = 27.\n\nHe does not have more; he has 13 fewer, not more.",
        "Group of bananas: 290 / 2 = 145\nGroup of oranges: 87 / 93 = 0.92",
    ],
)
def test_an_ambiguous_text_has_no_answer(text: str) -> None:
    assert extract_answer(text, Task.NUMERIC) is None
    assert grade(text, "5", Task.NUMERIC).outcome is Outcome.NO_ANSWER


@pytest.mark.parametrize(
    ("answer", "gold", "same"),
    [
        ("1,000", "1000", True),
        ("0.50", "1/2", True),
        ("$18.00", "18", True),
        ("18 apples", "18", True),
        ("2 1/2", "2.5", True),
        ("2 1/2", "1", False),
        ("3.33", "10/3", False),
        ("50%", "50", True),
        ("", "5", False),
        ("5", "6", False),
        ("\\frac{1}{2}", "0.5", True),
    ],
)
def test_numbers_compare_as_numbers(answer: str, gold: str, same: bool) -> None:
    assert answers_equal(answer, gold, Task.NUMERIC) is same


@pytest.mark.parametrize(
    ("answer", "gold", "same"),
    [
        ("\\frac{\\sqrt{2}}{2}", "\\frac{1}{\\sqrt{2}}", True),
        ("2\\sqrt{3}", "\\sqrt{12}", True),
        ("0.75\\pi", "\\frac{3\\pi}{4}", True),
        ("x^2-1", "(x-1)(x+1)", True),
        ("y = 2x+1", "1+2x", True),
        ("y = 2x+1", "z = 2x+1", False),
        ("27^{\\frac{1}{3}}", "3", True),
        ("2^{10}", "1024", True),
        ("2^10", "1024", True),
        ("10^12", "1000000000000", True),
        ("2*10^10", "20,000,000,000", True),
        ("(1, 2)", "(1,2)", True),
        ("\\sqrt{2}", "\\sqrt{3}", False),
        ("\\log_2 8", "\\log_2 8", True),
        ("x+1", "x-1", False),
        ("x+1", "1+x", True),
        ("x-1", "1-x", False),
        ("a-b", "b-a", False),
        ("n+1", "1", False),
        ("\\frac{a}{b}", "\\frac{b}{a}", False),
        ("x^6+1", "1+x^6", True),
        ("x^6+1", "x^6-1", False),
        ("x \\ge 3", "x\\geq3", True),
        ("x>3", "x \\ge 3", False),
        ("5 m/s", "5", True),
        ("x=-5", "-5", True),
    ],
)
def test_short_expressions_are_compared_by_sympy(answer: str, gold: str, same: bool) -> None:
    assert answers_equal(answer, gold, Task.NUMERIC) is same
    assert same or not answers_equal(answer, gold, Task.TEXT)


@pytest.mark.parametrize(
    ("text", "gold", "outcome"),
    [
        ("So the answer is true.", "true", Outcome.CORRECT),
        ("Yes.", "true", Outcome.CORRECT),
        ("Therefore, no.", "true", Outcome.INCORRECT),
        ("It could be true or false.", "true", Outcome.NO_ANSWER),
    ],
)
def test_truth_is_read(text: str, gold: str, outcome: Outcome) -> None:
    assert grade(text, gold, Task.BOOLEAN).outcome is outcome


def test_a_choice_is_a_letter_or_its_text() -> None:
    options = ("a house", "a tree", "a river")
    for text in ("The answer is (B).", "Answer: B", "B", "a tree"):
        assert grade(text, "B", Task.CHOICE, options) == Grade("B", Outcome.CORRECT), text
    assert grade("The answer is (C).", "B", Task.CHOICE, options) == Grade("C", Outcome.INCORRECT)


def test_words_compare_without_case_articles_and_points() -> None:
    assert answers_equal("The Grandmother.", "grandmother", Task.TEXT)
    assert not answers_equal("aunt", "grandmother", Task.TEXT)


@given(st.text(max_size=300))
def test_no_text_breaks_it(text: str) -> None:
    for task in Task:
        answer = extract_answer(text, task, ("one", "two"))
        assert answer is None or answer.strip()


@given(st.integers(-(10**9), 10**9))
def test_a_stated_whole_number_comes_back(number: int) -> None:
    for written in (str(number), f"{number:,}"):
        assert extract_answer(f"After some work, the answer is {written}.", Task.NUMERIC) == str(number)
        assert answers_equal(written, str(number), Task.NUMERIC)


@given(st.fractions(-1000, 1000, max_denominator=50))
def test_a_fraction_equals_itself_however_written(value: Fraction) -> None:
    assert parse_number(f"{value.numerator}/{value.denominator}") == value
    assert answers_equal(str(value), f"{value.numerator}/{value.denominator}", Task.NUMERIC)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_equality_is_symmetric_and_exact(a: int, b: int) -> None:
    assert answers_equal(str(a), str(b), Task.NUMERIC) is (a == b)
    assert answers_equal(str(b), str(a), Task.NUMERIC) is (a == b)
