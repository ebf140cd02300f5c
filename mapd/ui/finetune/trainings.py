"""Every finetune in a list, and the curves, numbers and settings of one."""

import shlex
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from mapd import fingerprints
from mapd.finetune.comparison import label, value_in_words
from mapd.finetune.hyperparameters import hyperparameters_of
from mapd.store import finetunes
from mapd.store.finetunes import AddedStudent, Training
from mapd.store.tables import FinetuneStep
from mapd.ui.kit import charts, context, refusals, tables, text, times
from mapd.ui.kit.tables import Cell, Html
from mapd.ui.kit.theme import FIGURE_CONFIG

LIVE_S = 2.0
# Characters of a snapshot's name.
SHORT_NAME = 12
ADDED_HEADER = ("trained elsewhere", "from", "snapshot", "added by", "when", "adapter", "round")
HEADER = ("finetune", "from", "student", "snapshot", "state", "pairs", "alpha", "seed", "steps", "minutes")


def choose_training(trainings: Sequence[Training]) -> Training:
    """Return the finetune in the address, or else the newest."""
    uid = st.query_params.get("finetune")
    run = next((candidate for candidate in trainings if candidate.uid == uid), None)
    if uid and run is None:
        text.complain(f"this address asks for a finetune that the project doesn't hold: {uid}; the newest is shown")
    return run or trainings[0]


def count_steps(run: Training) -> int:
    """Return how many steps the finetune has in all, unless it ends early."""
    if run.planned_steps is not None:
        return run.planned_steps
    return hyperparameters_of(run).steps(run.pairs)


def draw_list(trainings: Sequence[Training], open_run: Training) -> None:
    """Draw every finetune, a line each."""
    tables.draw_table(HEADER, [_training_row(run, run is open_run) for run in trainings], words=5)


def _training_row(run: Training, is_open: bool) -> tuple[Cell, ...]:
    name = tables.link_cell(run.arm or run.uid[:SHORT_NAME], context.address("finetune", finetune=run.uid))
    return (
        Html(f"<b>{name}</b>") if is_open else name,
        text.one_line(run.parent, 30),
        text.one_line(run.student, 40) if run.student else None,
        tables.link_cell(run.snapshot[:SHORT_NAME], context.address("snapshots", exam=run.exam, snapshot=run.snapshot)),
        _describe_state(run),
        run.pairs,
        f"{run.alpha:g}",
        run.seed,
        f"{run.steps_done:,} of {count_steps(run):,}",
        f"{run.seconds / 60:.1f}",
    )


def _describe_state(run: Training) -> str:
    if run.student is None:
        return "not finished"
    return "done" if run.stopped_at is None else f"stopped at {run.stopped_at:,}"


def draw_added(added: Sequence[AddedStudent]) -> None:
    """Draw every student that was trained elsewhere, and the link to add one."""
    if added:
        tables.draw_table(ADDED_HEADER, map(_added_row, added), words=6)
    label = "Add a student that was trained elsewhere"
    context.link("pages/loop/data.py", label, icon=":material/upload_file:", way="students")


def _added_row(student: AddedStudent) -> tuple[Cell, ...]:
    snapshot: Cell = None if student.snapshot is None else student.snapshot[:SHORT_NAME]
    if student.exam is not None:
        snapshot = tables.link_cell(
            snapshot, context.address("snapshots", exam=student.exam, snapshot=student.snapshot)
        )
    is_here = (context.settings().home / student.adapter).is_dir()
    return (
        text.one_line(student.name, 40),
        text.one_line(student.parent, 30) if student.parent else None,
        snapshot,
        text.one_line(student.person, 30) if student.person else None,
        times.cell(student.created_at),
        Html(f'<code class="mapd-file">{text.line_html(student.adapter, 60)}</code>') if is_here else "not here",
        student.round,
    )


def draw_curves(run: Training, *, is_live: bool) -> None:
    """Draw both losses step by step, and the speed; `is_live`: refresh until the student is there."""
    if is_live and run.student is None:
        _draw_live_curves(run.uid)
    else:
        _draw_curves(run)


@st.fragment(run_every=LIVE_S)
@refusals.in_place
def _draw_live_curves(uid: str) -> None:
    context.rerun_if_refused()
    run = next(run for run in context.read(finetunes.finetunes) if run.uid == uid)
    if run.student is not None:
        st.rerun()
    _draw_curves(run)


