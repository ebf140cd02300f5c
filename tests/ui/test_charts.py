"""The charts' figures, as plotly gets them."""

import pytest

from mapd.curation.threshold_sweep import AtThreshold
from mapd.ui.kit.charts import sweep_figure


def points(most: int) -> list[AtThreshold]:
    return [AtThreshold(3.0, most, most // 2, most // 3, most // 3), AtThreshold(4.0, 0, 0, 0, 0)]


def test_without_gold_answers_nothing_is_said_to_be_wrong():
    names = [line.name for line in sweep_figure(points(12), 3.0, 3.0).data if line.name]
    assert "of them with a wrong answer" in names
    without = sweep_figure(points(12), 3.0, 3.0, gold=False)
    assert [line.name for line in without.data if line.name] == [n for n in names if "wrong" not in n]
    assert len(without.data[-1].y) == 3, "no mark of it either"


@pytest.mark.parametrize(("most", "step"), [(0, 1), (1, 1), (5, 1), (400, None)])
def test_the_axis_counts_in_whole_numbers(most, step):
    axis = sweep_figure(points(most), 3.0, 3.0).layout.yaxis
    assert axis.dtick == step
    assert (axis.range is None) == (most > 0)
