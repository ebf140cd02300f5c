"""Finetune: every finetune of the project, the curves and answers of one, and several laid over each other."""

import streamlit as st

from mapd.store import finetunes
from mapd.ui import jobs
from mapd.ui.finetune import acts, answers, overlay, trainings
from mapd.ui.kit import context, finetune_form, frame

frame.head("Finetune")
jobs.draw_active("finetune")
rows = context.read(finetunes.finetunes)
finetune_form.draw_finetune_form(is_open=not rows)
added = context.read(finetunes.list_added)
if not rows:
    trainings.draw_added(added)
else:
    open_training = trainings.choose_training(rows)
    trainings.draw_list(rows, open_training)
    trainings.draw_added(added)
    is_live = jobs.is_active("finetune", "demo")
    with st.container(key="mapd_two"):
        curves_column, settings_column = st.columns([62, 38], gap="large")
    with curves_column:
        st.subheader("Losses", anchor=False)
        acts.draw_acts(open_training)
        trainings.draw_curves(open_training, is_live=is_live)
    with settings_column:
        trainings.draw_settings(open_training)
    answers.draw_answers(open_training, is_live=is_live)
    if len(rows) > 1:
        st.subheader("Side by side", anchor=False)
        overlay.draw_overlay(overlay.choose_trainings(rows))
