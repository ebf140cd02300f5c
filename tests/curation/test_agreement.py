"""Alpha, kappa and their intervals against the libraries and a plain bootstrap; too little, and constant raters."""

from datetime import UTC, datetime, timedelta
from typing import Any

import krippendorff
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from mapd.checks import State
from mapd.curation import agreement
from mapd.curation.agreement import EVERYBODY, Level, Moment
from mapd.curation.resampling import draw_sums, estimate_share, find_interval, sum_by_question
from mapd.curation.reviewer_stats import Share
from mapd.curation.score_table import MeasuredText, ScoreTable, tabulate
from mapd.curation.text_verdicts import TextVerdict
from mapd.domain import Verdict

START = datetime(2026, 11, 30, tzinfo=UTC)
# Krippendorff's own example (2011): three raters of fifteen units, as value counts.
EXAMPLE = [
    *([1, 0, 0, 0], [0, 0, 0, 0], [0, 2, 0, 0], [2, 0, 0, 0], [0, 0, 2, 0], [0, 0, 2, 1], [0, 0, 0, 3], [1, 0, 1, 0]),
    *([0, 2, 0, 0], [2, 0, 0, 0], [2, 0, 0, 0], [0, 0, 2, 0], [0, 0, 2, 0], [0, 0, 0, 0], [0, 0, 1, 1]),
]


def text(id_: int, question: int, author: str = "a", **more: Any) -> MeasuredText:
    words = {"length": 100, "matches_gold": State.HOLDS, "equations_true": State.HOLDS, "committee": Verdict.ACCEPTED}
    return MeasuredText(id=id_, is_rationale=True, question=question, author=author, **words | more)


def word(id_: int, accepts: bool, *, first: bool = True, **more: Any) -> TextVerdict:
    return TextVerdict(("rationale", id_), accepts, None, 4.0, START + timedelta(seconds=id_), first, **more)


def reviewed(scores: list[tuple[int, int]]) -> ScoreTable:
    """A text a question, scored by b and c; 0 is a review without a vote."""
    texts = [text(n, n // 2) for n in range(len(scores))]
    votes = [(n, who, s or None, True) for n, pair in enumerate(scores) for who, s in zip("bc", pair, strict=True)]
    return tabulate(texts, votes, ("a", "b", "c"))


# -- the numbers ------------------------------------------------------------------------------------------------------


def test_alpha_is_that_of_the_textbook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agreement, "find_lack", lambda *_: "")
    nominal = agreement.measure_alpha(np.array(EXAMPLE), np.arange(15), Level.NOMINAL)
    assert (nominal.n, round(nominal.value or 0, 6)) == (12, 0.691358)


TABLES = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=2, max_size=30)


@settings(max_examples=40, deadline=None)
@given(TABLES)
def test_many_draws_are_computed_as_the_libraries_compute_one(pairs: list[tuple[int, int]]) -> None:
    first, second = np.array(pairs).T
    if len(set(first)) < 2 or len(set(second)) < 2:
        return
    counts = np.stack([(first == v).astype(float) + (second == v) for v in range(1, 6)], axis=1)
    table = np.zeros((5, 5))
    np.add.at(table, (first - 1, second - 1), 1)
    ours = agreement._compute_kappa(table.reshape(1, -1), 5)[0]
    assert ours == pytest.approx(cohen_kappa_score(first, second, labels=range(1, 6), weights="quadratic"))
    for level in Level:
        # Of two raters the coincidences are both ways round.
        alpha = agreement._compute_alpha((table + table.T).reshape(1, -1), 5, level)[0]
        assert alpha == pytest.approx(krippendorff.alpha(value_counts=counts, level_of_measurement=level.value))


def test_an_interval_is_that_of_questions_drawn_one_by_one() -> None:
    generator = np.random.default_rng(7)
    questions = np.repeat(np.arange(200), 3)
    # Texts of a question are alike.
    values = (generator.random(200)[questions] + generator.random(600) / 4 > 0.6).astype(int)
    estimate = estimate_share(questions, values, np.ones(600))
    sums = values.reshape(200, 3).sum(axis=1)
    plain = [sums[generator.integers(0, 200, 200)].sum() / 600 for _ in range(4000)]
    assert (estimate.n, estimate.questions, estimate.value) == (600, 200, values.mean())
    assert (estimate.low, estimate.high) == pytest.approx(np.quantile(plain, (0.025, 0.975)), abs=0.012)
    apart = estimate_share(np.arange(600), values, np.ones(600))
    assert (estimate.high or 0) - (estimate.low or 0) > 1.4 * ((apart.high or 0) - (apart.low or 0)), "alike: wider"


def test_of_many_questions_bundles_are_drawn() -> None:
    generator = np.random.default_rng(3)
    sums = generator.normal(2.0, 1.0, (6000, 1))
    draws = draw_sums(np.hstack([sums, np.ones((6000, 1))]))
    low, high = find_interval(draws[:, 0] / draws[:, 1]) or (0, 0)
    assert high - low == pytest.approx(2 * 1.96 / np.sqrt(6000), rel=0.1)
    assert low < sums.mean() < high


