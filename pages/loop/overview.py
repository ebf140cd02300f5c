"""Overview: one mistake to follow, the next step, the funnel, the teachers, the people."""

import streamlit as st

from mapd.review.next_step import next_step
from mapd.store import queries
from mapd.ui import jobs, overview, walkthrough
from mapd.ui.kit import context, start_forms, tables
from mapd.ui.kit.cache import load_curated

st.html(tables.STYLE)
is_empty = not context.read(queries.exams)
st.header("Welcome" if is_empty else "Overview")
jobs.draw_active("demo")
if is_empty:
    overview.draw_welcome()
elif (exam_id := context.require_exam()) is not None:
    curated = load_curated(exam_id)
    if curated.exam.split == "train":
        walkthrough.draw(curated)
        newest, snapshots = overview.load_newest_snapshot(exam_id)
        overview.draw_next_step(next_step(curated, newest))
        with st.container(key="mapd_two"):
            funnel_column, people_column = st.columns((5, 6), gap="large")
        with funnel_column:
            overview.draw_funnel(curated, newest, snapshots)
        with people_column:
            overview.draw_teachers(curated)
            overview.draw_people(curated)
    else:
        overview.draw_held_out(curated)
    start_forms.draw_demo_form(is_open=False)
