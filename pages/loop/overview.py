"""Overview: one mistake to follow, the next step, the funnel, the teachers, the people."""

import streamlit as st

from mapd.curation.next_step import next_step
from mapd.ui import current, figures, overview, starting, story, working
from mapd.ui.loaded import load_curated

figures.style()
empty = overview.is_empty()
st.header("Welcome" if empty else "Overview")
working.follow_active("demo")
if empty:
    overview.welcome()
elif (exam_id := current.require_exam()) is not None:
    curated = load_curated(exam_id)
    if curated.exam.split == "train":
        story.show(curated)
        newest, snapshots = overview.newest_snapshot(exam_id)
        overview.show_next_step(next_step(curated, newest))
        left, right = st.columns((5, 6), gap="large")
        with left:
            overview.show_funnel(curated, newest, snapshots)
        with right:
            overview.show_teachers(curated)
            overview.show_people(curated)
    else:
        overview.held_out(curated)
    starting.demo(opened=False)
