"""No text keeps a reader busy: processor time over every kind of text, and what is declined before it is computed."""

import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import example, given
from hypothesis import strategies as st
from sqlmodel import select

from benchmarks import readers
from benchmarks.readers import KINDS, READERS, mixtures
from mapd.answers.grading import Task, answers_equal, extract_answer
from mapd.answers.limits import MAX_NUMBERS, MAX_TEXT, name_limit
from mapd.checks import MAX_EXPLANATION, State, check_feedback, check_rationale
from mapd.equations import equations
from mapd.exchange import authors
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t
from mapd.ui.kit import rich_text
from tests import samples
from tests.conftest import writing
from tests.pages.running import open_page, shown, triage

SHORT, LONG = 1_000, 10_000
FLOOR = 0.1  # seconds: measured it takes less than 0.025, before it took many
ALONE = (  # the readers that do all that the others do
    "answer, boolean", "checks of a rationale, numeric", "checks of a rationale, choice", "checks of a rationale, text",
    "checks of a feedback, numeric", "checks of a feedback, text", "comparison with a gold",
    "comparison of expressions", "score of what it reviews", "wrong step of a text", "wrong step of a review",
    "rendering", "text on a page", "search in itself", "prompt", "question file, choice", "simulated teacher, kinship",
    "simulated teacher, question",
)  # fmt: skip


@pytest.mark.parametrize("name", ALONE)
def test_time_grows_with_the_length_and_no_faster(name: str) -> None:
    """Ten times the length takes at most 25 times as long, or less than the floor. By processor time, not the clock."""
    reader, slow = READERS[name], {}
    readers.warm_up()
    for kind, text in (dict(KINDS) | mixtures(4)).items():
        taken = readers.seconds(reader, text(LONG))
        if taken > FLOOR:  # once more: the first may have been the collector's
            taken = min(taken, readers.seconds(reader, text(LONG)))
        if taken > FLOOR + 25 * readers.seconds(reader, text(SHORT)):
            slow[kind] = taken
    assert slow == {}


def test_a_text_up_to_the_limit_is_read_and_a_longer_one_says_why_not() -> None:
    text = "He adds the pens of both boxes. " * 4_000
    assert extract_answer(f"{text[: MAX_TEXT - 30]}\nAnswer: 5", Task.NUMERIC) == "5"
    assert extract_answer(f"{text}\nAnswer: 5", Task.NUMERIC) is None
    longest = f"{text[: MAX_EXPLANATION - 30]}\n2 + 3 = 5\nAnswer: 5"
    checks = check_rationale(longest, "5", Task.NUMERIC)
    assert (checks.answer, checks.matches_gold, checks.equations_true, checks.limit) == (
        *("5", State.HOLDS, State.HOLDS),
        "",
    )
    too_long = check_rationale(f"{text}Answer: 5", "5", Task.NUMERIC)
    states = {too_long.matches_gold, too_long.equations_true, too_long.shows_work}
    assert (too_long.answer, states) == (None, {State.NOTHING})
    assert too_long.limit == "too long to check: 128,009 characters, 60,000 are read"
    assert check_feedback(f"{text}The correct answer is 5.", "5", Task.NUMERIC).states_gold is State.NOTHING


def test_a_text_of_more_numbers_or_sentences_than_are_read_says_so() -> None:
    assert name_limit("7 " * MAX_NUMBERS + "Answer: 5") == (
        f"too much to check: {MAX_NUMBERS + 1:,} numbers and equals signs, {MAX_NUMBERS:,} are read"
    )
    assert name_limit("So be it.\n" * 6_000) == "too much to check: 6,000 sentences and lines, 5,000 are read"
    assert extract_answer("7 " * MAX_NUMBERS + "Answer: 5", Task.NUMERIC) is None
    assert name_limit("7 " * (MAX_NUMBERS - 1) + "Answer: 5") == ""


def test_a_false_step_counts_although_the_rest_is_not_read() -> None:
    rest = "a word = and another word of a long line "
    checks = check_rationale("2 + 2 = 5\n" + rest * 1_200, "4", Task.NUMERIC)
    assert (checks.equations_true, checks.false_steps) == (State.FAILS, 1)
    assert checks.limit == "too much to check: of lines with an equals sign 8,000 words and signs are read"
    assert check_rationale("2 + 2 = 4\n" + rest * 1_200, "4", Task.NUMERIC).equations_true is State.NOTHING


POWERS = (
    "9^9^9^9", "9**9**9**9", "10^10^10", "2^(2^(2^(2^2)))", "9^{9^{9^{9}}}", "99999999999999999999^30", "(9^30)^30",
    "9^30 * 9^30 * 9^30 * 9^30 * 9^30 * 9^30", "2^999999999", "1/0", "0^0/0", "9!!!!!!", "170!", "1e999999999",
    "(a+b+c+d+e+f)^20", "\\frac{9^{99}}{0.1+\\sqrt{99}}", "\\sqrt{3^{99-999999999999999}}", "\\log(\\exp(\\exp(9)))",
    "\\frac{\\pi}{\\sqrt[4]{0.1/99}}", "\\frac{999999999999999^{56}}{0.1+\\sqrt{99}}", "(" * 90 + "1" + ")" * 90,
)  # fmt: skip


@pytest.mark.parametrize("power", POWERS)
def test_a_power_is_declined_before_it_is_computed(power: str) -> None:
    begin = time.process_time()
    assert not any(equation.true for equation in equations(f"{power} = 7"))
    assert not answers_equal(power, "7", Task.NUMERIC)
    assert not answers_equal(power, "\\sqrt{2}", Task.NUMERIC)
    assert check_rationale(f"So \\boxed{{{power}}}", "7", Task.NUMERIC).matches_gold is not State.HOLDS
    assert time.process_time() - begin < 3, "sympy's import among it"


@given(st.text(st.sampled_from("()[]{}\\^/*+-=.,:%$ 0123456789½²٣４boxedfracsqrt\n"), max_size=60))
@example("(" * 50_000 + "1" + ")" * 50_000 + " = 1")
@example("\\boxed{" * 9_000 + "1" + "}" * 9_000)
@example("9" * 50_000 + " = " + "9" * 50_000)
@example("Answer: " + "9" * 50_000)
@example("٣" * 5_000 + " = ４")
def test_no_text_ends_in_an_error(text: str) -> None:
    for task in Task:
        check_rationale(text, "7", task, ("7", "8"))
        check_feedback(text, text, task, ("7", "8"))
        answers_equal(text, "7", task)
    rich_text.body(text)


def test_a_page_says_what_was_not_read(home: Path, tmp_path: Path) -> None:
    row = samples.row(0)
    row["gpt_rationale"] = ["So it is. " * 12_000 + "Answer: 13", 5, 5]
    row["student_wrong_pred"] = "No. " * 30_000
    files = samples.write(tmp_path, [row])
    with writing(db.open_store(Settings())) as session:
        read = [authors.AuthorsFile(path.name, path.read_bytes()) for path in files]
        authors.store(session, authors.parse(*read), by=owner("ann"))
        long = session.exec(select(t.Explanation.uid).where(sa.func.length(t.Explanation.text) > MAX_TEXT)).one()
        mistake = session.exec(select(t.Attempt.uid)).one()
    line = "too long to check: 120,010 characters, 60,000 are read"
    assert line in shown(open_page("pages/review/browse.py"))
    (card, *_) = triage().window(mistake=mistake)["cards"]
    assert line in next(text["limit"] for text in card["texts"] if text["uid"] == long)
