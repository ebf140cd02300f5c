"""Threshold lab: what every threshold gives, and what a change of policy would add and drop. Judgements stand."""

import streamlit as st

from mapd.curation.figures import Figures, sweep
from mapd.ui import charts, current, figures, lab, moves, narrowing, rows
from mapd.ui.loaded import catch_up
from mapd.ui.look import FIGURE_CONFIG
from mapd.verdicts import Policy


def page(exam_id: int) -> None:
    """The lab of one exam."""
    saved, known = lab.policies_of(exam_id)
    chosen = lab.choose(exam_id, saved, known)
    teachers = narrowing.choose(exam_id)
    lab.status(chosen, saved, known)
    catch_up(exam_id)
    before, after = (lab.figures_of(exam_id, policy, saved, teachers) for policy in (saved, chosen))
    if not after.at("rationales", 0):
        st.info("No rationale yet: a threshold has nothing to decide on.", icon=":material/groups:")
        current.link("pages/loop/committee.py", "Ask teachers", icon=":material/groups:")
        return
    with st.container(key="mapd_lab_view"):
        left, right = st.columns([62, 38], gap="medium")
    gold = lab.has_gold(exam_id)
    with left:
        chart(after, chosen, saved, gold=gold)
    with right:
        st.html(lab.numbers(exam_id, before, saved, after, chosen, gold=gold, teachers=teachers))
    st.subheader("What the change would do", anchor=False)
    if lab.same_conditions(chosen, saved) and not teachers:
        moves.by_threshold(exam_id, chosen, saved, **lab.params(chosen, known))
    else:
        moves.by_conditions(exam_id, chosen, saved, teachers)


def chart(after: Figures, chosen: Policy, saved: Policy, *, gold: bool) -> None:
    """All thresholds at once, under the conditions chosen."""
    if not after.at("with a vote", 0):
        st.caption("No rationale has a valid vote: every threshold leaves them all undecided.")
    at, was = chosen.threshold, saved.threshold
    xs = charts.thresholds([cut / 100 for cut in after.cuts], min(1.0, at, was), 5.0, (at, was))
    figure = charts.sweep_figure(sweep(after, xs), at, was, gold=gold)
    alt = "Rationales accepted, those with a wrong answer, mistakes covered and training pairs at every threshold"
    st.plotly_chart(figure, key="sweep", config=FIGURE_CONFIG, alt=alt)


figures.style()
st.html(rows.STYLE)
st.header("Threshold lab", anchor=False)
if (exam := current.require_exam()) is not None:
    page(exam)
