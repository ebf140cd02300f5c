"""Playground: any two students answer one question side by side, token by token; nothing of it is stored."""

import streamlit as st

from mapd.ui.kit import frame, rows
from mapd.ui.playground import answers, form


def draw_page() -> None:
    """Draw what is asked of whom, the button, and the answers as they are written."""
    students = form.choose_students()
    if students is None:
        form.draw_empty()
        return
    question = form.choose_question()
    with st.container(horizontal=True, vertical_alignment="center"):
        decoding = form.choose_decoding()
        answers.draw_buttons(students, question, decoding)
    answers.draw_answers(question)
    answers.draw_command(students, question, decoding)


frame.head("Playground", rows.STYLE)
draw_page()