def test_a_share_of_all_has_an_interval_too() -> None:
    estimate = estimate_share(np.arange(40), np.ones(40), np.ones(40))
    assert estimate.value == estimate.high == 1
    assert 0.9 < (estimate.low or 0) < 0.92


def test_sums_are_by_question_whatever_their_numbers() -> None:
    sums = sum_by_question(np.array([70, 3, 70]), np.array([[1, 2], [5, 6], [10, 20]]))
    assert sums.tolist() == [[5, 6], [11, 22]]


# -- too little -------------------------------------------------------------------------------------------------------


def test_too_few_is_said_with_how_few() -> None:
    first, second = np.array([1, 5] * 14 + [1]), np.array([1, 5] * 14 + [2])
    assert agreement.measure_kappa(first, second, np.arange(29)).why == "too few: 29 of 30"
    first, second = np.array([1, 5] * 20), np.array([1, 5] * 19 + [5, 5])
    assert agreement.measure_kappa(first, second, np.arange(40) % 9).why == "too few: 9 of 10 questions"
    assert agreement.measure_kappa(first, second, np.arange(40) % 10).value is not None


def test_who_always_says_the_same_has_no_kappa_and_all_who_do_no_alpha() -> None:
    table = reviewed([(5, 1), (5, 5)] * 20)
    everybody, pair = agreement.compare_reviewers(table)
    assert pair.raters == ("b", "c")
    assert pair.kappa is not None
    assert (pair.kappa.value, pair.kappa.why) == (None, "b always said the same")
    assert everybody.alpha.value is not None, "the other one didn't"
    everybody, pair = agreement.compare_reviewers(reviewed([(5, 5)] * 40))
    assert everybody.agree == Share(40, 40)
    assert everybody.alpha.why == "everybody always said the same"
    assert pair.kappa is not None
    assert pair.kappa.why == "b and c always said the same"


def test_one_score_alone_is_compared_with_nothing() -> None:
    assert agreement.compare_reviewers(reviewed([(5, 0)])) == []
    assert agreement.compare_reviewers(tabulate([], [], ())) == []


def test_a_missing_vote_is_no_score() -> None:
    everybody, pair = agreement.compare_reviewers(reviewed([(5, 0)] * 5 + [(4, 4), (1, 2)] * 20))
    assert everybody.agree == pair.agree == Share(20, 40)


def test_votes_with_and_without_sight_of_the_gold_are_never_taken_together() -> None:
    votes = [(1, "b", 5, True), (1, "c", 1, False), (2, "b", None, True), (2, "c", 2, False), (3, "c", 3, False)]
    table = tabulate([text(1, 1), text(2, 2), text(3, 3)], votes, ("a", "b", "c"))
    rows = zip(table.text_ids[table.texts].tolist(), table.reviewers.tolist(), table.scores.tolist(), strict=True)
    assert sorted(rows) == [(1, 1, 5), (2, 2, 2), (3, 2, 3)]


# -- people -----------------------------------------------------------------------------------------------------------


def test_verdicts_before_the_reveal_stand_apart_from_those_after() -> None:
    questions = {("rationale", n): n for n in range(200)}
    ann = [word(n, n % 2 == 0, first=n < 100) for n in range(200)]
    bob = [word(n, n % 2 == 0 if n < 100 else n % 3 == 0, first=n < 100 or n >= 190) for n in range(200)]
    (before,) = agreement.compare_people({"ann": ann, "bob": bob}, questions, Moment.BEFORE)
    (after,) = agreement.compare_people({"ann": ann, "bob": bob}, questions, Moment.AFTER)
    assert (before.agree, before.kappa and before.kappa.value) == (Share(100, 100), 1)
    assert after.agree.of == 90, "on ten texts one knew the committee's verdict and the other didn't"
    assert abs((after.kappa and after.kappa.value) or 0) < 0.2
    everybody = agreement.compare_everybody({"ann": ann, "bob": bob, "eve": []}, questions, Moment.BEFORE)
    assert everybody is not None
    assert (everybody.agree, everybody.alpha.value) == (Share(100, 100), 1)
    assert agreement.compare_everybody({"ann": ann}, questions, Moment.BEFORE) is None


def test_people_are_compared_with_the_committee_on_what_it_scored() -> None:
    states = [Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNDECIDED]
    texts = [text(n, n, committee=states[n % 3]) for n in range(120)]
    votes = [(n, "b", 4, True) for n in range(90)]
    table = tabulate(texts, votes, ("a", "b"))
    ann = [word(n, states[n % 3] is Verdict.ACCEPTED) for n in range(120)]
    (alone,) = agreement.compare_with_committee({"ann": ann}, table, Moment.BEFORE)
    assert (alone.raters, alone.agree) == (("ann",), Share(60, 60)), "neither undecided nor without a score"
    both = agreement.compare_with_committee({"ann": ann, "bob": ann[:3]}, table, Moment.BEFORE)
    assert [x.raters for x in both] == [(EVERYBODY,), ("ann",), ("bob",)]
    assert both[2].alpha.why == "too few: 2 of 30"
    assert agreement.compare_with_committee({"ann": ann}, table, Moment.AFTER) == []
