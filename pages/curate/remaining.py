"""Remaining errors: how many wrong rationales are still accepted, and how many more looks are worth it."""

import streamlit as st

from mapd.review.remaining import list_notes, measure
from mapd.ui import remaining
from mapd.ui.kit import frame
from mapd.ui.kit.cache import load_curated


def draw_page(exam_id: int) -> None:
    """Draw what is left in one exam's curated set."""
    curated = load_curated(exam_id)
    fitted = remaining.choose_fitted(exam_id, curated.policy)
    audit = measure(curated, None if fitted is None else remaining.load_probabilities(exam_id, fitted))
    remaining.draw_numbers(audit)
    if audit.best is None:
        remaining.draw_lack(audit)
        return
    remaining.draw_estimates(audit, curated.policy)
    if audit.unseen:
        remaining.draw_looks(audit, exam_id)
        remaining.draw_links()
    st.caption(" · ".join(list_notes(audit, fitted and fitted.fit)))


frame.draw_exam_page("Remaining errors", draw_page)
