"""Teachers: who can be asked, whether each answers, and how another one is added."""

import streamlit as st

from mapd.ui import figures, teaching

figures.style()
st.header("Teachers", anchor=False)
callable_, others = teaching.known()
teaching.form(opened=not callable_)
teaching.listed(callable_)
teaching.others(others)
