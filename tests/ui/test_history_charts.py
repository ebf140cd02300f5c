"""What is drawn over time, and shares with their intervals: the figures as plotly gets them, and what they rest on."""

from datetime import UTC, datetime, timedelta

import pytest

from mapd.store.ledger import CallMinute
from mapd.ui.call_history import gather
from mapd.ui.kit import time_steps
from mapd.ui.kit.charts import MatrixCell, ShareMark, matrix_figure, shares_figure
from mapd.ui.kit.history_charts import calls_figure, money_figure, progress_figure
from mapd.ui.people import MOST_LINES, count_by_step

NOON = datetime(2026, 11, 30, 12)
STEP = time_steps.choose_step(NOON, NOON)
NAMES = ["gpt", "mini <b>"]
COLOURS = {"gpt": "#0072B2", "mini <b>": "#E69F00"}


@pytest.mark.parametrize(
    ("span", "word"),
    [
        (timedelta(0), "minute"),
        (timedelta(minutes=59), "minute"),
        (timedelta(hours=1), "5 minutes"),
        (timedelta(hours=14), "15 minutes"),
        (timedelta(days=2), "hour"),
        (timedelta(days=59), "day"),
        (timedelta(days=60), "week"),
        (timedelta(days=9999), "4 weeks"),
    ],
)
def test_a_step_is_as_short_as_few_steps_allow(span: timedelta, word: str) -> None:
    assert time_steps.choose_step(NOON - span, NOON).word == word


@pytest.mark.parametrize("step", time_steps.STEPS)
def test_a_time_lies_in_its_step(step: time_steps.TimeStep) -> None:
    at = datetime(2026, 11, 30, 12, 59, 59, 999_999)
    begin = step.floor(at)
    assert begin <= at < begin + step.length
    assert step.floor(begin) == begin
    assert step.floor(begin - timedelta(microseconds=1)) == begin - step.length


def test_a_week_begins_on_monday_and_a_lonely_step_has_air_around_it() -> None:
    week = time_steps.STEPS[-2]
    assert week.floor(datetime(2026, 11, 29, 23)) == datetime(2026, 11, 23)
    low, high = time_steps.choose_range(NOON, NOON, STEP)
    assert (NOON - low, high - NOON) == (timedelta(minutes=5), timedelta(minutes=7))
    assert time_steps.choose_range(NOON, NOON + timedelta(minutes=30), STEP)[0] == NOON


def minute(n: int, teacher: str = "gpt", calls: int = 2, cost: float | None = None, uncosted: int = 0) -> CallMinute:
    return CallMinute(datetime(2026, 11, 30, 11, n, tzinfo=UTC), teacher, calls, cost, uncosted)


def test_a_cost_that_nobody_knows_is_none_of_zero_dollars() -> None:
    minutes = [minute(0, cost=0.5), minute(1, cost=0.25), minute(1, "mini <b>", uncosted=2), minute(2, cost=0.0)]
    later = timedelta(hours=1)
    history = gather(minutes, STEP, lambda at: at.replace(tzinfo=None) + later, ["unasked", *NAMES])
    assert list(history.calls) == NAMES, "in the teachers' order, without those never called"
    assert history.dollars == {"gpt": {NOON: 0.5, NOON + timedelta(minutes=1): 0.25}}
    assert history.uncosted == {"mini <b>": 2}
    bars = calls_figure(history.calls, COLOURS, STEP)
    assert [bar.name for bar in bars.data] == ["gpt", "mini &lt;b&gt;"]
    assert sum(sum(bar.y) for bar in bars.data) == 8
    (line,) = money_figure(history.dollars, COLOURS, STEP, history.calls).data
    assert (line.x[0], line.y) == (NOON, (0, 0.5, 0.75)), "what was paid by the end of each step"


def test_of_several_teachers_the_sum_has_a_line_of_its_own() -> None:
    dollars = {"gpt": {NOON: 1.0}, "mini <b>": {NOON - STEP.length: 0.5, NOON: 1.0}}
    lines = money_figure(dollars, COLOURS, STEP, dollars).data
    assert [(line.name, line.y[-1]) for line in lines] == [("all", 2.5), ("gpt", 1.0), ("mini &lt;b&gt;", 1.5)]
    assert len({line.line.dash for line in lines}) == 3


def test_each_person_has_a_line_up_to_the_last_step_and_many_share_one() -> None:
    step, judged = count_by_step({"bob": [NOON, NOON, NOON + timedelta(minutes=9)], "ann": [NOON]})
    figure = progress_figure(judged, step)
    assert [(line.name, line.y[-1]) for line in figure.data] == [("ann", 1), ("bob", 3)]
    assert {line.x[-1] for line in figure.data} == {NOON + timedelta(minutes=10)}
    _, judged = count_by_step({f"p{n}": [NOON] * (20 - n) for n in range(MOST_LINES + 2)})
    assert list(judged)[-1] == "2 more people"
    assert judged["2 more people"] == {NOON: 20 - MOST_LINES + 20 - MOST_LINES - 1}


def test_thousands_of_judgements_are_few_points() -> None:
    step, judged = count_by_step({"ann": [NOON + timedelta(seconds=90 * n) for n in range(5000)]})
    assert sum(judged["ann"].values()) == 5000
    assert len(judged["ann"]) <= time_steps.MOST_STEPS + 1
    assert len(progress_figure(judged, step).data) == 1


def test_whiskers_end_where_the_interval_does_and_a_name_is_no_html() -> None:
    marks = [ShareMark("a <i>", 0.5, 0.25, 0.8, "2 of 4"), ShareMark("b", 0.0, 0.0, 0.4, "0 of 4", is_faint=True)]
    figure = shares_figure(marks, "right")
    bold, faint = figure.data
    assert (bold.y, faint.y) == ((1,), (0,)), "the first on top"
    assert bold.x[0] - bold.error_x.arrayminus[0] == 0.25
    assert bold.x[0] + bold.error_x.array[0] == pytest.approx(0.8)
    assert bold.marker.symbol != faint.marker.symbol
    assert figure.layout.yaxis.ticktext == ("b", "a &lt;i&gt;")


@pytest.mark.parametrize(("values", "scale"), [([5.0], (1, 5)), ([None], (1, 5)), ([3.2, 4.1], (3, 5))])
def test_one_score_alone_has_a_colour_on_the_scale(values: list[float | None], scale: tuple[int, int]) -> None:
    cells = [[MatrixCell(value, "n = 1") for value in values]]
    (heat_map,) = matrix_figure(["gpt"], [f"r{n}" for n in range(len(values))], cells).data
    assert (heat_map.zmin, heat_map.zmax) == scale
