"""Plotly figures. Fonts and background come from the theme, colours from theme.py; each line has its own dash style."""

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import plotly.graph_objects as go

from mapd.curation.threshold_sweep import AtThreshold
from mapd.policies import Policy
from mapd.results import FamilyResult
from mapd.rounds import StudentRound
from mapd.store.tables import FinetuneStep
from mapd.ui.kit import text
from mapd.ui.kit.theme import GREY, LOOKS, figure_layout

# Between the theme's two accents: legible on the light and on the dark page.
ACCENT = "#6866be"
TEAL = "#17808f"
# By field: name, colour and dash. The colour is never the only sign.
LINES = {
    "accepted": ("rationales accepted", LOOKS["accepted"].colour, "solid"),
    "wrong": ("of them with a wrong answer", LOOKS["incorrect"].colour, "dot"),
    "covered": ("mistakes covered", ACCENT, "dash"),
    "pairs": ("training pairs", GREY, "dashdot"),
}


def thresholds(
    cuts: Iterable[float], low: float, high: float, extras: Iterable[float], step: float = 0.05
) -> list[float]:
    """Return where to count: at every step of the slider, at every cut (there a line steps), and at `extras`."""
    steps = {round(low + i * step, 2) for i in range(round((high - low) / step) + 1)}
    return sorted(steps | {cut for cut in cuts if low <= cut <= high} | set(extras))


def sweep_figure(points: Sequence[AtThreshold], policy: Policy, saved: float, *, gold: bool = True) -> go.Figure:
    """Return the figure of all thresholds of a policy. Without `gold` answers it has no line of wrong rationales."""
    figure, draft = go.Figure(), policy.threshold
    # The rule is strict (mean > t), so a line falls at a mean, not before it: shape hv.
    xs = [p.threshold for p in points]
    lines = {name: line for name, line in LINES.items() if gold or name != "wrong"}
    for name, (label, colour, dash) in lines.items():
        line = {"shape": "hv", "dash": dash, "width": 2, "color": colour}
        ys = [getattr(p, name) for p in points]
        figure.add_scatter(x=xs, y=ys, name=label, mode="lines", line=line, hovertemplate="%{y:,}")
    point = next(p for p in points if p.threshold == draft)
    marks = {"size": 8, "color": [colour for _, colour, _ in lines.values()]}
    ys = [getattr(point, name) for name in lines]
    figure.add_scatter(x=[draft] * len(ys), y=ys, mode="markers", marker=marks, showlegend=False, hoverinfo="skip")
    # One line where both thresholds are the same.
    if saved != draft:
        figure.add_vline(saved, line={"width": 1, "dash": "dot", "color": GREY}, **_line_label("in use", saved, draft))
    figure.add_vline(draft, line={"width": 1.5, "color": ACCENT}, **_line_label("chosen", draft, saved))
    figure.update_layout(**figure_layout(height=330))
    edge, tick = (0.03, 0.5) if policy.fit is None else (0.01, 0.1)
    figure.update_xaxes(title=f"accepted: {policy.rule} greater than", dtick=tick)
    figure.update_xaxes(range=[min(xs) - edge, max(xs) + edge])
    figure.update_xaxes(hoverformat=".2f", unifiedhovertitle={"text": f"{policy.rule} > %{{x:.2f}}"}, showgrid=False)
    # plotly's own steps would be fractions where little is counted, and their labels the same number again and again
    most = max(getattr(p, name) for p in points for name in lines)
    figure.update_yaxes(rangemode="tozero", tickformat=",d", nticks=6, **({"dtick": 1} if most < 6 else {}))
    if not most:
        figure.update_yaxes(range=[0, 1])
    return figure


def _line_label(words: str, threshold: float, other_threshold: float) -> dict[str, Any]:
    """Return a vertical line's label, on the side away from the other line."""
    side = "top left" if threshold < other_threshold else "top right"
    return {"annotation_text": f"{words} {threshold:.2f}", "annotation_position": side, "annotation_font_size": 12}


