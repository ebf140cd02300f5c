"""The form that starts a finetune: every hyper-parameter, filled by a preset, and what it would take."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mapd import students
from mapd.finetune.hyperparameters import METHODS, PRECISIONS, PRESETS, RATES, SCHEDULES, choose
from mapd.finetune.preflight import Preflight
from mapd.jobs.finetune_work import DEFAULT, FinetuneWork
from mapd.people import Person, Right, require
from mapd.store import queries
from mapd.store import tables as t
from mapd.ui import jobs
from mapd.ui.kit import actions, context, start_forms, tables, text, times, watch_fields
from mapd.ui.kit.command_runs import run_command

LENGTH_HELP = (
    "A longer explanation is cut at the end. A pair whose prompt alone is longer is left out. Both are counted."
)
RATE_HELP = "By method: " + "; ".join(f"{method} {rate:g}, {source}" for method, (rate, source) in RATES.items())
PRESET_HELP = "Fills the fields below. paper: as the paper's code trains: all weights, ten epochs, at 1e-5."
# For a check: the student is loaded, and a step of it computed.
PATIENCE_S = 600


def draw_finetune_form(*, is_open: bool) -> None:
    """Draw the choice of snapshot, student and hyper-parameters, the check, and the start."""
    with st.expander("Teach a student", expanded=is_open):
        rows = context.read(queries.snapshots)
        names = start_forms.list_students(students.is_here)
        if not rows:
            st.markdown("**No snapshot yet.** A student is taught from a frozen curated set.")
            context.link("pages/curate/snapshots.py", "Freeze one", icon=":material/inventory_2:")
            return
        if not names:
            st.caption("No student can be taught here yet: add one on the exam page, or with `mapd students add`.")
            return
        snapshot_column, student_column, seed_column = st.columns((3, 2, 1))
        row = _choose_snapshot(snapshot_column, rows)
        student = _choose_student(student_column, names, queries.identity(row))
        seed = seed_column.number_input("Seed", 0, 2**31 - 1, DEFAULT.seed, key="finetune_seed")
        st.segmented_control(
            "Preset",
            list(PRESETS),
            default="default",
            required=True,
            key="finetune_preset",
            on_change=_apply_preset,
            help=PRESET_HELP,
        )
        choices = _choose_usual() | _choose_others() | _choose_options() | {"seed": int(seed)}
        work = FinetuneWork(snapshot=row.sha256, student=student, **choices)
        _draw_check(work)
        jobs.draw_start(lambda: work, "Start the finetune", "start_finetune")


def _choose_snapshot(column: DeltaGenerator, rows: Sequence[t.Snapshot]) -> t.Snapshot:
    frozen = {s.sha256: f"{s.sha256[:12]} · {s.pairs:,} pairs · {times.moment(s.created_at)}" for s in rows}
    requested_sha = st.query_params.get("snapshot")
    index = list(frozen).index(requested_sha) if requested_sha in frozen else 0
    sha = column.selectbox("Snapshot", list(frozen), index, format_func=frozen.__getitem__, key="finetune_snapshot")
    return next(s for s in rows if s.sha256 == sha)


def _choose_student(column: DeltaGenerator, names: Sequence[str], snapshot_id: int) -> str | None:
    """Draw the choice of who is taught; return it. Of exams of several students it has to be made first."""
    sitters = {exam.student for exam in context.read(queries.exams_of_snapshot, snapshot_id)}
    # A served student has no weights here, but its parent may.
    rows = {row.id: row for row in context.read(students.list_students)}
    parents = {rows[row.parent_id].name for row in rows.values() if row.name in sitters and row.parent_id in rows}
    known = [name for name in names if name in sitters] or [name for name in names if name in parents]
    index = None if len(sitters) > 1 else names.index(known[0]) if known else 0
    key, hint = f"finetune_student_{snapshot_id}", "Who is taught?"
    student: str | None = column.selectbox(
        "Student", names, index, format_func=text.one_line, key=key, placeholder=hint
    )
    return student


def _apply_preset() -> None:
    """Fill the fields that a preset names, and put the others of them back."""
    settings = choose(st.session_state.finetune_preset)
    names = {name for values in PRESETS.values() for name in values}
    st.session_state.update({_key(name): getattr(settings, name) for name in names})


def _apply_method() -> None:
    """Fill the learning rate that the method usually has."""
    st.session_state[_key("learning_rate")] = RATES[st.session_state[_key("method")]][0]


def _key(name: str) -> str:
    short = {"learning_rate": "rate", "max_length": "length"}
    return f"finetune_{short.get(name, name)}"


def _number(column: DeltaGenerator, label: str, name: str, low: float, high: float, **options: Any) -> Any:
    """Draw a number's field, with the default of its hyper-parameter; return its value."""
    # A preset may have set it: a field takes one of the two.
    is_set = _key(name) in st.session_state
    value = {} if is_set else {"value": getattr(DEFAULT, name)}
    return column.number_input(label, low, high, key=_key(name), **value, **options)


