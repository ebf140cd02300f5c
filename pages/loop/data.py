"""Data: the ways in, one at a time; what the project holds, its names, the way out and back."""

import streamlit as st

from mapd.ui.data import (
    archives,
    attempts,
    authors,
    explanations,
    history,
    project,
    questions,
    students,
    trash,
    verdicts,
)
from mapd.ui.kit import tables, uploads, url_state

# By the word in the address: the purpose, and the function that draws it.
WAYS = {
    "questions": ("Questions of a benchmark, or your own: a student is examined on them.", questions.draw),
    "attempts": ("Answers that a model gave elsewhere: graded here, as an exam.", attempts.draw),
    "explanations": ("What teachers wrote elsewhere, with their scores: curated here.", explanations.draw),
    "verdicts": ("What people decided elsewhere: in a table, in Label Studio, in a copy.", verdicts.draw),
    "authors": ("The files that the paper's authors released: mistakes with what teachers said.", authors.draw),
    "students": ("A student that was trained elsewhere, on what was exported here: its adapter.", students.draw),
    "archive": ("A whole project, as another MAPD Studio wrote it.", archives.draw),
}

st.html(tables.STYLE)
st.header("Data")
uploads.allow()
url_state.settle("data", None, way="questions")
url_state.refuse_unknown("way", WAYS, "questions")
with st.container(horizontal=True, vertical_alignment="center"):
    way = st.segmented_control(
        "What comes in",
        list(WAYS),
        key="way",
        bind="query-params",
        required=True,
        default="questions",
        label_visibility="collapsed",
    )
    purpose, draw = WAYS[way or "questions"]
    st.caption(purpose)
draw()
project.draw_holdings()
history.draw()
trash.draw_manager()
trash.draw_trash()
