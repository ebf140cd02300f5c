"""Teachers: who can be asked, whether each answers, and how another one is added."""

import streamlit as st

from mapd.ui import current, figures, teaching

figures.add_style()
st.header("Teachers", anchor=False)
callable_teachers, other_authors = teaching.load_teachers()
teaching.draw_form(is_open=not callable_teachers)
teaching.draw_teachers(callable_teachers)
if callable_teachers:
    current.link("pages/loop/committee.py", "Ask them about an exam's mistakes", icon=":material/groups:")
teaching.draw_other_authors(other_authors)
