"""Plotly figures over time: calls by teacher, what they cost, and how much each person has judged.

calls_figure({"gpt": {datetime(2026, 3, 1, 9): 48}}, {"gpt": "#0072B2"}, step)      a bar a step, a colour a teacher
"""

import html
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import accumulate
from typing import NamedTuple

import plotly.graph_objects as go

from mapd.ui.kit import text, time_steps
from mapd.ui.kit.charts import ACCENT
from mapd.ui.kit.theme import GREY, figure_layout
from mapd.ui.kit.time_steps import TimeStep
from mapd.ui.kit.training_charts import COLOURS, DASHES

# By name, then by when a step begins: what came in it.
Amounts = Mapping[str, Mapping[datetime, float]]


class Style(NamedTuple):
    """How a line looks: its colour is never the only sign."""

    colour: str
    dash: str


def calls_figure(calls: Amounts, colours: Mapping[str, str], step: TimeStep) -> go.Figure:
    """Return the figure of calls by step, a bar each, with a part for each teacher."""
    figure = go.Figure()
    width = step.length.total_seconds() * 1000
    for name, number_of in calls.items():
        figure.add_bar(
            x=list(number_of),
            y=list(number_of.values()),
            name=_label(name),
            # An outline: a light colour is a bar on the light page, too.
            marker={"color": colours.get(name, GREY), "line": {"color": GREY, "width": 0.5}},
            offset=0,
            width=width,
            hovertemplate="%{y:,}",
        )
    figure.update_layout(**figure_layout(height=240, barmode="stack", showlegend=True))
    figure.update_layout(legend={"traceorder": "normal"})
    figure.update_yaxes(title=f"calls per {step.word}", rangemode="tozero", tickformat=",d", nticks=5)
    return _set_range(figure, calls, step)


def money_figure(dollars: Amounts, colours: Mapping[str, str], step: TimeStep, whole: Amounts) -> go.Figure:
    """Return the figure of what calls have cost up to each step, by teacher and, of several, in all.

    `whole`: what sets the axis, so that it is that of the calls.
    """
    figure = go.Figure()
    styles = {name: Style(colours.get(name, GREY), DASHES[1 + n % (len(DASHES) - 1)]) for n, name in enumerate(dollars)}
    if len(dollars) > 1:
        _add_sums(figure, "all", add_up(dollars), step, Style(ACCENT, "solid"), "$%{y:,.4~f}")
    for name, amounts in dollars.items():
        _add_sums(figure, name, amounts, step, styles[name], "$%{y:,.4~f}")
    figure.update_layout(**figure_layout(height=220, showlegend=True))
    total = sum(amount for amounts in dollars.values() for amount in amounts.values())
    figure.update_yaxes(
        title="paid so far", rangemode="tozero", tickformat="$,.2f" if total > 0.1 else "$,.4f", nticks=5
    )
    return _set_range(figure, whole, step)


def progress_figure(judged: Amounts, step: TimeStep) -> go.Figure:
    """Return the figure of how many texts each person has judged up to each step."""
    figure = go.Figure()
    last = max(at for number_of in judged.values() for at in number_of)
    for place, (name, number_of) in enumerate(judged.items()):
        style = Style(COLOURS[place % len(COLOURS)], DASHES[place % len(DASHES)])
        # Each line goes on to the last step of anybody.
        _add_sums(figure, name, {**number_of, last: number_of.get(last, 0)}, step, style, "%{y:,}")
    figure.update_layout(**figure_layout(height=260, showlegend=True))
    figure.update_yaxes(title="texts judged", rangemode="tozero", tickformat=",d", nticks=5)
    return _set_range(figure, judged, step)


def add_up(amounts: Amounts) -> dict[datetime, float]:
    """Return what came in each step in all, the earliest first."""
    sums: dict[datetime, float] = {}
    for amount_of in amounts.values():
        for at, amount in amount_of.items():
            sums[at] = sums.get(at, 0) + amount
    return dict(sorted(sums.items()))


def list_times(amounts: Amounts) -> list[datetime]:
    """Return when the steps begin in which anything came, the earliest first."""
    return sorted({at for amount_of in amounts.values() for at in amount_of})


def _add_sums(
    figure: go.Figure, name: str, amounts: Mapping[datetime, float], step: TimeStep, style: Style, hover: str
) -> None:
    """Add the line of what has come up to the end of each step, from nothing at the beginning of the first."""
    times = sorted(amounts)
    sums: Sequence[float] = [0, *accumulate(amounts[at] for at in times)]
    figure.add_scatter(
        x=[times[0], *(at + step.length for at in times)],
        y=sums,
        name=_label(name),
        mode="lines",
        line={"width": 2, "color": style.colour, "dash": style.dash},
        hovertemplate=hover,
    )


def _set_range(figure: go.Figure, amounts: Amounts, step: TimeStep) -> go.Figure:
    times = list_times(amounts)
    low, high = time_steps.choose_range(times[0], times[-1], step)
    # No margin of its own making: two figures under each other have one axis.
    figure.update_layout(margin={"l": 72})
    figure.update_yaxes(automargin=False)
    figure.update_xaxes(type="date", range=[low, high], showgrid=False, nticks=8)
    return figure


def _label(name: str) -> str:
    return html.escape(text.one_line(name, 24))