# By field of a step: name, colour, dash, and whether it is a mark where it was computed.
LOSSES = {
    "loss_rationale": ("rationales", ACCENT, "solid", "lines"),
    "loss_feedback": ("feedback", TEAL, "dash", "lines"),
    "validation_rationale": ("validation, rationales", ACCENT, "dot", "lines+markers"),
    "validation_feedback": ("validation, feedback", TEAL, "dashdot", "lines+markers"),
}


def loss_figure(steps: Sequence[FinetuneStep]) -> go.Figure:
    """Return the figure of a finetune's losses by step; a loss that isn't trained on has no line."""
    figure = go.Figure()
    for name, (label, colour, dash, mode) in LOSSES.items():
        points = [(step.step, y) for step in steps if (y := getattr(step, name)) is not None]
        if points:
            # A step may teach nothing of a kind: the line goes on behind it.
            xs, ys = zip(*points, strict=True)
            line = {"dash": dash, "width": 2, "color": colour}
            figure.add_scatter(x=xs, y=ys, name=label, hovertemplate="%{y:.3f}", mode=mode, line=line)
    figure.update_layout(**figure_layout(height=330))
    label_steps(figure)
    figure.update_yaxes(title="loss (mean over the step's tokens)", rangemode="tozero", nticks=6)
    return figure


def pace_figure(steps: Sequence[FinetuneStep]) -> go.Figure:
    """Return the figure of the learning rate by step, and of the gradient's norm where it was kept."""
    figure = go.Figure()
    xs = [step.step for step in steps]
    line = {"dash": "solid", "width": 2, "color": ACCENT}
    rates = [step.learning_rate for step in steps]
    figure.add_scatter(x=xs, y=rates, name="learning rate", mode="lines", line=line, hovertemplate="%{y:.3g}")
    figure.update_layout(**figure_layout(height=220))
    figure.update_yaxes(title="learning rate", rangemode="tozero", nticks=4, exponentformat="e")
    norms = [step.gradient_norm for step in steps]
    if any(norm is not None for norm in norms):
        line = {"dash": "dash", "width": 2, "color": TEAL}
        style = {"mode": "lines", "line": line, "connectgaps": True, "yaxis": "y2"}
        figure.add_scatter(x=xs, y=norms, name="gradient norm", hovertemplate="%{y:.3g}", **style)
        axis = {"overlaying": "y", "side": "right", "title": "gradient norm", "rangemode": "tozero", "nticks": 4}
        figure.update_layout(yaxis2=axis | {"showgrid": False})
        figure.update_layout(margin={"r": 60})
    label_steps(figure)
    return figure


def label_steps(figure: go.Figure) -> None:
    """Name the axis of steps."""
    title = {"text": "step %{x}"}
    figure.update_xaxes(title="optimizer step", unifiedhovertitle=title, showgrid=False, rangemode="tozero")


def make_whiskers(ends: Iterable[tuple[float, float, float]], colour: str) -> dict[str, Any]:
    """Return the whiskers of values with their intervals, each as (low, value, high)."""
    rows = list(ends)
    return {
        "array": [high - value for _, value, high in rows],
        "arrayminus": [value - low for low, value, _ in rows],
        "color": colour,
        "thickness": 2,
    }


def rounds_figure(rounds: Sequence[StudentRound]) -> go.Figure:
    """Return the figure of accuracy by round with whiskers of 95 %, and the share that was ever right."""
    figure = go.Figure()
    xs = list(range(len(rounds)))
    scores = [entry.score for entry in rounds]
    ever = [entry.ever / entry.score.n for entry in rounds]
    line = {"dash": "dot", "width": 2, "color": GREY}
    figure.add_scatter(x=xs, y=ever, name="right in some round", mode="lines", line=line, hovertemplate="%{y:.1%}")
    figure.add_scatter(
        x=xs,
        y=[score.accuracy for score in scores],
        error_y=make_whiskers([(score.low, score.accuracy, score.high) for score in scores], ACCENT),
        name="right",
        mode="lines+markers",
        line={"width": 2, "color": ACCENT},
        marker={"size": 9},
        hovertemplate="%{y:.1%}",
    )
    figure.update_layout(**figure_layout(height=260))
    names = [html.escape(text.one_line(f"{entry.round} · {entry.student}", 24)) for entry in rounds]
    figure.update_xaxes(tickvals=xs, ticktext=names, showgrid=False, range=[-0.3, len(rounds) - 0.7])
    figure.update_yaxes(tickformat=".0%", rangemode="tozero", nticks=6)
    return figure


