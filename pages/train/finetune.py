"""Finetune: every finetune of the project, and the curves of one."""

import streamlit as st

from mapd.ui import figures, training

figures.style()
st.header("Finetune", anchor=False)
if found := training.trainings():
    shown = training.chosen(found)
    training.listed(found, shown)
    left, right = st.columns([62, 38], gap="large")
    with left:
        st.subheader("Losses", anchor=False)
        training.curves(shown)
    with right:
        training.made_of(shown)
else:
    training.nothing_yet()
