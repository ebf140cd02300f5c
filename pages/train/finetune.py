"""Finetune: every finetune of the project, and the curves of one."""

import streamlit as st

from mapd.ui import figures, starting, training, working

figures.style()
st.header("Finetune", anchor=False)
working.follow_active("finetune")
found = training.trainings()
starting.finetune(opened=not found)
if found:
    shown = training.chosen(found)
    training.listed(found, shown)
    left, right = st.columns([62, 38], gap="large")
    with left:
        st.subheader("Losses", anchor=False)
        training.curves(shown, live=working.is_active("finetune", "demo"))
    with right:
        training.made_of(shown)