class ArmMark(NamedTuple):
    """An arm in the figure: its accuracy, the interval over questions, and each training's seed and accuracy."""

    accuracy: float
    interval: tuple[float, float]
    trainings: Sequence[tuple[int, float]]


def arms_figure(marks: Mapping[str, ArmMark]) -> go.Figure:
    """Return the figure of arms: a row each, the mean with its whiskers, and a small mark for each training."""
    figure, rows = go.Figure(), len(marks)
    height_of = {name: rows - 1 - place for place, name in enumerate(marks)}
    figure.add_scatter(
        x=[mark.accuracy for mark in marks.values()],
        y=list(height_of.values()),
        error_x=make_whiskers([(m.interval[0], m.accuracy, m.interval[1]) for m in marks.values()], ACCENT),
        name="mean, 95 % over questions",
        mode="markers",
        cliponaxis=False,
        marker={"color": ACCENT, "size": 10},
        customdata=[mark.interval for mark in marks.values()],
        hovertemplate="%{x:.1%}, %{customdata[0]:.1%} to %{customdata[1]:.1%}<extra></extra>",
    )
    dots = [(share, height_of[name] - 0.22, seed) for name, mark in marks.items() for seed, share in mark.trainings]
    if dots:
        xs, ys, seeds = zip(*dots, strict=True)
        figure.add_scatter(
            x=xs,
            y=ys,
            name="one training",
            mode="markers",
            cliponaxis=False,
            marker={"color": GREY, "symbol": "line-ns-open", "size": 9, "line": {"width": 2}},
            customdata=seeds,
            hovertemplate="%{x:.1%}, seed %{customdata}<extra></extra>",
        )
    figure.update_layout(**figure_layout(height=110 + 40 * rows, hovermode="closest"))
    figure.update_layout(margin={"l": 150, "r": 16, "t": 32, "b": 40})
    figure.update_xaxes(title="right, of dev questions", tickformat=".0%", rangemode="tozero")
    names = [html.escape(text.one_line(name, 22)) for name in marks]
    figure.update_yaxes(tickvals=list(range(rows)), ticktext=names[::-1], range=[-0.6, rows - 0.4])
    figure.update_yaxes(showgrid=False, zeroline=False)
    return figure


class MatrixCell(NamedTuple):
    """A cell of a matrix: its value, what is written in it, and what stands there without a value."""

    value: float | None
    words: str


# From few to many, in the accent, and what is written on it: legible on each, on the light and on the dark page.
RAMP, INK = ((0.0, "#f1f0fb"), (1.0, "#a3a1e2")), "#1a1917"


