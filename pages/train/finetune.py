"""Finetune: every finetune of the project, and the curves of one."""

import streamlit as st

from mapd.ui import figures, starting, training, working

figures.add_style()
st.header("Finetune", anchor=False)
working.draw_active("finetune")
trainings = training.load_trainings()
starting.draw_finetune_form(is_open=not trainings)
if trainings:
    open_training = training.choose_training(trainings)
    training.draw_list(trainings, open_training)
    curves_column, settings_column = st.columns([62, 38], gap="large")
    with curves_column:
        st.subheader("Losses", anchor=False)
        training.draw_curves(open_training, is_live=working.is_active("finetune", "demo"))
    with settings_column:
        training.draw_settings(open_training)
