"""Text answers are equal where both mean the same values: the order of a set is free, that of a tuple is not."""

import pytest

from mapd.answers.grading import Task, answers_equal

SAME = [
    ("2, 3", "2 and 3"),
    ("{2, 3}", "{3, 2}"),
    ("\\{2, 3\\}", "\\{3,2\\}"),
    ("x=2 or x=3", "x = 3 or x = 2"),
    ("x=2 or x=3", "{2,3}"),
    ("x = 2, x = 3", "x=3, x=2"),
    ("(2,3)", "(2, 3)"),
    ("[0, 1)", "[0,1)"),
    ("x in [0,1]", "[0, 1]"),
    ("x \\in [0,1]", "0 \\le x \\le 1"),
    ("x > 3", "(3, \\infty)"),
    ("x ≥ 3", "[3, ∞)"),
    ("x = 5", "5"),
    ("x=2, y=3", "y = 3, x = 2"),
    ("± 2", "2 or -2"),
    ("x = \\pm 2", "x=-2 or x=2"),
    ("{2}", "2"),
    ("{1,2,2}", "{1,2}"),
    ("(-\\infty, 0) \\cup (1, \\infty)", "(1, ∞) ∪ (-∞, 0)"),
    ("50%", "50 percent"),
    ("Paris", "paris."),
    ("The Paris", "Paris"),
    ("Washington, D.C.", "Washington D.C."),
    ("red and blue", "red, blue"),
    ("1,000", "1000"),
    ("1,000 and 2,000", "1000, 2000"),
    ("$5", "5 dollars"),
    ("5 km", "5 km."),
    ("1/2", "0.5"),
    ("\\frac{1}{2}", "0.5"),
    ("x + 1", "1 + x"),
    ("3 : 4", "3:4"),
    ("well-known", "well known"),
    ("2x + 3", "3 + 2x"),
    ("{(1,2),(3,4)}", "{(3,4),(1,2)}"),
    ("(1/2, 3)", "(0.5, 3)"),
    ("\\left(\\frac{1}{2}, 3\\right)", "(0.5, 3)"),
    ("[1, 2, 3]", "1, 2, 3"),
    ("Ann or Bob", "Bob or Ann"),
    ("\\text{grandmother}", "grandmother"),
    ("2 < x < 3", "3 > x > 2"),
    ("2 < x ≤ 3", "(2, 3]"),
    ("10:30", "10:30"),
    ("∅", "{}"),
    ("x = 2 and x = 3", "{3, 2}"),
    ("a, b and c", "a, b, c"),
    ("a, b, and c", "a, b, c"),
    ("2^3", "8"),
    ("(0, ∞)", "x > 0"),
    ("May 5, 2020", "5 May 2020"),
]
DIFFERENT = [
    ("2, 3", "3, 2"),
    ("(2, 3)", "(3, 2)"),
    ("[0,1]", "(0,1)"),
    ("x >= 3", "x > 3"),
    ("x = -3", "x = 3"),
    ("(-1, 2)", "(1, 2)"),
    ("y = 5", "x = 5"),
    ("x=2, y=3", "x=3, y=2"),
    ("{1, 2, 3}", "{1, 2}"),
    ("Paris, France", "Paris"),
    ("blue and red", "red, blue"),
    ("$5", "€5"),
    ("5 km", "5 m"),
    ("Room 3", "3"),
    ("x+1", "x-1"),
    ("3:4", "3:5"),
    ("3:4", "4:3"),
    ("-5", "5"),
    ("05/04/2020", "04/05/2020"),
    ("May 5, 2020", "6 May 2020"),
    ("(1, 2), (3, 4)", "(3, 4), (1, 2)"),
    ("Ann, Bob", "Bob, Ann"),
    ("grandmother", "grandfather"),
    ("C++", "C"),
    ("A#", "A"),
    ("F#", "F"),
    ("10:30", "1030"),
    ("10.5", "105"),
    ("3-4", "4-3"),
    ("1.5, 2", "1, 5, 2"),
    ("\\sqrt{2}", "\\sqrt{3}"),
    ("(3, \\sqrt{2})", "(3, \\sqrt{3})"),
    ("no", "yes"),
    ("not Paris", "Paris"),
    ("2 m/s", "2 m"),
    ("H2O", "H20"),
    ("3 and 2", "2 and 3"),
    ("<2, 3>", "(2,3)"),
    ("2^3", "23"),
    ("3!", "3"),
    ("x^2", "x2"),
]


@pytest.mark.parametrize(("left", "right"), SAME)
def test_the_same_values_are_equal(left: str, right: str) -> None:
    assert answers_equal(left, right, Task.TEXT)
    assert answers_equal(right, left, Task.TEXT)


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_other_values_are_not(left: str, right: str) -> None:
    assert not answers_equal(left, right, Task.TEXT)
    assert not answers_equal(right, left, Task.TEXT)