def matrix_figure(rows: Sequence[str], columns: Sequence[str], cells: Sequence[Sequence[MatrixCell]]) -> go.Figure:
    """Return the heat map of authors (rows) by reviewers: mean scores, coloured, with what is written in each."""
    figure = go.Figure()
    row_names, column_names = ([html.escape(text.one_line(name, 16)) for name in names] for names in (rows, columns))
    # By number, not by name: two names that are cut may be the same.
    xs, ys = list(range(len(columns))), list(range(len(rows)))
    values = [[cell.value for cell in row] for row in cells]
    present = [value for row in values for value in row if value is not None]
    low, high = (math.floor(min(present)), math.ceil(max(present))) if present else (1, 5)
    figure.add_heatmap(
        x=xs,
        y=ys,
        z=values,
        text=[["" if cell.value is None else cell.words for cell in row] for row in cells],
        texttemplate="%{text}",
        textfont={"color": INK, "size": 12},
        hoverinfo="skip",
        colorscale=RAMP,
        zmin=low if low < high else 1,
        zmax=high if low < high else 5,
        xgap=2,
        ygap=2,
        colorbar={"title": {"text": "mean", "side": "right"}, "thickness": 10, "nticks": 5},
    )
    blanks = [(x, y, cell.words) for y, row in enumerate(cells) for x, cell in enumerate(row) if cell.value is None]
    for x, y, words in blanks:
        figure.add_annotation(x=x, y=y, text=words, showarrow=False, font={"color": GREY, "size": 12})
    figure.update_layout(**figure_layout(height=120 + 58 * len(rows), hovermode=False))
    figure.update_layout(margin={"l": 110, "r": 8, "t": 56, "b": 8})
    style = {"showgrid": False, "zeroline": False, "fixedrange": True}
    figure.update_xaxes(title="reviewer", side="top", tickvals=xs, ticktext=column_names, **style)
    figure.update_yaxes(title="author", autorange="reversed", tickvals=ys, ticktext=row_names, **style)
    return figure


# Before and after: name, colour, mark, and how far from the row's middle.
EXAMS = {"before": (GREY, "circle-open", 0.14), "after": (ACCENT, "circle", -0.14)}


def accuracy_figure(results: Mapping[str, FamilyResult]) -> go.Figure:
    """Return the figure of accuracy before and after, a row a family, with whiskers of 95 %."""
    figure, rows = go.Figure(), len(results)
    for name, (colour, mark, offset) in EXAMS.items():
        scores = [getattr(result, name) for result in results.values()]
        figure.add_scatter(
            x=[score.accuracy for score in scores],
            y=[rows - 1 - row + offset for row in range(rows)],
            error_x=make_whiskers([(score.low, score.accuracy, score.high) for score in scores], colour),
            name=name,
            mode="markers",
            cliponaxis=False,
            marker={"color": colour, "symbol": mark, "size": 9, "line": {"width": 2, "color": colour}},
            customdata=[(score.correct, score.n, score.low, score.high) for score in scores],
            hovertemplate="%{x:.1%} (%{customdata[0]:,} of %{customdata[1]:,}), "
            "%{customdata[2]:.1%} to %{customdata[3]:.1%}",
        )
    figure.update_layout(**figure_layout(height=110 + 46 * rows, hovermode="closest"))
    figure.update_layout(margin={"l": 110, "r": 16, "t": 32, "b": 40})
    figure.update_xaxes(title="right", tickformat=".0%", rangemode="tozero")
    names = [html.escape(text.one_line(name, 24)) for name in results]
    figure.update_yaxes(tickvals=list(range(rows)), ticktext=names[::-1], range=[-0.6, rows - 0.4])
    figure.update_yaxes(showgrid=False, zeroline=False)
    return figure


class ShareMark(NamedTuple):
    """A share in a figure with its interval, and of what it is: "79 of 210". `is_faint`: it stands behind others."""

    label: str
    value: float
    low: float
    high: float
    words: str
    is_faint: bool = False


