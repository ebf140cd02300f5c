"""Figures of several trainings laid over each other: one a quantity, a line a training, each with its letter."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from mapd.store.tables import FinetuneStep
from mapd.ui.kit import charts
from mapd.ui.kit.theme import AMBER, GREY, PURPLE, VERMILLION, figure_layout

# By a training's place: its colour and its dash. Two in one colour have two dashes.
COLOURS = (charts.ACCENT, VERMILLION, charts.TEAL, AMBER, PURPLE, GREY)
DASHES = ("solid", "dash", "dot", "dashdot")
MOST = 8
# By a step's field: what the figure is of, and how its numbers are written.
QUANTITIES = {
    "loss_rationale": ("loss on rationales", ".3f"),
    "loss_feedback": ("loss on feedback", ".3f"),
    "validation_rationale": ("validation loss, rationales", ".3f"),
    "validation_feedback": ("validation loss, feedback", ".3f"),
    "learning_rate": ("learning rate", ".3g"),
    "gradient_norm": ("gradient norm", ".3g"),
}


def overlay_figures(runs: Mapping[str, Sequence[FinetuneStep]]) -> dict[str, go.Figure]:
    """Return a figure of each quantity that a training here has, by what it is of. `runs`: their steps, by letter."""
    figures = {}
    for field, (title, form) in QUANTITIES.items():
        lines = {
            letter: [(step.step, y) for step in steps if (y := getattr(step, field)) is not None]
            for letter, steps in runs.items()
        }
        if any(lines.values()):
            figures[title] = _make_figure(title, form, lines, is_sparse=field.startswith("validation"))
    return figures


def _make_figure(
    title: str, form: str, lines: Mapping[str, Sequence[tuple[int, float]]], *, is_sparse: bool
) -> go.Figure:
    figure = go.Figure()
    for place, (letter, points) in enumerate(lines.items()):
        # A training without this quantity keeps its colour: the others have theirs in each figure.
        if points:
            xs, ys = zip(*points, strict=True)
            line = {"color": COLOURS[place % len(COLOURS)], "dash": DASHES[place % len(DASHES)], "width": 2}
            mode = "lines+markers" if is_sparse else "lines"
            figure.add_scatter(x=xs, y=ys, name=letter, mode=mode, line=line, hovertemplate=f"%{{y:{form}}}")
    figure.update_layout(**figure_layout(height=240, showlegend=True))
    charts.label_steps(figure)
    figure.update_yaxes(title=title, rangemode="tozero", nticks=5, exponentformat="e" if form.endswith("g") else None)
    return figure
