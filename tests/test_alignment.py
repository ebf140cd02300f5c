"""Which step a feedback criticises: found in both texts, absent, or nothing to say; with the traps of real ones."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapd.alignment import MOST_SENTENCES, align
from mapd.calculations import MOST_CALCULATIONS
from mapd.checks import MAX_EXPLANATION, State
from mapd.criticisms import MOST_CRITICISMS, read_criticisms

PENS = "Ann had 65 pens and got 7 more.\nSo she has 65 - 7 = 57 pens.\nIn two boxes she has 57 x 2 = 114 pens."
HOLDS, FAILS, NOTHING = State.HOLDS, State.FAILS, State.NOTHING

CASES = [
    # told with numbers, in words or as an equation
    (PENS, "The student subtracted 7 from 65 instead of adding.", HOLDS, ["65 - 7 = 57"]),
    (PENS, "The student incorrectly multiplied 57 by 2.", HOLDS, ["57 x 2 = 114"]),
    (PENS, "You've made a mistake when you calculated 57 x 2 = 114.", HOLDS, ["57 x 2 = 114"]),
    (PENS, "**Mistake 1:** They divided 114 by 3.", FAILS, []),
    (PENS, "The student added 7 and 65.", FAILS, []),
    (PENS, "The student then multiplied the pens (57) by the pencils (3) and got 171.", FAILS, []),
    # not so, but to the same result
    (PENS, "The student divided 114 by 2 to get 57.", HOLDS, ["57 x 2 = 114"]),
    # quoted
    (PENS, "The student wrote “So she has 65 - 7 = 57 pens”.", HOLDS, ["So she has 65 - 7 = 57 pens"]),
    (PENS, "The student states “Ann had 65 pens and got seven”.", HOLDS, ["Ann had 65 pens and got 7 more"]),
    (PENS, 'The student says "Ann lost all of her pens in the garden".', FAILS, []),
    (PENS, 'The student wrote "..." there.', NOTHING, []),
    # told as a value, or set against the right one
    (PENS, "The student's answer of 114 is incorrect.", HOLDS, ["57 x 2 = 114"]),
    (PENS, "So the correct answer is 144, not 114.", HOLDS, ["57 x 2 = 114"]),
    (PENS, "So the correct answer is 144, not 113.", FAILS, []),
    (PENS, "The student's answer was 30, which is not correct.", FAILS, []),
    # told without a number: found, and never missed
    (PENS, "The mistake is in the multiplication.", HOLDS, ["57 x 2 = 114"]),
    (PENS, "The student made a mistake in the boxes of pens.", HOLDS, ["In two boxes she has 57 x 2 = 114 pens"]),
    (PENS, "The mistake is in the division.", NOTHING, []),
    # calculated again with another result
    (PENS, "The correct calculation is 65 - 7 = 58.", HOLDS, ["65 - 7 = 57"]),
    (PENS, "The correct calculation is 65 + 7 = 72.", NOTHING, []),
    # a bare answer: what explains its number is there, what doesn't isn't
    ("Answer: 72", "The student added 65 and 7.", HOLDS, ["Answer: 72"]),
    ("Answer: 72", "The student subtracted 7 from 65.", FAILS, []),
    # an empty answer has no step
    ("", "The student added 65 and 7.", FAILS, []),
    ("", "The answer is missing.", NOTHING, []),
    # what is missing, praised, right, asked for or advised is no criticism
    (PENS, "The student did not add 7 and 80.", NOTHING, []),
    (PENS, "The student forgot the 80 pens.", NOTHING, []),
    (PENS, "The student correctly added 20 and 80.", NOTHING, []),
    (PENS, "The student should have added 20 and 80.", NOTHING, []),
    (PENS, "To get it, you can add 20 and 80, which gives you 100.", NOTHING, []),
    (PENS, "The students of the school added 20 and 80 books.", NOTHING, []),
    (PENS, "The student's answer is incorrect.", NOTHING, []),
    # a guess, a hint and algebra can be found, and not missed
    (PENS, "The student might have added 20 and 80.", NOTHING, []),
    (PENS, "The hint says that the correct answer is 58, not 33.", NOTHING, []),
    ("x + 30 = 47, so x = 17", "The student subtracted x from x + 12.", NOTHING, []),
    # "the student subtracted 30 from 47" is how that equation is solved
    ("x + 30 = 47, so x = 17", "The student incorrectly subtracted 30 from 47.", HOLDS, ["x + 30 = 47, so x = 17"]),
]


@pytest.mark.parametrize(("answer", "feedback", "state", "steps"), CASES, ids=lambda value: str(value)[:40])
def test_a_step_is_found_absent_or_nothing_is_said(answer: str, feedback: str, state: State, steps: list[str]) -> None:
    alignment = align(answer, feedback)
    assert alignment.step_exists is state
    assert [answer[slice(*step)] for step in alignment.steps] == steps
    assert (state is FAILS) is any(part.step is None for part in alignment.parts)


FALSE = "Apples: 12 x 10 = 120.\nPears: 5 x 9 = 55.\nAll: 120 + 55 = 185."


@pytest.mark.parametrize(
    ("feedback", "state"),
    [
        ("The student multiplied 5 by 9 wrongly.", HOLDS),
        ("The correct calculation is 5 x 9 = 45.", HOLDS),
        ("The student added 120 and 55 wrongly.", FAILS),
        ("The student got 120 apples.", FAILS),
        # What is criticised beside it may be the false one: it isn't said that it is passed over.
        ("The student added 120 and 55 wrongly. The student misunderstood the price of kiwis and figs.", NOTHING),
        ("The student forgot the plums.", NOTHING),
    ],
)
def test_the_first_false_equation_is_criticised_or_passed_over(feedback: str, state: State) -> None:
    alignment = align(FALSE, feedback)
    assert alignment.at_first_false is state
    assert alignment.first_false is not None
    assert FALSE[slice(*alignment.first_false)] == "5 x 9 = 55"
    assert (alignment.skipped is not None) is (state is FAILS)


def test_without_a_false_equation_there_is_nothing_to_pass_over() -> None:
    alignment = align("7 + 65 = 72", "The student added 7 and 65.")
    assert (alignment.step_exists, alignment.at_first_false, alignment.first_false) == (HOLDS, NOTHING, None)
    assert [check.name for check in alignment.checks] == ["step_exists"]
    assert [c.name for c in align(FALSE, "The student added 120 and 55.").checks] == ["step_exists", "at_first_false"]


def test_places_are_those_of_the_texts_as_they_stand() -> None:
    answer, feedback = "**Pens:** $65 × 7 = 455$.", "1. **Wrong:** The student multiplied *65* by 7."
    (part,) = align(answer, feedback).parts
    assert feedback[part.start : part.end] == "The student multiplied *65* by 7"
    assert part.step is not None
    assert answer[slice(*part.step)] == "65 × 7 = 455"


@pytest.mark.parametrize(
    ("answer", "feedback"),
    [("a" * (MAX_EXPLANATION + 1), "The student added 1 and 2."), ("1 + 2 = 3", "3 = 3 " * 2_000)],
)
def test_what_is_too_long_is_not_read_and_says_so(answer: str, feedback: str) -> None:
    alignment = align(answer, feedback)
    assert (alignment.step_exists, alignment.at_first_false, alignment.parts) == (NOTHING, NOTHING, ())
    assert alignment.limit.startswith("too ")


def test_no_more_is_looked_at_than_the_limits_say() -> None:
    assert len(read_criticisms("The student added 1 and 2. " * 300)) == MOST_CRITICISMS
    behind = "One two. " * MOST_SENTENCES + "Seven bananas of grandmother are blue."
    criticism = "The student misunderstood the blue bananas of grandmother."
    assert align(behind, criticism).step_exists is NOTHING
    assert align(behind.removeprefix("One two. "), criticism).step_exists is HOLDS
    many = "\n".join(f"{n} + 1 = {n + 1}" for n in range(1_000, 1_000 + MOST_CALCULATIONS + 1))
    assert align(many, f"It is {999 + MOST_CALCULATIONS} + 1 = 3.").step_exists is HOLDS
    assert align(many, f"It is {1_000 + MOST_CALCULATIONS} + 1 = 3.").step_exists is NOTHING


# Words that the rules know, so that random texts reach all of them.
PARTS = st.sampled_from(
    "the student|added|subtracted|12|3.5|-7|1/2|=|x|+|not|, not|.|\n|“|”|`|**|you|they|mistake|in|to get|but|should|"
    "because|İ|😀|\u202e|x = 3|answer is|$|(|)|hint|1,000|½|pens and apples|wrote".split("|")
)


@settings(max_examples=60, deadline=None)
@given(st.lists(PARTS, max_size=40).map(" ".join), st.lists(PARTS, max_size=40).map(" ".join))
def test_every_place_lies_in_its_text(answer: str, feedback: str) -> None:
    alignment = align(answer, feedback)
    for part in alignment.parts:
        assert 0 <= part.start < part.end <= len(feedback)
        assert part.step is None or 0 <= part.step[0] < part.step[1] <= len(answer)
    if alignment.first_false is None:
        assert alignment.at_first_false is NOTHING