def shares_figure(marks: Sequence[ShareMark], title: str, label_width: int = 110) -> go.Figure:
    """Return the figure of shares, a row each, with whiskers of 95 %."""
    figure, rows = go.Figure(), len(marks)
    for is_faint, colour, symbol in ((False, ACCENT, "circle"), (True, GREY, "circle-open")):
        part = [(rows - 1 - place, mark) for place, mark in enumerate(marks) if mark.is_faint is is_faint]
        figure.add_scatter(
            x=[mark.value for _, mark in part],
            y=[height for height, _ in part],
            error_x=make_whiskers(((mark.low, mark.value, mark.high) for _, mark in part), colour),
            mode="markers",
            cliponaxis=False,
            marker={"color": colour, "symbol": symbol, "size": 9, "line": {"width": 2, "color": colour}},
            customdata=[(mark.low, mark.high, mark.words) for _, mark in part],
            hovertemplate="%{x:.1%} (%{customdata[2]}), %{customdata[0]:.1%} to %{customdata[1]:.1%}<extra></extra>",
        )
    figure.update_layout(**figure_layout(height=80 + 34 * rows, hovermode="closest", showlegend=False))
    figure.update_layout(margin={"l": label_width, "r": 16, "t": 8, "b": 40})
    # The whole axis, so that a high share looks high on each page.
    figure.update_xaxes(title=title, tickformat=".0%", range=[-0.01, 1.01], nticks=6)
    # Seven pixels a letter, as the page's font has them.
    names = [html.escape(text.one_line(mark.label, (label_width - 10) // 7)) for mark in marks]
    figure.update_yaxes(tickvals=list(range(rows)), ticktext=names[::-1], range=[-0.6, rows - 0.4])
    figure.update_yaxes(showgrid=False, zeroline=False)
    return figure


def estimates_figure(ends: Mapping[str, tuple[float, float, float]], title: str) -> go.Figure:
    """Return the figure of estimates, a row each: the number with its whiskers, from (low, number, high)."""
    figure, rows = go.Figure(), len(ends)
    figure.add_scatter(
        x=[number for _, number, _ in ends.values()],
        y=list(range(rows))[::-1],
        error_x=make_whiskers(ends.values(), ACCENT),
        mode="markers",
        cliponaxis=False,
        marker={"color": ACCENT, "size": 10},
        customdata=[(low, high) for low, _, high in ends.values()],
        hovertemplate="%{x:,.0f}, %{customdata[0]:,.0f} to %{customdata[1]:,.0f}<extra></extra>",
    )
    figure.update_layout(**figure_layout(height=80 + 40 * rows, hovermode="closest"))
    figure.update_layout(margin={"l": 170, "r": 16, "t": 8, "b": 40})
    figure.update_xaxes(title=title, rangemode="tozero")
    figure.update_yaxes(tickvals=list(range(rows)), ticktext=list(ends)[::-1], range=[-0.6, rows - 0.4])
    figure.update_yaxes(showgrid=False, zeroline=False)
    return figure


# Points of a curve: more than a screen has pixels would only be slow.
MOST_POINTS = 1_000


def looks_figure(lines: Mapping[str, Sequence[float]], target: float | None, worthwhile: int | None) -> go.Figure:
    """Return the figure of wrong texts left by further looks: as expected, and at the interval's upper end."""
    figure = go.Figure()
    looks = (("expected", ACCENT, "solid"), ("upper end", GREY, "dot"))
    for name, colour, dash in looks:
        lefts = lines[name]
        step = max(1, len(lefts) // MOST_POINTS)
        xs = sorted({*range(0, len(lefts), step), len(lefts) - 1})
        line = {"width": 2, "color": colour, "dash": dash}
        figure.add_scatter(
            x=xs, y=[lefts[x] for x in xs], name=name, mode="lines", line=line, hovertemplate="%{y:,.1f}"
        )
    if target is not None:
        label = {"annotation_text": "may stay", "annotation_position": "top right", "annotation_font_size": 12}
        figure.add_hline(target, line={"width": 1.5, "color": TEAL, "dash": "dash"}, **label)
    if worthwhile is not None:
        label = {"annotation_text": "pays up to here", "annotation_position": "top right", "annotation_font_size": 12}
        figure.add_vline(worthwhile, line={"width": 1.5, "color": TEAL}, **label)
    figure.update_layout(**figure_layout(height=280))
    title = {"text": "%{x:,} looks"}
    figure.update_xaxes(title="further looks, the most likely wrong first", unifiedhovertitle=title, rangemode="tozero")
    figure.update_yaxes(title="wrong ones left", rangemode="tozero", nticks=6)
    return figure
