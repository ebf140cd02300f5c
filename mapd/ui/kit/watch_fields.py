"""The fields of what a training does besides: held-out questions, trackers, the optimizer that it keeps."""

import streamlit as st

from mapd.finetune.options import MOST_QUESTIONS, NO_OPTIONS, TRACKERS, RunOptions

ASK_HELP = "It answers a few dev questions that aren't taught, at the model as it is then; 0: never."
REPORT_HELP = (
    "Each needs its package on the worker's machine. Weights & Biases sends them to its server, by its own key."
)


def draw_watch_fields(key: str, *, may_keep: bool) -> RunOptions:
    """Draw the fields, whose keys begin with `key`; return what they say. `may_keep`: it may be full finetuning."""
    left, right = st.columns(2)
    every = left.number_input("Steps between held-out questions", 0, 1_000_000, 0, key=f"{key}_ask", help=ASK_HELP)
    count = right.number_input("How many questions", 1, MOST_QUESTIONS, NO_OPTIONS.ask_questions, key=f"{key}_asks")
    names = st.multiselect("Report its numbers to", list(TRACKERS), key=f"{key}_report", help=REPORT_HELP)
    label = "Keep the optimizer of full finetuning, so that it can go on for more epochs"
    keeps = may_keep and st.checkbox(label, key=f"{key}_keep")
    return RunOptions(int(every), int(count), ",".join(names), keeps)
