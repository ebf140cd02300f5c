"""The finetune page's parts: every finetune, and of one its curves, its numbers and what made it."""

from collections.abc import Sequence

import streamlit as st

from mapd.finetune.hyperparameters import Hyperparameters
from mapd.store import db, finetunes
from mapd.store.finetunes import Training
from mapd.ui import charts, current, figures, telling, text
from mapd.ui.figures import Cell, Html
from mapd.ui.look import FIGURE_CONFIG

LIVE_S = 2.0
SHORT = 12  # characters of a snapshot's name
WORDS = {"batch": "pairs a step", "max_length": "tokens a dialogue", "rank": "rank of the adapter"}  # as in the form
HEADER = ("finetune", "from", "student", "snapshot", "state", "pairs", "alpha", "seed", "steps", "minutes")


def trainings() -> list[Training]:
    """Every finetune of the project, the newest first."""
    with db.reading(current.engine()) as session:
        return finetunes.finetunes(session)


def chosen(found: Sequence[Training]) -> Training:
    """The finetune that the address names, else the newest."""
    asked = st.query_params.get("finetune")
    named = next((one for one in found if one.uid == asked), None)
    if asked and named is None:
        text.complain(f"this address asks for a finetune that the project doesn't hold: {asked}; the newest is shown")
    return named or found[0]


def steps_of(one: Training) -> int:
    """How many steps it has in all."""
    return Hyperparameters(alpha=one.alpha, seed=one.seed, **one.hyperparameters).steps(one.pairs)


def listed(found: Sequence[Training], shown: Training) -> None:
    """Every finetune, a line each."""
    st.html(figures.table(HEADER, [_row(one, one is shown) for one in found], words=5))


def _row(one: Training, here: bool) -> tuple[Cell, ...]:
    name = figures.linked(one.arm or one.uid[:SHORT], current.address("finetune", finetune=one.uid))
    return (
        Html(f"<b>{name}</b>") if here else name,
        text.one_line(one.parent, 30),
        text.one_line(one.student, 40) if one.student else None,
        figures.linked(one.snapshot[:SHORT], current.address("snapshots", exam=one.exam, snapshot=one.snapshot)),
        "done" if one.student else "not finished",
        one.pairs,
        f"{one.alpha:g}",
        one.seed,
        f"{one.steps_done:,} of {steps_of(one):,}",
        f"{one.seconds / 60:.1f}",
    )


def curves(one: Training, *, live: bool) -> None:
    """Both losses, step by step, and how fast it went; `live`: drawn anew until its student is there."""
    if live and one.student is None:
        _live_curves(one.uid)
    else:
        _curves(one)


@st.fragment(run_every=LIVE_S)
@telling.in_place
def _live_curves(uid: str) -> None:
    current.leave_if_shut()
    one = next(training for training in trainings() if training.uid == uid)
    if one.student is not None:
        st.rerun()
    _curves(one)


def _curves(one: Training) -> None:
    with db.reading(current.engine()) as session:
        steps = finetunes.steps(session, one.id)
        if not steps:
            st.caption("No step is done yet.")
            return
        figure = charts.loss_figure(steps)
        first, last = steps[0], steps[-1]
    alt = f"Loss on rationales and on feedback over {len(steps)} steps"
    st.plotly_chart(figure, key=f"losses_{one.uid}", config=FIGURE_CONFIG, alt=alt)
    if len(steps) < steps_of(one):
        left = one.seconds / len(steps) * (steps_of(one) - len(steps))
        st.progress(
            len(steps) / steps_of(one),
            f"step {len(steps):,} of {steps_of(one):,}, {left / 60:.1f} minutes of work left",
        )
        st.caption("Where it isn't running any more: the same finetune, started again, goes on from its checkpoint.")
    st.html(
        figures.row(
            [
                (_fell(first.loss_rationale, last.loss_rationale), "loss on rationales"),
                (_fell(first.loss_feedback, last.loss_feedback), "loss on feedback"),
                (f"{sum(s.tokens_per_s for s in steps) / len(steps):,.0f}", "tokens a second"),
                (f"{one.seconds / 60:.1f}", "minutes"),
            ]
        )
    )


def _fell(first: float | None, last: float | None) -> str | None:
    return None if first is None or last is None else f"{first:.2f} → {last:.2f}"


def made_of(one: Training) -> None:
    """What it was made with, and where its student is compared."""
    st.subheader("Made with", anchor=False)
    settings = {"loss": f"{one.alpha:g} · on feedback + {1 - one.alpha:g} · on rationales"}
    settings |= {WORDS.get(name, name.replace("_", " ")): f"{value:g}" for name, value in one.hyperparameters.items()}
    st.html(figures.table(("", ""), list(settings.items()), words=2))
    if one.adapter and (folder := current.settings().home / one.adapter).is_dir():
        st.caption("Its adapter, which `peft.AutoPeftModelForCausalLM.from_pretrained` loads too:")
        st.code(str(folder), language=None, wrap_lines=True)
    if one.student:
        current.link("pages/train/results.py", "Before and after", icon=":material/compare_arrows:", exam=one.exam)
