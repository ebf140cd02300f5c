"""mean@k, maj@k and pass@k, and their intervals."""

import random
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapd.answers.grading import Task
from mapd.sampled_answers import QuestionAnswers, is_majority_right, measure, pass_chance
from mapd.statistics import bootstrap_mean, wilson


def numeric(*answers: tuple[str | None, bool]) -> QuestionAnswers:
    return QuestionAnswers(Task.NUMERIC, (), answers)


@given(st.lists(st.booleans(), min_size=1, max_size=8), st.data())
def test_pass_is_the_share_of_draws_that_hold_a_right_answer(rights: list[bool], data: st.DataObject) -> None:
    j = data.draw(st.integers(1, len(rights)))
    draws = list(combinations(rights, j))
    assert pass_chance(len(rights), sum(rights), j) == pytest.approx(sum(map(any, draws)) / len(draws))


def test_the_majority_is_of_values_and_not_of_spellings() -> None:
    assert is_majority_right(numeric(("0.5", True), ("1/2", True), ("3", False), ("3", False), (".50", True)))
    assert not is_majority_right(numeric(("3", False), ("0.5", True), ("3", False)))


def test_of_equally_many_the_first_counts_and_what_could_not_be_read_counts_for_nothing() -> None:
    assert is_majority_right(numeric((None, False), (None, False), ("7", True), ("8", False)))
    assert not is_majority_right(numeric(("8", False), ("7", True)))
    assert not is_majority_right(numeric((None, False), (None, False)))


def test_the_scores_of_two_questions() -> None:
    scores = measure(
        [numeric(("1", True), ("1", True), ("2", False)), numeric(("5", False), ("6", True), ("5", False))]
    )
    assert scores is not None
    assert (scores.k, scores.questions, scores.mean.value, scores.majority.value) == (3, 2, 0.5, 0.5)
    assert {j: round(share.value, 6) for j, share in scores.passed.items()} == {
        1: 0.5,
        2: round((1 + 2 / 3) / 2, 6),
        3: 1.0,
    }


def test_a_question_that_lacks_answers_waits() -> None:
    scores = measure([numeric(("1", True), ("1", True)), numeric(("2", False))])
    assert scores is not None
    assert (scores.questions, scores.mean.value) == (1, 1.0)
    assert measure([]) is None
    assert measure([numeric()]) is None


def test_one_answer_to_each_is_the_accuracy_with_wilsons_interval() -> None:
    scores = measure([numeric(("1", place < 30)) for place in range(100)])
    assert scores is not None
    expected = (0.3, *wilson(30, 100))
    for share in (scores.mean, scores.majority, scores.passed[1]):
        assert (share.value, share.low, share.high) == expected


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    draw, hits, rounds = random.Random(5), 0, 200
    for _ in range(rounds):
        chances = [draw.betavariate(1, 2) for _ in range(80)]  # the students' questions: hard and easy ones
        values = [sum(draw.random() < chance for _ in range(4)) / 4 for chance in chances]
        low, high = bootstrap_mean(values)
        hits += low <= 1 / 3 <= high
    assert 0.89 <= hits / rounds <= 0.99
