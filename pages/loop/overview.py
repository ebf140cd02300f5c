"""Overview: the next step, the funnel, the teachers, the people, and one mistake to follow."""

import streamlit as st

from mapd.curation.next_step import next_step
from mapd.ui import current, figures, overview
from mapd.ui.loaded import load_curated

figures.style()
if overview.is_empty():
    st.header("Welcome")
    overview.welcome()
elif (exam_id := current.require_exam()) is not None:
    st.header("Overview")
    curated = load_curated(exam_id)
    newest, snapshots = overview.newest_snapshot(exam_id)
    overview.show_next_step(next_step(curated, newest))
    left, right = st.columns((5, 6), gap="large")
    with left:
        overview.show_funnel(curated, newest, snapshots)
    with right:
        overview.show_teachers(curated)
        overview.show_people(curated)
    if curated.mistakes:
        overview.show_mistake(curated)
