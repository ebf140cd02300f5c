"""Threshold lab: the numbers at every threshold, and what a change of policy would add and drop. Judgements stand."""

from collections.abc import Collection

import streamlit as st

from mapd.curation.threshold_sweep import Figures, sweep
from mapd.policies import Policy
from mapd.store import queue_index
from mapd.ui.kit import charts, context, frame, rows
from mapd.ui.kit.cache import require_index
from mapd.ui.kit.theme import FIGURE_CONFIG
from mapd.ui.threshold import changes, comparison, fit_form, lab, lab_figures, slider


def draw_page(exam_id: int) -> None:
    """Draw the lab of one exam."""
    fit_form.choose_fitted(exam_id)
    saved, choices = lab.load_policies(exam_id)
    draft = lab.choose_policy(exam_id, saved, choices)
    teachers = lab.choose_teachers(exam_id)
    lab.draw_status(draft, saved, choices)
    lab.draw_fit_notes(exam_id, draft)
    if not require_index(exam_id):
        return
    saved_figures, draft_figures = (
        lab_figures.load_figures(exam_id, policy, saved, teachers) for policy in (saved, draft)
    )
    if not draft_figures.at("rationales", 0):
        st.info("No rationale yet: a threshold has nothing to decide on.", icon=":material/groups:")
        context.link("pages/loop/committee.py", "Ask teachers", icon=":material/groups:")
        return
    with st.container(key="mapd_lab_view"):
        chart_column, numbers_column = st.columns([62, 38], gap="medium")
    has_gold = context.read(queue_index.has_gold, exam_id)
    with chart_column:
        draw_chart(draft_figures, draft, saved, has_gold=has_gold)
    with numbers_column:
        lab.draw_numbers(exam_id, saved_figures, saved, draft_figures, draft, with_gold=has_gold, teachers=teachers)
    fit_form.draw_fit(draft, saved)
    fit_form.draw_form(exam_id)
    second = comparison.choose_second(exam_id, choices, saved)
    if second is not None:
        comparison.draw_comparison(exam_id, draft, second, teachers)
    comparison.draw_reliability(exam_id, (draft, second), teachers)
    draw_changes(exam_id, draft, saved, second, teachers, draft_figures, **lab.list_params(draft, choices))


def draw_changes(
    exam_id: int,
    draft: Policy,
    saved: Policy,
    second: Policy | None,
    teachers: Collection[str],
    draft_figures: Figures,
    **params: object,
) -> None:
    """Draw what a change to the draft would do; with a second policy, that from the draft to it."""
    if second is not None:
        st.subheader("What the change from the first to the second would do", anchor=False)
        changes.draw_condition_changes(exam_id, second, draft, teachers)
        return
    st.subheader("What the change would do", anchor=False)
    if lab_figures.have_same_conditions(draft, saved) and not teachers:
        changes.draw_threshold_changes(exam_id, draft, saved, draft_figures, **params)
    else:
        changes.draw_condition_changes(exam_id, draft, saved, teachers)


def draw_chart(draft_figures: Figures, draft: Policy, saved: Policy, *, has_gold: bool) -> None:
    """Draw all thresholds at once, under the draft's conditions."""
    if not draft_figures.at("with a vote", 0):
        st.caption("No rationale has a valid vote: every threshold leaves them all undecided.")
    threshold = draft.threshold
    # A threshold on a mean has no place among probabilities, and the other way round.
    saved_threshold = saved.threshold if (saved.fit is None) == (draft.fit is None) else threshold
    low, high, step = slider.slider_range(draft, saved_threshold)
    cuts = [cut / 100 for cut in draft_figures.cuts]
    xs = charts.thresholds(cuts, low, high, (threshold, saved_threshold), step)
    points = sweep(draft_figures, xs)
    figure = charts.sweep_figure(points, draft, saved_threshold, gold=has_gold)
    alt = "Rationales accepted, those with a wrong answer, mistakes covered and training pairs at every threshold"
    st.plotly_chart(figure, key="sweep", config=FIGURE_CONFIG, alt=alt)


frame.draw_exam_page("Threshold lab", draw_page, rows.STYLE)
