"""A second policy beside the chosen one: its controls, the figures of both, their lines, and whether P(right) holds.

second = choose_second(exam_id, choices)      # /threshold?policy=paper&with=fair&with_threshold=0.7
draw_comparison(exam_id, draft, second)
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

import streamlit as st

from mapd.curation.policy_sets import SOURCES, PolicyFigures, compare, list_notes
from mapd.curation.reliability import Tenth
from mapd.policies import Policy
from mapd.probability import GOLD, PEOPLE
from mapd.ui.kit import policy_charts, tables, text, url_state
from mapd.ui.kit.tables import Cell
from mapd.ui.kit.theme import FIGURE_CONFIG
from mapd.ui.threshold import slider
from mapd.ui.threshold.lab_figures import load_figures, load_policy_set

AGAINST = {GOLD: "against the gold check", PEOPLE: "against people’s judgements"}
# In a table, where two policies' figures need the width.
BY = {GOLD: "by the gold check", PEOPLE: "by people"}
PERCENT = "{:.1%}"


def choose_second(exam_id: int, choices: Mapping[str, Policy], saved: Policy) -> Policy | None:
    """Draw the choice of a second policy and its threshold; None for none."""
    url_state.settle("with", exam_id, **{"with": None})
    url_state.refuse_unknown("with", list(choices))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="mapd_lab_with"):
        name = st.selectbox(
            "Beside it",
            list(choices),
            index=None,
            key="with",
            placeholder="a second policy",
            on_change=_take_threshold,
            args=(choices,),
            width=220,
            **url_state.BOUND,
        )
        if name is None:
            return None
        base = choices[name]
        with st.container(key="mapd_with_threshold"):
            cuts = load_figures(exam_id, base, saved).cuts
            return base.at(slider.draw_slider(exam_id, base, cuts, key="with_threshold"))


def _take_threshold(choices: Mapping[str, Policy]) -> None:
    """Let the second policy begin at its own threshold: a callback."""
    if (name := st.session_state["with"]) is not None:
        st.session_state["with_threshold"] = choices[name].threshold


def draw_comparison(exam_id: int, draft: Policy, second: Policy, teachers: Collection[str] = ()) -> None:
    """Draw both policies' figures beside each other, and their lines over what they accept."""
    policies = (draft, second)
    sets = [load_policy_set(exam_id, policy, teachers) for policy in policies]
    comparison = compare(sets[0], draft, sets[1], second)
    known = {source: sets[0].quality[source].known for source in SOURCES}
    st.subheader("Side by side", anchor=False)
    figures = (comparison.first, comparison.second)
    names = (
        f"{text.one_line(x.policy, 30)}, {policy.rule} > {x.threshold:.2f}"
        for x, policy in zip(figures, policies, strict=True)
    )
    tables.draw_table(("", *names), [*_list_counts(figures), *_list_quality(figures, known)])
    source = next((source for source in SOURCES if known[source]), None)
    if source is None:
        st.caption("No gold answer can be compared with, and nobody has judged: how good they are isn’t known.")
        return
    notes = "; ".join(list_notes(sets[0], *policies))
    st.caption(text.label(f"{notes[:1].upper()}{notes[1:]}.", 900))
    traces = [policy_charts.trace_quality(x, policy, source) for x, policy in zip(sets, policies, strict=True)]
    if not any(value is not None for trace in traces for value in (*trace.precision, *trace.recall)):
        st.caption(f"Too few rationales are known {AGAINST[source]} for a line of precision and recall.")
        return
    alt = f"Precision and recall of both policies {AGAINST[source]}, over the share of rationales that each accepts"
    st.plotly_chart(policy_charts.quality_figure(traces), key="quality", config=FIGURE_CONFIG, alt=alt)
    st.caption(
        f"{AGAINST[source].capitalize()}. One axis for both: thresholds on a mean and on a probability meet in the "
        "share of rationales that they accept. The marks are the thresholds above."
    )


def _list_counts(figures: tuple[PolicyFigures, PolicyFigures]) -> list[tuple[Cell, ...]]:
    total = figures[0].rationales
    accepted = [f"{x.accepted:,} ({x.accepted / total:.0%})" if total else "0" for x in figures]
    return [
        ("rationales accepted", *accepted),
        ("mistakes covered", *(x.covered for x in figures)),
        ("training pairs, one a mistake", *(x.pairs for x in figures)),
    ]


def _list_quality(figures: tuple[PolicyFigures, PolicyFigures], known: Mapping[str, int]) -> list[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = []
    for source, words in BY.items():
        if not known[source]:
            rows.append((f"quality {words}", None, None))
            continue
        precision = (tables.estimate_cell(x.precision[source], PERCENT) for x in figures)
        recall = (tables.estimate_cell(x.recall[source], PERCENT) for x in figures)
        rows += [(f"precision {words}", *precision), (f"recall {words}", *recall)]
    return rows


def draw_reliability(exam_id: int, policies: Iterable[Policy | None], teachers: Collection[str] = ()) -> None:
    """Draw, on demand, whether fitted policies' probabilities hold, against the gold check and against people."""
    fitted = {policy.conditions: policy for policy in policies if policy is not None and policy.fit is not None}
    url_state.settle("reliability", exam_id, reliability=False)
    url_state.refuse("reliability", lambda value: value.lower() in ("true", "false"), "true or false", False)
    # It has every rationale decided: only where somebody wants to see it.
    if not fitted or not st.toggle("Do the probabilities hold?", key="reliability", **url_state.BOUND):
        return
    pictures: list[tuple[str, str, Sequence[Tenth]]] = []
    for number, policy in enumerate(fitted.values()):
        measured = load_policy_set(exam_id, policy, teachers)
        sources = [source for source in SOURCES if measured.quality[source].known]
        if not sources:
            st.caption(f"{text.label(policy.name, 60)}: no gold answer can be compared with, and nobody has judged.")
        pictures += [
            (f"reliability_{number}_{source}", f"{policy.name}, {AGAINST[source]}", measured.reliability[source])
            for source in sources
        ]
    with st.container(key="mapd_two"):
        for start in range(0, len(pictures), 2):
            for column, picture in zip(st.columns(2, gap="large"), pictures[start : start + 2], strict=False):
                with column:
                    _draw_tenths(*picture)


def _draw_tenths(key: str, title: str, tenths: Sequence[Tenth]) -> None:
    counts = ", ".join(f"{x.low:.1f}–{x.high:.1f}: {x.right.n:,}" for x in tenths if x.right.n)
    st.html(f'<div class="mapd-section">{text.line_html(title, 90)}</div>')
    if any(tenth.right.value is not None for tenth in tenths):
        alt = f"The share that is right in each tenth of P(right): {text.one_line(title, 90)}"
        st.plotly_chart(policy_charts.reliability_figure(tenths), key=key, config=FIGURE_CONFIG, alt=alt)
    lacks = any(x.right.n and x.right.value is None for x in tenths)
    st.caption(f"Rationales by P(right): {counts}.{' A tenth with too few has no mark.' if lacks else ''}")
