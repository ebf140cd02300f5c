"""Teachers: who can be asked, whether each answers, and how another one is added."""

import streamlit as st

from mapd.ui import current, figures, teaching

figures.style()
st.header("Teachers", anchor=False)
callable_, others = teaching.known()
teaching.form(opened=not callable_)
teaching.listed(callable_)
if callable_:
    current.link("pages/loop/committee.py", "Ask them about an exam's mistakes", icon=":material/groups:")
teaching.others(others)
