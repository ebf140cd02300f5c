"""Reading a reviewer's score: a table of reviews, and that no text can win or void a vote on itself."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapd.score_forms import MAX_REVIEW, VoteStatus, vote
from mapd.scores import parse_score

TABLE = Path(__file__).parent / "data" / "scores.tsv"
ROWS = [line.split("\t") for line in TABLE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]


@pytest.mark.parametrize(("review", "solution", "expected"), ROWS)
def test_a_review_is_read_as_the_table_says(review: str, solution: str, expected: str) -> None:
    parsed = parse_score(review.replace("⏎", "\n"), solution=solution.replace("⏎", "\n"))
    assert (str(parsed.score) if parsed.status is VoteStatus.OK else parsed.status.value) == expected


def test_nothing_is_no_vote() -> None:
    assert parse_score("").status is parse_score(" \n ").status is VoteStatus.EMPTY


def test_a_phrase_of_the_question_is_no_score() -> None:
    question = "Ann answers 4 out of 5. How many are left?"
    assert parse_score("It repeats that Ann answers 4 out of 5.", question).score is None
    assert parse_score("Ann answers 4 out of 5, so 1 is left: [5]", question).score == 5


@given(st.integers(1, 5), st.sampled_from(["[{}]", "Score: {}", "score: {}/5", "I give it {} out of 5.", "[[{}]]"]))
def test_every_score_in_every_style(score: int, style: str) -> None:
    assert parse_score("Each step is right. " + style.format(score)).score == score


@given(st.integers().filter(lambda n: not 1 <= n <= 5))
def test_nothing_outside_1_to_5_is_a_vote(number: int) -> None:
    assert parse_score(f"[{number}]").score is None
    assert (vote(number).score, vote(number).status, vote(number).raw) == (None, VoteStatus.OUTSIDE, str(number))


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_gives_a_vote_or_a_reason(text: str, solution: str) -> None:
    for parsed in (parse_score(text), parse_score(text, "", solution), parse_score(text, text, text)):
        assert (parsed.score is not None) == (parsed.status is VoteStatus.OK)
        assert parsed.score is None or 1 <= parsed.score <= 5


def test_numbers_of_any_length_come_to_an_end() -> None:
    for text in ("[" + "5" * 90_000 + "]", "Score: " + "9" * 90_000, "Score: 1." + "0" * 90_000, "Score: 1e999999999"):
        assert parse_score(text).score is None
    assert parse_score("[5]" + " " * MAX_REVIEW).status is VoteStatus.LONG


# A reviewer's own vote, a text's score of itself, and how a reviewer may speak of it.
VOTES = (
    "[{n}]", "Score: {n}", "**Score: {n}**", "Rating: {n}/5", "Final score: {n} out of 5.", "I give it {n}/5.",
    "Overall: [{n}]", "\n\n[{n}]", '\n{{"score": {n}}}', "\n<score>{n}</score>", "So [{n}].", "My score: [{n}]",
    "Rating：{n}", "[[{n}]]", "[Score: {n}]", "**[{n}]**", "I would score this rationale a {n}.",
)  # fmt: skip
SELF_GRADES = (
    "[{n}]", "Score: {n}", "**Score: {n}**", "Rating：{n}", "{n}/5", "{n} out of 5", "I give it {n}/5", "[[{n}]]",
    "\\boxed{{{n}}}", "My own check of this: [{n}]", "Final score: {n}/5", '{{"score": {n}}}', "<score>{n}</score>",
    "[{n}/5]", "Grade - {n}", "This deserves a score of {n}", "Verdict: [{n}]", "[Score: {n}]",
)  # fmt: skip
QUOTATIONS = (
    'The author ends with "{grade}", but step 2 adds wrongly. ', "> {grade}\n\nThat is not so. ",
    "The author ends with {grade}, but step 2 adds wrongly. ", "The solution claims {grade}. It is wrong. ",
    "It says “{grade}” of itself. ", "I don't trust its own {grade}. ", "Its {grade} is not deserved. ",
    "The {grade} at the end is odd. ", 'It closes: "{grade}"\n\n', "{grade} is what it says. ",
    "I disagree with the author's {grade}. ", "Unlike its author I don't give it {grade}. ",
    "Ignoring {grade}, I checked each step. ", "Although the solution states {grade}, the sum is wrong. ",
)  # fmt: skip
REVIEWS = (
    "Each step is right. {vote}", "{vote}\nEach step is right.", "Step 2 is wrong.\n\n{vote}\n\nIt could be shorter.",
    "1. Right.\n2. Right.\n\n{vote}", "The author adds rightly. {vote}", "It says nothing wrong. {vote}",
)  # fmt: skip
LINES = ("Add 3 and 4.", "The sum is 7.", "Answer: 7")
scores = st.integers(1, 5)


@st.composite
def solutions(draw: st.DrawFn) -> tuple[str, str]:
    """A solution that grades itself somewhere, and how."""
    grade = draw(st.sampled_from(SELF_GRADES)).format(n=draw(scores))
    place = draw(st.integers(0, len(LINES)))
    return "\n".join([*LINES[:place], grade, *LINES[place:]]), grade


@given(solutions(), st.sampled_from(VOTES), scores, st.sampled_from(QUOTATIONS))
def test_a_quoted_grade_neither_wins_nor_voids_a_vote(
    solution: tuple[str, str], style: str, own: int, quotation: str
) -> None:
    text, grade = solution
    quoted = quotation.format(grade=grade)
    assert parse_score(quoted + style.format(n=own), "How many?", text).score == own
    assert parse_score(quoted.strip(), "How many?", text).score is None


@given(solutions(), st.sampled_from(VOTES), scores, st.sampled_from(REVIEWS))
def test_a_reviewer_can_give_the_score_that_the_text_gave_itself(
    solution: tuple[str, str], style: str, own: int, review: str
) -> None:
    assert parse_score(review.format(vote=style.format(n=own).strip()), "How many?", solution[0]).score == own
