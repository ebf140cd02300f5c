"""The charts' figures, as plotly gets them."""

import pytest

from mapd.curation.policy_sets import measure_set
from mapd.curation.reliability import measure_reliability
from mapd.curation.threshold_sweep import AtThreshold, Figures
from mapd.policies import PAPER
from mapd.probability import GOLD
from mapd.ui.kit.charts import sweep_figure
from mapd.ui.kit.policy_charts import quality_figure, reliability_figure, trace_quality
from tests.curation.test_precision_recall import make_columns
from tests.fits import make_policy


def points(most: int) -> list[AtThreshold]:
    return [AtThreshold(3.0, most, most // 2, most // 3, most // 3), AtThreshold(4.0, 0, 0, 0, 0)]


def test_without_gold_answers_nothing_is_said_to_be_wrong():
    names = [line.name for line in sweep_figure(points(12), PAPER, 3.0).data if line.name]
    assert "of them with a wrong answer" in names
    without = sweep_figure(points(12), PAPER, 3.0, gold=False)
    assert [line.name for line in without.data if line.name] == [n for n in names if "wrong" not in n]
    assert len(without.data[-1].y) == 3, "no mark of it either"


@pytest.mark.parametrize(("most", "step"), [(0, 1), (1, 1), (5, 1), (400, None)])
def test_the_axis_counts_in_whole_numbers(most, step):
    axis = sweep_figure(points(most), PAPER, 3.0).layout.yaxis
    assert axis.dtick == step
    assert (axis.range is None) == (most > 0)


def test_a_fitted_policy_has_an_axis_of_probabilities():
    tenths = [AtThreshold(n / 10, 9 - n, 0, 0, 0) for n in range(10)]
    axis = sweep_figure(tenths, make_policy(("gpt",)), 0.5).layout.xaxis
    assert (axis.title.text, axis.dtick) == ("accepted: P(right) greater than", 0.1)
    assert axis.range[1] < 1


def test_two_policies_are_drawn_over_what_they_accept():
    columns = make_columns(100)
    figures = Figures.of({("rationales", 0, 501): 300, ("accepted", 0, 250): 120, ("accepted", 0, 350): 120})
    policy_set = measure_set(figures, columns)
    traces = [trace_quality(policy_set, policy, GOLD) for policy in (PAPER, PAPER.at(4))]
    assert traces[0].accepted == [0.8, 0.4, 0.4, 0]
    assert traces[0].thresholds == [0, 2.5, 3, 3.5]
    # What is too little for a number is a gap.
    assert traces[1].place == 3
    figure = quality_figure(traces)
    lines = [line for line in figure.data if line.mode == "lines"]
    assert [line.name for line in lines] == ["paper: precision", "paper: recall"] * 2
    assert len({(line.line.color, line.line.dash) for line in lines}) == 4
    assert figure.data[2].x == (0.4, 0.4)


def test_a_tenth_with_too_few_has_no_mark():
    tenths = measure_reliability(make_columns(15), GOLD)
    marks = reliability_figure(tenths).data[1]
    assert len(marks.x) == sum(tenth.right.value is not None for tenth in tenths) < 10
    assert all(0 <= y - low <= y for y, low in zip(marks.y, marks.error_y.arrayminus, strict=True))
