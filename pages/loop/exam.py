"""Exam: how a student did on one set of questions, and every attempt of it."""

import streamlit as st

from mapd.ui import current, figures, rows, sitting, starting, working


def page(exam_id: int) -> None:
    """One exam."""
    sat, row, material = sitting.read(exam_id)
    sitting.standing(sat, material)
    sitting.ask_again(material)
    sitting.lead_on(material)
    left, right = st.columns((3, 2), gap="large")
    with left:
        sitting.by_family(sat)
    with right:
        sitting.asked_how(row, sat)
    sitting.listed(material)


figures.style()
st.html(rows.STYLE)
st.header("Exam", anchor=False)
working.show_started_exam()
working.follow_active("exam")
starting.exam(opened=current.current_exam() is None)
if (exam := current.current_exam() if working.is_active("exam") else current.require_exam()) is not None:
    page(exam)
