"""Exam: how a student did on one set of questions, and every attempt of it."""

import streamlit as st

from mapd.ui import current, figures, rows, sitting, starting, working


def draw_page(exam_id: int) -> None:
    """Draw one exam."""
    exam_answers, row, material = sitting.load_exam(exam_id)
    sitting.draw_progress(exam_answers, material)
    sitting.draw_cut_off_form(material)
    sitting.draw_committee_link(material)
    families_column, setup_column = st.columns((3, 2), gap="large")
    with families_column:
        sitting.draw_families(exam_answers)
    with setup_column:
        sitting.draw_setup(row, exam_answers)
    sitting.draw_attempts(material)


figures.add_style()
st.html(rows.STYLE)
st.header("Exam", anchor=False)
working.show_started_exam()
working.draw_active("exam")
starting.draw_exam_form(is_open=current.current_exam() is None)
if (exam := current.current_exam() if working.is_active("exam") else current.require_exam()) is not None:
    draw_page(exam)
