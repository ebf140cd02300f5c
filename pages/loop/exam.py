"""Exam: how a student did on one set of questions, and every attempt of it."""

import streamlit as st

from mapd import results
from mapd.store import queries
from mapd.ui import exam as sitting
from mapd.ui import exam_scores, jobs, students
from mapd.ui.kit import context, frame, rows, start_forms
from mapd.ui.kit.cache import load_material


def draw_page(exam_id: int) -> None:
    """Draw one exam."""
    exam_answers, material = context.read(results.load, exam_id), context.read(load_material, exam_id)
    sitting.draw_progress(exam_answers, material)
    sitting.draw_cut_off_form(material)
    sitting.draw_committee_link(material)
    with st.container(key="mapd_two"):
        families_column, setup_column = st.columns((3, 2), gap="large")
    with families_column:
        sitting.draw_families(exam_answers)
        if exam_answers.samples > 1:
            sitting.draw_samples(exam_id)
            sitting.draw_mistake_rule(exam_id, exam_answers.samples)
    with setup_column:
        sitting.draw_setup(context.read(queries.exam_row, exam_id), exam_answers)
    exam_scores.draw_exams(exam_answers)
    sitting.draw_attempts(material)


frame.head("Exam", rows.STYLE)
jobs.show_started_exam()
jobs.draw_active("exam")
start_forms.draw_exam_form(is_open=context.current_exam() is None)
students.draw_form()
if (exam := context.current_exam() if jobs.is_active("exam") else context.require_exam()) is not None:
    draw_page(exam)
