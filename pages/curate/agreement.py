"""Agreement: who agrees with whom, how each reviewer scores, and what sways reviewers and people."""

import streamlit as st

from mapd.curation.saved_policies import exam_policy
from mapd.store import queries
from mapd.ui import agreement
from mapd.ui.kit import context, frame
from mapd.ui.kit.cache import require_index
from mapd.ui.threshold.lab import describe


def draw_page(exam_id: int) -> None:
    """Draw the agreement of one exam."""
    if not require_index(exam_id):
        return
    report = agreement.load(exam_id)
    if not report.rationales:
        st.info("No rationale yet: nobody agrees or differs on anything.", icon=":material/groups:")
        context.link("pages/loop/committee.py", "Ask teachers", icon=":material/groups:")
        return
    agreement.draw_counts(report)
    st.subheader("Reviewers", anchor=False)
    with st.container(key="mapd_two"):
        matrix_column, pairs_column = st.columns([45, 55], gap="large")
    with matrix_column:
        agreement.draw_matrix(report)
    with pairs_column:
        agreement.draw_between_reviewers(report)
    agreement.draw_reviewers(report)
    agreement.draw_biases(report.reviewer_biases, of_people=False)
    st.subheader("People", anchor=False)
    if not report.people:
        st.caption("Nobody has judged a text of this exam: people’s agreement needs texts that two of them judged.")
        context.link("pages/review/triage.py", "Judge the first", icon=":material/rate_review:")
        return
    agreement.draw_people(report)
    policy = context.read(exam_policy, context.read(queries.exam, exam_id))
    agreement.draw_with_committee(report, describe(policy))
    agreement.draw_biases(report.people_biases, of_people=True)
    agreement.draw_sways(report)


frame.draw_exam_page("Agreement", draw_page)