def _choose_usual() -> dict[str, Any]:
    """Draw the hyper-parameters that are often changed; return their values."""
    method_column, alpha_column, epochs_column = st.columns(3)
    method = method_column.selectbox("Method", METHODS, key=_key("method"), on_change=_apply_method)
    alpha = alpha_column.slider("α, the weight of feedback", 0.0, 1.0, DEFAULT.alpha, 0.05, key=_key("alpha"))
    epochs = _number(epochs_column, "Epochs", "epochs", 1, 1000)
    rate_column, batch_column, length_column = st.columns(3)
    rate = _number(rate_column, "Learning rate", "learning_rate", 1e-6, 1e-1, step=1e-4, format="%g", help=RATE_HELP)
    batch = _number(batch_column, "Pairs a step", "batch", 1, 4096)
    length = _number(length_column, "Tokens a dialogue", "max_length", 16, 1_000_000, step=64, help=LENGTH_HELP)
    rank_column, validation_column, patience_column = st.columns(3)
    rank = _number(rank_column, "Rank of the adapter", "rank", 1, 1024, disabled=method == "full")
    validation = validation_column.slider(
        "Validation slice",
        0.0,
        0.5,
        0.0,
        0.05,
        key=_key("validation"),
        help="The share of the questions that isn't taught. Their losses are computed at each epoch's end, and the "
        "best checkpoint is kept.",
    )
    patience = _number(
        patience_column,
        "Patience",
        "patience",
        0,
        1000,
        disabled=not validation,
        help="After so many validations without a better loss the training ends; 0 is never.",
    )
    return {
        "method": method,
        "alpha": float(alpha),
        "epochs": int(epochs),
        "learning_rate": float(rate),
        "batch": int(batch),
        "max_length": int(length),
        "rank": int(rank),
        "validation": float(validation),
        "patience": int(patience) if validation else 0,
    }


def _choose_others() -> dict[str, Any]:
    """Draw the other hyper-parameters, behind a button; return their values."""
    with st.popover("More settings", icon=":material/tune:"):
        left, right = st.columns(2)
        schedule = left.selectbox("Schedule of the rate", SCHEDULES, key=_key("schedule"))
        warmup = _number(right, "Warm-up, of the steps", "warmup", 0.0, 1.0, step=0.01)
        decay = _number(left, "Weight decay", "weight_decay", 0.0, 1.0, step=0.01)
        norm = _number(right, "Longest gradient", "clip_norm", 0.01, 1000.0, step=0.1)
        lora_alpha = left.number_input(
            "LoRA's alpha", 1, 65536, None, placeholder="twice the rank", key=_key("lora_alpha")
        )
        dropout = _number(right, "LoRA's dropout", "dropout", 0.0, 0.9, step=0.05)
        targets = left.text_input("LoRA's layers", DEFAULT.targets, key=_key("targets"), help="q_proj,v_proj")
        precision = right.selectbox("Precision", PRECISIONS, key=_key("precision"))
        at_once = _number(left, "Tokens at once", "tokens_at_once", 1, 1_000_000, step=256)
        batch_tokens = _number(right, "Tokens a step, at most", "batch_tokens", 0, 10_000_000, step=1024)
        every = _number(left, "Steps between validations", "validate_every", 0, 1_000_000, help="0: an epoch")
        checkpointing = st.checkbox("Compute layers again for the gradient: slower, in less memory", key=_key("layers"))
    return {
        "schedule": schedule,
        "warmup": float(warmup),
        "weight_decay": float(decay),
        "clip_norm": float(norm),
        "lora_alpha": None if lora_alpha is None else int(lora_alpha),
        "dropout": float(dropout),
        "targets": targets,
        "precision": precision,
        "tokens_at_once": int(at_once),
        "batch_tokens": int(batch_tokens),
        "validate_every": int(every) if st.session_state.get(_key("validation")) else 0,
        "checkpointing": checkpointing,
    }


def _choose_options() -> dict[str, Any]:
    """Draw what is done besides the training, behind a button; return the values."""
    with st.popover("Watch it", icon=":material/visibility:"):
        return asdict(watch_fields.draw_watch_fields("finetune", may_keep=True))


# --- The check --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of a check: what it would take, or one line on what went wrong."""

    preflight: Preflight | None
    error: str | None


def run_check(work: FinetuneWork, *, by: Person) -> CheckResult:
    """Return what a finetune would take. It runs in a process of its own: it loads torch and a model, as no page does.

    Raises: Forbidden.
    """
    require(by, Right.RUN_JOBS)
    run = run_command(["finetune", *work.words, "--check", "--json"], PATIENCE_S)
    if run.code == 0 and run.values is not None:
        return CheckResult(Preflight(**run.values | {"advice": tuple(run.values["advice"])}), None)
    usual = "the check broke off, maybe for want of memory; `mapd finetune --check` in a terminal tells more"
    if run.code is None:
        usual = f"no step was done within {PATIENCE_S} s: `mapd finetune --check` has no limit"
    return CheckResult(None, run.error or usual)


def _draw_check(work: FinetuneWork) -> None:
    """Draw the button that checks, and what the check of these very settings found."""
    key = f"check {work.model_dump_json()}"
    if actions.button("Check first", key="check_finetune", icon=":material/speed:"):
        with st.spinner("A step is tried …"):
            st.session_state[key] = run_check(work, by=context.acting_person())
    result: CheckResult | None = st.session_state.get(key)
    if result is None:
        st.caption("The check tries one step, and says how much memory and time all of them take.")
    elif result.preflight is None:
        text.complain(result.error or "")
    else:
        _draw_preflight(result.preflight)


def _draw_preflight(preflight: Preflight) -> None:
    tables.draw_row(
        (preflight.pairs, "pairs"),
        (preflight.validation_pairs, "for validation"),
        (preflight.tokens, "tokens an epoch"),
        (preflight.steps, "steps"),
        (f"{preflight.memory_mb:,.0f} of {preflight.memory_free_mb:,.0f}", "MB of memory"),
        (None if preflight.seconds is None else f"{preflight.seconds / 60:,.1f}", "minutes"),
    )
    for advice in preflight.advice:
        st.warning(text.label(advice, 400), icon=":material/info:")
