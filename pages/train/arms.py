"""Arms: one committee's texts taught in several ways, at equal size, over several seeds, compared on dev questions."""

import streamlit as st

from mapd.store import queries
from mapd.ui import arms, jobs
from mapd.ui.kit import context, frame


def draw_page(exam_id: int) -> None:
    """Draw the comparisons of one exam's arms."""
    exam = context.read(queries.exam, exam_id)
    jobs.draw_active("arms", exam=exam.uid)
    comparisons = arms.load_comparisons(exam)
    arms.draw_form(exam, is_open=not comparisons)
    if not comparisons:
        st.caption(
            "Nothing was compared yet. What was peer review worth, what the checks, what the feedback? Each arm is the "
            "same student, taught as many pairs, curated in another way."
        )
        return
    arms.draw_comparison(arms.choose_comparison(comparisons))


frame.draw_exam_page("Arms", draw_page)
