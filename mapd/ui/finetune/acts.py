"""What can be done with a training on the finetune page: stop it and keep its student, start it again, go on longer."""

import streamlit as st

from mapd.errors import BadInput
from mapd.finetune import origins, stopping
from mapd.finetune.hyperparameters import hyperparameters_of
from mapd.finetune.run import claim_key
from mapd.jobs.finetune_work import MOST_EPOCHS, FinetuneWork
from mapd.models import weights
from mapd.store import claims
from mapd.store.finetunes import Training, describe_stop
from mapd.ui import jobs
from mapd.ui.kit import actions, context, text, watch_fields

STOP_HELP = (
    "It ends behind the step in work, and what it has learned so far is a student of its own. The training itself can "
    "be started again, and goes on to its end."
)
EPOCHS_HELP = (
    "It goes on from its last weights and its optimizer, into a new student. The learning rate follows the schedule of "
    "the new length from there on: with cosine or linear it begins higher than it had ended."
)


def draw_acts(training: Training) -> None:
    """Draw how the training ended, and what can be done with it now."""
    if (stop := describe_stop(training.stopped_at, training.planned_steps)) is not None:
        st.caption(stop.capitalize() + ". The whole training goes on from there when it is started again.")
    if training.continues is not None:
        address = context.address("finetune", finetune=training.continues)
        st.html(f'<div class="mapd-note">Goes on from <a href="{address}">{training.continues[:12]}</a>.</div>')
    if training.student is None:
        _draw_stop_or_start(training)
    else:
        _draw_more_epochs(training)


def _draw_stop_or_start(training: Training) -> None:
    """Draw the button that stops a training that runs; of one that doesn't, the one that starts it again."""
    if not context.read(claims.is_claimed, claim_key(training.uid)):
        st.caption("It isn't running. Started again, or resumed as a job, it goes on from its checkpoint.")
        with st.popover("Start again", icon=":material/restart_alt:"):
            options = watch_fields.draw_watch_fields("again", may_keep=_is_full(training))
            jobs.draw_start(lambda: FinetuneWork.of_training(training, options), "Start it again", "start_again")
        return
    if training.stop_requested_at is not None:
        st.caption("It ends behind its step in work, and its student is kept.")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if actions.button("Stop and keep", key="stop_finetune", icon=":material/save:", help=STOP_HELP):
            actions.write_and_rerun(lambda session, person: stopping.request(session, training.uid, by=person))
        st.caption("To pause it, press Pause above; Resume goes on from its checkpoint.")


def _draw_more_epochs(training: Training) -> None:
    """Draw the form that goes on for more epochs; where its files are here and it can't, why."""
    folder = weights.finetune_folder(context.settings().home, training.uid)
    result = weights.result_folder(folder, hyperparameters_of(training).method)
    try:
        # It may have been trained on a worker's machine: what isn't here is looked for there.
        if result.is_dir():
            origins.require_last_step(folder, result)
    except BadInput as error:
        st.html(f'<div class="mapd-note">{text.line_html(str(error), 400)}</div>')
        return
    with st.popover("Go on for more epochs", icon=":material/more_time:"):
        st.caption(EPOCHS_HELP)
        epochs = int(st.number_input("More epochs", 1, MOST_EPOCHS, 1, key="more_epochs"))
        options = watch_fields.draw_watch_fields("more", may_keep=_is_full(training))
        jobs.draw_start(lambda: FinetuneWork.of_more_epochs(training, epochs, options), "Go on", "continue_finetune")


def _is_full(training: Training) -> bool:
    return hyperparameters_of(training).method == "full"
