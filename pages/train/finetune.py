"""Finetune: every finetune of the project, and the curves of one."""

import streamlit as st

from mapd.store import finetunes
from mapd.ui import finetune, jobs
from mapd.ui.kit import context, finetune_form, frame

frame.head("Finetune")
jobs.draw_active("finetune")
trainings = context.read(finetunes.finetunes)
finetune_form.draw_finetune_form(is_open=not trainings)
added = context.read(finetunes.list_added)
if not trainings:
    finetune.draw_added(added)
else:
    open_training = finetune.choose_training(trainings)
    finetune.draw_list(trainings, open_training)
    finetune.draw_added(added)
    curves_column, settings_column = st.columns([62, 38], gap="large")
    with curves_column:
        st.subheader("Losses", anchor=False)
        finetune.draw_curves(open_training, is_live=jobs.is_active("finetune", "demo"))
    with settings_column:
        finetune.draw_settings(open_training)
