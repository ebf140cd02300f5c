"""Committee: what the teachers wrote on an exam's mistakes, how they reviewed each other, and every call."""

import streamlit as st

from mapd.ui import committee, current, figures, starting, working
from mapd.ui.loaded import load_curated


def page(exam_id: int) -> None:
    """The committee of one exam."""
    curated = load_curated(exam_id)
    working.follow_active("collect", exam=curated.exam.uid)
    written = any(m.texts for m in curated.mistakes)
    starting.collect(curated, opened=not written)
    if written:
        committee.counts(curated)
        with st.container(key="mapd_two"):
            left, right = st.columns(2, gap="large")
        with left:
            committee.who_reviewed_whom(curated)
        with right:
            committee.what_they_let_pass(curated)
    elif curated.exam.split != "train":
        committee.held_out()
    current.link("pages/loop/teachers.py", "The project's teachers", icon=":material/school:")
    committee.calls(curated.exam)
    if written:
        committee.how_read()


figures.style()
st.header("Committee", anchor=False)
if (exam := current.require_exam()) is not None:
    page(exam)
