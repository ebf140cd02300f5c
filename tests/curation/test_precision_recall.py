"""Precision and recall at every threshold, held against counting them one by one; their intervals hold."""

import numpy as np
import pytest
from scipy.stats import binomtest

from mapd.curation.cut_columns import RIGHT, UNKNOWN, WRONG, CutColumns
from mapd.curation.policy_sets import compare, measure_set
from mapd.curation.precision_recall import NO_SAMPLE, SampleWeights, measure
from mapd.curation.reliability import measure_reliability
from mapd.curation.threshold_sweep import Figures
from mapd.policies import PAPER
from mapd.probability import GOLD, PEOPLE
from tests.fits import make_policy


def make_columns(questions: int, *, per_question: int = 3, seed: int = 1, effect: float = 1.2) -> CutColumns:
    """Texts that go right or wrong together within a question, the right ones with higher cuts."""
    draw = np.random.default_rng(seed)
    of = np.repeat(np.arange(questions), per_question)
    logit = 1.2 + np.repeat(draw.normal(0, effect, questions), per_question)
    is_right = draw.random(len(of)) < 1 / (1 + np.exp(-logit))
    cuts = np.clip(np.round(300 + 90 * (is_right - 0.6) + draw.normal(0, 80, len(of))), 0, 501).astype(np.int16)
    none = np.zeros(len(of), dtype=bool)
    labels = np.where(is_right, RIGHT, WRONG).astype(np.int8)
    probabilities = 1 / (1 + np.exp(-logit))
    return CutColumns(np.arange(len(of)), of, of, cuts, cuts, none, none, labels, labels.copy(), probabilities)


@pytest.mark.parametrize("threshold", [0, 120, 300, 301, 420])
def test_they_are_what_one_counts(threshold: int) -> None:
    columns = make_columns(200)
    columns.gold[::7] = UNKNOWN
    columns.is_repair[5] = True
    weights = {id_: 1.0 + id_ % 3 for id_ in range(400)}
    for source, labels, weight_of in ((GOLD, columns.gold, None), (PEOPLE, columns.people, weights)):
        quality = measure(columns, source, SampleWeights(weight_of))
        texts = [
            (1.0 if weight_of is None else weight_of[n], labels[n] == RIGHT, columns.cuts[n] > threshold)
            for n in range(600)
            if labels[n] != UNKNOWN and n != 5 and (weight_of is None or n in weight_of)
        ]
        assert quality.known == len(texts)
        hits = sum(w for w, is_right, accepted in texts if is_right and accepted)
        accepted = sum(w for w, _, accepted in texts if accepted)
        right = sum(w for w, is_right, _ in texts if is_right)
        precision, recall = quality.precision.at(threshold), quality.recall.at(threshold)
        assert precision.value == pytest.approx(hits / accepted)
        assert recall.value == pytest.approx(hits / right)
        assert precision.n == sum(accepted for *_, accepted in texts)
        for estimate in (precision, recall):
            assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1


def test_one_text_a_question_has_the_exact_interval() -> None:
    columns = make_columns(400, per_question=1)
    estimate = measure(columns, GOLD).precision.at(0)
    hits = round(estimate.value * estimate.n)
    exact = binomtest(hits, estimate.n).proportion_ci(0.95, method="exact")
    assert (estimate.low, estimate.high) == pytest.approx((exact.low, exact.high), abs=0.001)
    # Where all are right, the interval is no point.
    columns.gold[:] = RIGHT
    assert measure(columns, GOLD).precision.at(0).low == pytest.approx(0.025 ** (1 / estimate.n), abs=1e-4)


def test_intervals_hold_the_truth_where_texts_of_a_question_are_alike() -> None:
    truth = measure(make_columns(20_000, seed=2), GOLD).precision.at(300).value
    intervals = [measure(make_columns(60, seed=seed), GOLD).precision.at(300) for seed in range(100, 250)]
    held = sum(x.low <= truth <= x.high for x in intervals) / len(intervals)
    assert 0.93 <= held <= 0.995


def test_too_few_is_said_in_words() -> None:
    few = measure(make_columns(9), GOLD)
    assert (few.precision.at(0).value, few.precision.at(0).why) == (None, "too few: 27 of 30")
    assert measure(make_columns(12), GOLD).precision.at(501 - 1).why == "too few: 0 of 30"
    nothing = make_columns(20)
    nothing.people[:] = UNKNOWN
    assert measure(nothing, PEOPLE).recall.at(300).why == "too few: 0 of 30"
    assert measure(make_columns(0), GOLD).recall.at(300).why == "too few: 0 of 30"


def test_what_no_audit_stands_for_is_not_known() -> None:
    columns = make_columns(100)
    accepted = (columns.cuts > 300).nonzero()[0].tolist()
    rejected = frozenset((columns.cuts <= 300).nonzero()[0].tolist())
    quality = measure(columns, PEOPLE, SampleWeights(dict.fromkeys(accepted, 2.0), rejected))
    assert quality.precision.at(300).value is not None
    assert quality.precision.at(290).why == NO_SAMPLE
    assert quality.recall.at(400).why == NO_SAMPLE
    assert measure(columns, GOLD, SampleWeights(None, rejected)).recall.at(400).value is not None


def test_tenths_hold_what_was_predicted() -> None:
    columns = make_columns(4_000)
    columns.probabilities[0] = 1.0
    columns.probabilities[1] = np.nan
    tenths = measure_reliability(columns, GOLD)
    assert [(x.low, x.high) for x in tenths] == [(n / 10, (n + 1) / 10) for n in range(10)]
    assert sum(x.right.n for x in tenths) == 12_000 - 1
    well = [x for x in tenths if x.predicted is not None and x.right.low is not None]
    assert sum(x.right.low <= x.predicted <= x.right.high for x in well) >= len(well) - 1
    assert all(x.low <= x.predicted <= x.high for x in well)
    few = measure_reliability(make_columns(15), GOLD)[0]
    assert (few.right.value, few.right.why[:7]) == (None, "too few")


def test_two_policies_stand_side_by_side() -> None:
    paper, fitted = make_columns(100), make_columns(100, seed=1)
    fitted.cuts[:] = np.round(100 * fitted.probabilities)
    figures = Figures.of({("rationales", 0, 501): 300, ("accepted", 0, 301): 300})
    sets = [measure_set(figures, columns) for columns in (paper, fitted)]
    comparison = compare(sets[0], PAPER, sets[1], make_policy(("gpt",)).at(0.7))
    before, after = paper.cuts > 300, fitted.cuts > 70
    assert (comparison.added, comparison.dropped) == ((after & ~before).sum(), (before & ~after).sum())
    assert (comparison.first.accepted, comparison.second.accepted) == (300, 300)
    assert (comparison.first.threshold, comparison.second.threshold) == (3.0, 0.7)
    assert comparison.first.precision[GOLD] == comparison.first.precision[PEOPLE]
