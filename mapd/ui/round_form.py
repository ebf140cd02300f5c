"""The form that goes on with a round of a student: what it is taught, by whom, when it ends, and what it may cost."""

from collections.abc import Mapping
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mapd import students, teachers
from mapd.curation import saved_policies
from mapd.errors import MapdError
from mapd.finetune.hyperparameters import Hyperparameters
from mapd.jobs.round_work import RoundWork
from mapd.loop import round_plan
from mapd.loop.round_plan import MOST_ROUNDS, RoundPlan
from mapd.rounds import StopRule
from mapd.ui import jobs
from mapd.ui.kit import context, start_forms, text

FORM = "round_form"  # session state: whether the form is open
PAIRS = {"new": "new mistakes alone", "all": "all rounds so far"}
STOPS = {"": "never earlier", "gain": "dev gains fewer points", "better": "no better round is shown"}
STOP_HELP = (
    "Asked after each round, of the dev questions alone. A round is shown to be better where it has more right than "
    "the best one so far, and McNemar's p is below 0.05."
)


def draw_form(student: str) -> None:
    """Draw the form of this student's next round, or the line that says why there can't be one."""
    form = st.expander("Go on with a round", key=FORM, on_change="rerun")
    # What a round would cost is worked out once somebody opens the form.
    if not form.open:
        return
    with form:
        try:
            name, exam = context.read(round_plan.find_start, student=student)
            settings = context.read(round_plan.find_hyperparameters, name, {})
            usual = context.read(round_plan.find_committee, exam)
            policy = context.read(saved_policies.exam_policy, exam)
        except MapdError as error:
            st.caption(text.label(str(error), 400))
            return
        if not students.is_here(context.read(students.get, name), context.settings().home):
            st.caption(f"The weights of {text.label(name, 60)} are not on this machine: it can sit no exam here.")
            return
        st.caption(
            f"{text.label(name, 60)} sits the exam over train questions, asked like {text.label(exam.name, 80)}. Its "
            "mistakes are explained, reviewed, curated by the exam's policy, frozen and taught; the new student and "
            "this one are compared on dev. Only what is missing is asked."
        )
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
            rule = _choose_extent()
        names = _choose_teachers(usual.teachers, exam.uid)
        is_adaptive = start_forms.choose_adaptive(policy, f"round_adaptive_{exam.uid}", usual.adaptive)
        changes = _choose_settings(settings, name)
        plan = RoundPlan(name, exam.uid, **rule, teachers=tuple(names), adaptive=is_adaptive, settings=changes)
        _draw_start(plan)


def _choose_extent() -> dict[str, Any]:
    """Draw how many rounds there are, what they teach and when they end earlier; return it."""
    number = st.number_input("Rounds", 1, MOST_ROUNDS, 1, key="round_number", width=110)
    pairs = st.selectbox("Pairs of", list(PAIRS), format_func=PAIRS.__getitem__, key="round_pairs", width=200)
    stop = st.selectbox(
        "They end earlier where",
        list(STOPS),
        format_func=STOPS.__getitem__,
        key="round_stop",
        disabled=number == 1,
        help=STOP_HELP,
        width=230,
    )
    rule = round_plan.EVERY_ROUND
    if number > 1 and stop == "gain":
        points = st.number_input("Points", -100.0, 100.0, 1.0, 0.5, key="round_points", width=110)
        rule = StopRule(gain=float(points))
    elif number > 1 and stop == "better":
        patience = st.number_input("For rounds", 1, MOST_ROUNDS, 2, key="round_patience", width=110)
        rule = StopRule(patience=int(patience))
    return {"rounds": int(number), "pairs": pairs, "stop": rule}


# The fields below begin as it was in the round before: another student's are other fields.


def _choose_teachers(usual: tuple[str, ...], exam: str) -> list[str]:
    options = [x.name for x in context.read(teachers.list_teachers) if x.kind in teachers.KINDS and not x.disabled]
    default = [name for name in usual if name in options]
    return st.multiselect("Teachers", options, default, format_func=text.one_line, key=f"round_teachers_{exam}")


def _choose_settings(usual: Hyperparameters, student: str) -> Mapping[str, Any]:
    """Draw the hyper-parameters that are often changed; return those that are not as before."""
    columns: list[DeltaGenerator] = list(st.columns(4))
    values = {
        "alpha": columns[0].slider(
            "α, the weight of feedback", 0.0, 1.0, usual.alpha, 0.05, key=f"round_alpha_{student}"
        ),
        "epochs": columns[1].number_input("Epochs", 1, 1000, usual.epochs, key=f"round_epochs_{student}"),
        "learning_rate": columns[2].number_input(
            "Learning rate", 1e-9, 1.0, usual.learning_rate, 1e-4, format="%g", key=f"round_rate_{student}"
        ),
        "seed": columns[3].number_input("Seed", 0, 2**31 - 1, usual.seed, key=f"round_seed_{student}"),
    }
    return {name: value for name, value in values.items() if value != getattr(usual, name)}


def _draw_start(plan: RoundPlan) -> None:
    """Draw the budget, what it may cost, and the start."""
    column, _ = st.columns((1, 3))
    budget = start_forms.choose_budget(column, "round_budget", "all calls of these rounds' exams may cost")
    if not plan.teachers:
        st.caption("Choose at least one teacher. With only one, nothing is reviewed.")
        return
    try:
        estimate = context.read(round_plan.estimate, plan)
    except MapdError as error:
        text.complain(str(error))
        return
    words = text.one_line(estimate.in_words, 500)
    start_forms.draw_note(f"{words[:1].upper()}{words[1:]}.")
    if (unknown_price := start_forms.confirm_unknown_price(estimate.calls, "round_unknown")) is None:
        return
    if (
        not estimate.calls.is_free
        and budget is None
        and not st.checkbox("Spend it without a budget", key="round_spend")
    ):
        st.caption("How many mistakes there will be isn't known: set a budget, or tick the box.")
        return
    work = RoundWork(
        student=plan.student,
        exam=plan.exam,
        rounds=plan.rounds,
        pairs=plan.pairs,
        stop=plan.stop.words,
        teachers=plan.teachers,
        adaptive=plan.adaptive,
        budget=budget,
        unknown_price=unknown_price,
        settings=dict(plan.settings),
    )
    jobs.draw_start(lambda: work, "Start the round" if plan.rounds == 1 else "Start the rounds", "start_round")