def _draw_curves(run: Training) -> None:
    steps = context.read(finetunes.steps, run.id)
    if not steps:
        st.caption("No step is done yet.")
        return
    alt = f"Loss on rationales and on feedback over {len(steps)} steps"
    st.plotly_chart(charts.loss_figure(steps), key=f"losses_{run.uid}", config=FIGURE_CONFIG, alt=alt)
    if run.student is None:
        last, total = steps[-1], count_steps(run)
        seconds_left = last.seconds_left
        if seconds_left is None:
            seconds_left = run.seconds / len(steps) * (total - len(steps))
        words = f"step {len(steps):,} of {total:,}, {seconds_left / 60:.1f} minutes of work left"
        st.progress(min(1.0, len(steps) / total), words)
    elif run.stopped_at is None and len(steps) < count_steps(run):
        st.caption(f"It ended early, at step {len(steps):,} of {count_steps(run):,}: the validation loss fell no more.")
    _draw_numbers(run, steps)
    alt = f"Learning rate and gradient norm over {len(steps)} steps"
    st.plotly_chart(charts.pace_figure(steps), key=f"pace_{run.uid}", config=FIGURE_CONFIG, alt=alt)


def _draw_numbers(run: Training, steps: Sequence[FinetuneStep]) -> None:
    last = steps[-1]
    numbers: list[tuple[Cell, str]] = [
        (_loss_change([step.loss_rationale for step in steps]), "loss on rationales"),
        (_loss_change([step.loss_feedback for step in steps]), "loss on feedback"),
        (_loss_change([step.validation_rationale for step in steps]), "validation, rationales"),
        (_loss_change([step.validation_feedback for step in steps]), "validation, feedback"),
        (f"{sum(s.tokens_per_s for s in steps) / len(steps):,.0f}", "tokens a second"),
        (f"{last.learning_rate:.2g}", "learning rate"),
        (None if last.gradient_norm is None else f"{last.gradient_norm:.2f}", "gradient norm"),
        (None if last.memory_mb is None else f"{last.memory_mb:,.0f}", "MB of memory"),
        (f"{run.seconds / 60:.1f}", "minutes"),
    ]
    # Older finetunes kept fewer numbers. The two losses say by a dash that they aren't trained on.
    tables.draw_row(*(item for place, item in enumerate(numbers) if place < 2 or item[0] is not None))
    if run.validation_pairs:
        best = _find_best(run, steps)
        where = "" if best is None else f" The best so far, and what is kept, is step {best.step:,}."
        st.caption(f"{run.validation_pairs:,} pairs, of questions of their own, are not taught.{where}")


def _find_best(run: Training, steps: Sequence[FinetuneStep]) -> FinetuneStep | None:
    """Return the step of the lowest joint validation loss."""
    losses = {
        step.step: run.alpha * (step.validation_feedback or 0) + (1 - run.alpha) * (step.validation_rationale or 0)
        for step in steps
        if step.validation_feedback is not None or step.validation_rationale is not None
    }
    return min((step for step in steps if step.step in losses), key=lambda step: losses[step.step], default=None)


def _loss_change(losses: Sequence[float | None]) -> str | None:
    # A step that teaches nothing of a kind has no loss of it.
    values = [loss for loss in losses if loss is not None]
    return f"{values[0]:.2f} → {values[-1]:.2f}" if values else None


def draw_settings(run: Training) -> None:
    """Draw the settings of the finetune, and the link to its student's results."""
    st.subheader("Made with", anchor=False)
    settings = {"loss": f"{run.alpha:g} · on feedback + {1 - run.alpha:g} · on rationales"}
    settings |= {label(name): text.one_line(value_in_words(v), 80) for name, v in run.hyperparameters.items()}
    tables.draw_table(("", ""), list(settings.items()), words=2)
    if run.adapter and (folder := context.settings().home / run.adapter).is_dir():
        st.caption("The adapter of its student; `peft.AutoPeftModelForCausalLM.from_pretrained` loads it, too:")
        _draw_place(run, folder)
    elif (model := fingerprints.find_model(context.settings().home, run.uid)) is not None:
        st.caption("The model of its student; `transformers.AutoModelForCausalLM.from_pretrained` loads it, too:")
        _draw_place(run, model)
    if run.student:
        context.link("pages/train/results.py", "Before and after", icon=":material/compare_arrows:", exam=run.exam)


def _draw_place(run: Training, folder: Path) -> None:
    """Draw where the student's weights lie, and the command that takes it away."""
    st.code(str(folder), language=None, wrap_lines=True)
    if run.student:
        st.caption("To take it away with its card, in a terminal; also `--as merged`, or `--as gguf`:")
        # All weights are its own: then there is no adapter.
        form = () if run.adapter else ("--as", "merged")
        words = ("mapd", "students", "export", run.student, *form, "-o", "DIR")
        st.code(shlex.join(words), language=None, wrap_lines=True)
