"""Trainings laid over each other: the choice, which stands in the address, what differs between them, their curves."""

from collections.abc import Mapping, Sequence
from string import ascii_uppercase

import streamlit as st

from mapd.finetune.comparison import differences
from mapd.store import finetunes
from mapd.store.finetunes import Training
from mapd.ui.kit import context, tables, text, training_charts, url_state
from mapd.ui.kit.tables import Html
from mapd.ui.kit.theme import FIGURE_CONFIG

KEY = "compare"
# Session state: the choice, while the page is open.
STATE = "compared_trainings"


def choose_trainings(trainings: Sequence[Training]) -> list[Training]:
    """Draw the choice of trainings, whose uids stand in the address; return them."""
    by_uid = {training.uid: training for training in trainings}
    requested = st.query_params.get_all(KEY)
    for uid in [uid for uid in requested if uid not in by_uid]:
        text.complain(f"this address asks for a finetune that the project doesn't hold: {uid}")
    chosen = [uid for uid in dict.fromkeys(requested) if uid in by_uid][: training_charts.MOST]
    # No `bind`: streamlit would put names into the address, and they change. A key: with another default it would be
    # another widget, which forgets the choice that was just made.
    if STATE not in st.session_state or url_state.is_history_navigation():
        st.session_state[STATE] = chosen
    uids = st.multiselect(
        "Lay over each other",
        list(by_uid),
        key=STATE,
        format_func=lambda uid: name_training(by_uid[uid]),
        placeholder="Two or more finetunes",
        max_selections=training_charts.MOST,
    )
    if uids != requested:
        st.query_params[KEY] = uids
    return [by_uid[uid] for uid in uids]


def name_training(training: Training) -> str:
    """Return a training's arm or uid, and its student, as text for a label."""
    state = training.student or f"step {training.steps_done:,}, not finished"
    return text.one_line(f"{training.arm or training.uid[:12]} · {state}", 60)


def draw_overlay(trainings: Sequence[Training]) -> None:
    """Draw what differs between the trainings, and their curves over each other; of one alone, what is missing."""
    if not trainings:
        return
    if len(trainings) == 1:
        st.caption("Choose another one to lay over it.")
        return
    runs = dict(zip(ascii_uppercase, trainings, strict=False))
    _draw_differences(runs)
    steps = {letter: context.read(finetunes.steps, training.id) for letter, training in runs.items()}
    figures = training_charts.overlay_figures(steps)
    if not figures:
        st.caption("None of them has a step yet.")
    titled = list(figures.items())
    for start in range(0, len(titled), 2):
        for column, (title, figure) in zip(st.columns(2, gap="large"), titled[start : start + 2], strict=False):
            key = f"overlay_{title.replace(' ', '_')}"
            alt = f"{title} by step, of finetunes {', '.join(runs)}"
            column.plotly_chart(figure, key=key, config=FIGURE_CONFIG, alt=alt)


def _draw_differences(runs: Mapping[str, Training]) -> None:
    """Draw a table of what differs, a column a training."""
    header = ("", *(f"{letter} · {name_training(training)}" for letter, training in runs.items()))
    rows = [
        (row.name, *(None if value is None else Html(text.line_html(value, 40)) for value in row.values))
        for row in differences(list(runs.values()))
    ]
    if not rows:
        rows = [("nothing differs", *(None for _ in runs))]
    tables.draw_table(header, rows, words=1 + len(runs))
    st.caption("What isn't named here is alike in all of them.")
