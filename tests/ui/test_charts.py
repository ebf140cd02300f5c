"""The charts' figures, as plotly gets them."""

import pytest

from mapd.curation.threshold_sweep import AtThreshold
from mapd.policies import PAPER
from mapd.ui.kit.charts import sweep_figure
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
