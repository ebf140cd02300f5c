"""Plotly figures of policies: precision and recall of a fit, of two side by side, and whether probabilities hold.

quality_figure([trace_quality(paper_set, PAPER, "gold"), …])      a solid line of precision, a dashed one of recall
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from mapd.curation.policy_sets import PolicySet
from mapd.curation.reliability import Tenth
from mapd.policies import Policy
from mapd.probability import FitPoint
from mapd.ui.kit import text
from mapd.ui.kit.charts import ACCENT, TEAL, make_whiskers
from mapd.ui.kit.theme import GREY, figure_layout

# The first policy, then the second: each its colour and its mark.
SIDES = ((ACCENT, "circle"), (TEAL, "diamond"))


@dataclass(frozen=True, slots=True)
class QualityTrace:
    """A policy's line: at each threshold that decides something, the share accepted, precision and recall."""

    policy: Policy
    thresholds: Sequence[float]
    accepted: Sequence[float]
    precision: Sequence[float | None]
    recall: Sequence[float | None]
    # Where among them the policy's own threshold is.
    place: int


def trace_quality(policy_set: PolicySet, policy: Policy, source: str) -> QualityTrace:
    """Return a policy's line against the gold check or people."""
    figures, quality, present = policy_set.figures, policy_set.quality[source], round(100 * policy.threshold)
    most = round(100 * policy.highest)
    ats = sorted({0, present, *(cut for cut in figures.cuts if cut <= most)})
    total = max(1, figures.at("rationales", 0))
    return QualityTrace(
        policy,
        [at / 100 for at in ats],
        [figures.at("accepted", at) / total for at in ats],
        [quality.precision.at(at).value for at in ats],
        [quality.recall.at(at).value for at in ats],
        ats.index(present),
    )


def quality_figure(traces: Sequence[QualityTrace]) -> go.Figure:
    """Return the figure of precision and recall over the share of rationales that each policy accepts."""
    figure = go.Figure()
    for trace, (colour, mark) in zip(traces, SIDES, strict=False):
        name = html.escape(text.one_line(trace.policy.name, 24))
        for word, ys, dash in (("precision", trace.precision, "solid"), ("recall", trace.recall, "dash")):
            figure.add_scatter(
                x=trace.accepted,
                y=ys,
                name=f"{name}: {word}",
                mode="lines",
                line={"width": 2, "color": colour, "dash": dash},
                customdata=[f"{trace.policy.rule} > {threshold:.2f}" for threshold in trace.thresholds],
                hovertemplate="%{y:.1%} at %{customdata}, %{x:.1%} accepted",
            )
        ys = [trace.precision[trace.place], trace.recall[trace.place]]
        marker = {"size": 10, "color": colour, "symbol": mark}
        xs = [trace.accepted[trace.place]] * 2
        figure.add_scatter(x=xs, y=ys, mode="markers", marker=marker, showlegend=False, hoverinfo="skip")
    figure.update_layout(**figure_layout(height=330, hovermode="closest"))
    figure.update_xaxes(title="share of rationales accepted", tickformat=".0%", range=[-0.02, 1.02], showgrid=False)
    figure.update_yaxes(tickformat=".0%", range=[0, 1.03], nticks=6)
    return figure


def fit_figure(points: Sequence[FitPoint], threshold: float) -> go.Figure:
    """Return the figure of precision and recall over the probability above which a fitted policy accepts."""
    figure = go.Figure()
    xs = [point.p for point in points]
    lines = (
        ("precision", [point.precision for point in points], ACCENT, "solid"),
        ("recall", [point.recall for point in points], TEAL, "dash"),
    )
    accepted = [point.accepted for point in points]
    for name, ys, colour, dash in lines:
        # What is above a threshold falls behind it, not before: shape hv.
        line = {"shape": "hv", "width": 2, "color": colour, "dash": dash}
        hover = "%{y:.1%}, %{customdata:,} accepted"
        figure.add_scatter(x=xs, y=ys, name=name, mode="lines", line=line, customdata=accepted, hovertemplate=hover)
    # The lines run along the top.
    label = {"annotation_text": f"chosen {threshold:.2f}", "annotation_position": "bottom right"}
    figure.add_vline(threshold, line={"width": 1.5, "color": GREY}, **label)
    figure.update_layout(**figure_layout(height=300))
    figure.update_xaxes(title="rationales accepted: P(right) greater than", range=[-0.01, 1.01], dtick=0.1)
    figure.update_xaxes(showgrid=False, hoverformat=".2f", unifiedhovertitle={"text": "P(right) > %{x:.2f}"})
    figure.update_yaxes(tickformat=".0%", range=[0, 1.03], nticks=6)
    return figure


def reliability_figure(tenths: Sequence[Tenth]) -> go.Figure:
    """Return the figure of the share that is right in each tenth of P(right), with whiskers of 95 %."""
    figure = go.Figure()
    line = {"width": 1.5, "dash": "dot", "color": GREY}
    figure.add_scatter(x=[0, 1], y=[0, 1], name="as predicted", mode="lines", line=line, hoverinfo="skip")
    marks = [
        (tenth.predicted, estimate.low, estimate.value, estimate.high, estimate.n)
        for tenth in tenths
        if (estimate := tenth.right).low is not None and estimate.high is not None and estimate.value is not None
    ]
    figure.add_scatter(
        x=[mark[0] for mark in marks],
        y=[mark[2] for mark in marks],
        error_y=make_whiskers([mark[1:4] for mark in marks], ACCENT),
        name="share that is right, 95 %",
        mode="markers",
        cliponaxis=False,
        marker={"color": ACCENT, "size": 9},
        customdata=[(low, high, n) for _, low, _, high, n in marks],
        hovertemplate="P %{x:.2f}: %{y:.1%} of %{customdata[2]:,} right, %{customdata[0]:.1%} to %{customdata[1]:.1%}"
        "<extra></extra>",
    )
    figure.update_layout(**figure_layout(height=330, hovermode="closest"))
    figure.update_xaxes(title="predicted: P(right), mean of each tenth", range=[-0.02, 1.02], nticks=6, showgrid=False)
    figure.update_yaxes(title="right", tickformat=".0%", range=[-0.02, 1.03], nticks=6)
    return figure
