"""The parts of the arms page: the form that compares, and a comparison as picture and table."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import streamlit as st

from mapd import arm_results, results, students
from mapd.arm_results import ArmComparison, ArmDifference, ArmScore, Interval
from mapd.curation import saved_policies
from mapd.domain import ExamInfo
from mapd.finetune.hyperparameters import METHODS, PRESETS
from mapd.jobs.arms_work import ArmsWork
from mapd.loop.arms import ARMS, TEACHER, UNTRAINED
from mapd.policies import PRESETS as POLICIES
from mapd.store import audit_log, queries
from mapd.store import tables as t
from mapd.ui import jobs
from mapd.ui.kit import charts, context, start_forms, tables, text
from mapd.ui.kit.tables import Cell, Html
from mapd.ui.kit.theme import FIGURE_CONFIG

WORDS: Mapping[str, str] = {
    "no-review": "no review: any rationale",
    "gold-check": "gold check alone",
    "paper": "paper: mean above 3",
    "strict": "strict: reviews and checks",
    "curated": "curated: people's judgements, too",
    "rationale-alone": "rationale alone (α 0)",
    "feedback-alone": "feedback alone (α 1)",
    "gold-answers": "gold answers alone",
    "shuffled": "texts of other questions",
    "untaught": "untaught",
    "few-shot": "untaught, with a worked example",
}
USUAL = ["no-review", "gold-check", "paper", "strict"]
HEADER = ("arm", "right", "other questions", "other trainings", "gain", "95 %", "wrong pairs", "no answer", "length")
REFERENCE = "against"
NO_REFERENCE = "the untaught student"


def draw_form(exam: ExamInfo, *, is_open: bool) -> None:
    """Draw the choice of arms, seeds and training, and the start."""
    with st.expander("Compare arms", expanded=is_open):
        if exam.split != "train":
            st.caption("Arms are taught from an exam over train questions: choose one in the sidebar.")
            return
        names = _list_arms(exam)
        names_chosen = st.multiselect(
            "Arms",
            list(names),
            [name for name in USUAL if name in names],
            format_func=names.__getitem__,
            key="arms_names",
            help="Each is taught the same number of pairs of this exam's texts, with the same seeds.",
        )
        local_students = start_forms.list_students(students.is_here)
        before = _choose_before(exam, local_students)
        if before is None and exam.student not in local_students:
            st.caption(
                "This exam's student has no weights here. Examine one that has over dev questions: its exam can then "
                "be chosen above, and it is the one that is taught."
            )
            context.link("pages/loop/exam.py", "Examine a student", icon=":material/quiz:")
            return
        seeds_column, alpha_column, epochs_column, pairs_column = st.columns(4)
        seeds = seeds_column.number_input("Seeds", 1, 20, 3, key="arms_seeds", help="Trainings of each arm: 0, 1, 2 …")
        alpha = alpha_column.slider("α, the weight of feedback", 0.0, 1.0, 0.5, 0.05, key="arms_alpha")
        epochs = epochs_column.number_input("Epochs", 1, 1000, None, placeholder="the preset's", key="arms_epochs")
        pairs = pairs_column.number_input(
            "Pairs of each arm", 1, None, None, placeholder="as the smallest has", key="arms_pairs"
        )
        preset_column, method_column = st.columns(2)
        preset = preset_column.segmented_control(
            "Preset", list(PRESETS), default="default", required=True, key="arms_preset", help="Of the training."
        )
        method = method_column.selectbox("Method", METHODS, None, placeholder="the preset's", key="arms_method")
        if not names_chosen:
            st.caption("Choose at least one arm that is taught.")
            return
        jobs.draw_start(
            lambda: ArmsWork.by_preset(
                preset or "default",
                exam=exam.uid,
                arms=tuple(names_chosen),
                seeds=tuple(range(int(seeds))),
                pairs=None if pairs is None else int(pairs),
                before=before,
                alpha=float(alpha),
                epochs=None if epochs is None else int(epochs),
                method=method,
            ),
            "Compare",
            "start_arms",
        )
        st.caption("The same in a terminal, with more settings: `mapd arms --exam …`.")


def _list_arms(exam: ExamInfo) -> dict[str, str]:
    """Return the arms there are, each with its words: presets, this project's policies, this exam's teachers."""
    saved = [policy.name for policy in context.read(saved_policies.saved_policies)]
    teachers = list(context.read(queries.voices, exam.id))
    names = dict.fromkeys([*USUAL, *POLICIES, *saved, *ARMS, *(f"{TEACHER}{name}" for name in teachers), *UNTRAINED])
    return {name: WORDS.get(name, _describe_other(name)) for name in names}


def _describe_other(name: str) -> str:
    if name.startswith(TEACHER):
        return f"{text.one_line(name.removeprefix(TEACHER), 40)}'s texts alone"
    return f"policy {text.one_line(name, 40)}"


def _choose_before(exam: ExamInfo, local_students: Collection[str]) -> str | None:
    """Draw the choice of the dev exam that every arm sits; return its uid, None for the exam's own set."""
    unfinished = context.read(queries.unfinished)
    exams = {
        e.uid: e
        for e in context.read(queries.exams)
        if e.split == "dev" and e.student in local_students and e.id not in unfinished
    }
    own_uids = [uid for uid, e in exams.items() if (e.student, e.question_set) == (exam.student, exam.question_set)]
    uids = [*own_uids, *(uid for uid in exams if uid not in own_uids)]
    uid: str | None = st.selectbox(
        "Examined as in",
        uids,
        0 if own_uids else None,
        format_func=lambda uid: text.one_line(exams[uid].name, 120),
        placeholder="the dev questions of the exam's own set, greedily",
        key="arms_before",
        help="An exam of the untaught student over dev questions. Its student is taught; each arm is examined alike.",
    )
    return uid


# --- A comparison -----------------------------------------------------------------------------------------------------


def load_comparisons(exam: ExamInfo) -> list[ArmComparison]:
    """Return the exam's comparisons; cached until attempts come in, or something is deleted, restored or renamed."""
    return _load(exam.uid, _read_edition())


def _read_edition() -> tuple[object, ...]:
    newest = context.read(queries.newest, t.Attempt), context.read(queries.newest, t.Finetune)
    return str(context.engine().url), *newest, context.read(audit_log.edition)


@st.cache_data(max_entries=8, show_spinner="Comparing …")
def _load(uid: str, edition: tuple[object, ...]) -> list[ArmComparison]:  # noqa: ARG001 - the cache's key
    return context.read(arm_results.load, uid)


@st.cache_data(max_entries=32, show_spinner="Comparing …")
def _load_gains(
    _comparison: ArmComparison,
    uid: str,  # noqa: ARG001 - the cache's key, as the edition
    reference: str | None,
    edition: tuple[object, ...],  # noqa: ARG001
) -> list[ArmDifference]:
    """Return what each arm gains on the reference, or on the untaught student: draws of all questions, for each."""
    against = None if reference is None else _comparison.find_arm(reference)
    if against is None:
        return [arm_results.gain_on(arm, _comparison.untaught) for arm in _comparison.arms]
    return [arm_results.subtract(arm, against) for arm in _comparison.arms]


def choose_comparison(comparisons: Sequence[ArmComparison]) -> ArmComparison:
    """Draw the choice among several, return it; by default the newest."""
    by_uid = {comparison.uid: comparison for comparison in comparisons}
    uid = st.query_params.get("comparison")
    if uid and uid not in by_uid:
        text.complain(f"this address asks for a comparison that isn't there: {uid}; the newest is shown")
    default = uid if uid in by_uid else comparisons[0].uid
    if len(by_uid) > 1:
        uids = list(by_uid)
        default = st.selectbox(
            "Comparison", uids, uids.index(default), format_func=lambda uid: _describe(by_uid[uid]), key="comparison_of"
        )
    if default != comparisons[0].uid:
        st.query_params["comparison"] = default
    else:
        st.query_params.pop("comparison", None)
    return by_uid[default]


def _describe(comparison: ArmComparison) -> str:
    student, questions = text.one_line(comparison.student, 40), text.one_line(comparison.question_set, 40)
    return f"{student}, {comparison.size:,} pairs an arm, {len(comparison.arms)} arms, on {questions}"


def draw_comparison(comparison: ArmComparison) -> None:
    """Draw one comparison: what was compared, its picture, its table, and what it can't show."""
    st.subheader(_describe(comparison), anchor=False)
    if comparison.simulated:
        st.caption("Generated questions and simulated teachers; the student and its trainings are real.")
    reference = _choose_reference(comparison)
    alt = f"Accuracy of {len(comparison.arms)} arms with 95 % intervals; the table below has the numbers"
    figure = charts.arms_figure(_name_marks(comparison))
    st.plotly_chart(figure, key=f"arms_{comparison.uid}", config=FIGURE_CONFIG, alt=alt)
    tables.draw_table(HEADER, [*_untrained_rows(comparison), *_arm_rows(comparison, reference)])
    st.caption(
        "right: the mean over the seeds · other questions, other trainings: between which shares the truth lies, with "
        "95 % confidence, over draws of the questions and over trainings · gain: against "
        f"{reference.name if reference else NO_REFERENCE}, in points, over draws of questions · wrong pairs: taught "
        "pairs whose rationale ends in a wrong answer · length: of a response, in characters"
    )
    items = "".join(f"<li>{text.escape(caveat)}</li>" for caveat in arm_results.list_caveats(comparison))
    with st.container(border=True):
        st.html(tables.titled_block("What this doesn't show", f'<ul class="mapd-list">{items}</ul>'))
    _draw_trainings(comparison)


def _choose_reference(comparison: ArmComparison) -> ArmScore | None:
    names = [arm.name for arm in comparison.arms]
    requested = st.query_params.get(REFERENCE)
    options = [NO_REFERENCE, *dict.fromkeys(names)]
    if requested is not None and requested not in names:
        text.complain(f"this address compares with an arm that isn't there: {requested}")
    index = options.index(requested) if requested in names else 0
    name = st.selectbox(
        "Gains are against", options, index, format_func=text.one_line, key=f"against_{comparison.uid}", width=320
    )
    if name == NO_REFERENCE:
        st.query_params.pop(REFERENCE, None)
        return None
    st.query_params[REFERENCE] = name
    return comparison.find_arm(name)


def _name_marks(comparison: ArmComparison) -> dict[str, charts.ArmMark]:
    """Return what the figure shows, by row."""
    marks = {}
    for name, exam in comparison.untrained.items():
        score = results.score(exam.answers.values())
        marks[name] = charts.ArmMark(score.accuracy, (score.low, score.high), ())
    for arm in comparison.arms:
        dots = tuple((training.seed, training.score.accuracy) for training in arm.trainings)
        marks[arm.name] = charts.ArmMark(arm.accuracy, arm.of_questions, dots)
    return marks


def _untrained_rows(comparison: ArmComparison) -> list[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = []
    for name, exam in comparison.untrained.items():
        score = results.score(exam.answers.values())
        share = Html(f'<b>{score.accuracy:.1%}</b> <span class="mapd-note">{score.correct:,}/{score.n:,}</span>')
        link = tables.link_cell(name, context.address("exam", exam=exam.exam.uid))
        unread = f"{score.no_answer / score.n:.1%}"
        spans = (_span((score.low, score.high)), None, None, None, None)
        rows.append((link, share, *spans, unread, f"{score.length:,.0f}"))
    return rows


def _arm_rows(comparison: ArmComparison, reference: ArmScore | None) -> list[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = []
    gains = _load_gains(comparison, comparison.uid, reference.name if reference else None, _read_edition())
    for arm, difference in zip(comparison.arms, gains, strict=True):
        gain = None if arm is reference else Html(f"<b>{_points(difference.gain)}</b>")
        span = None if arm is reference else _span(difference.of_questions, _points)
        share = Html(f"<b>{arm.accuracy:.1%}</b>")
        wrong = None if arm.wrong is None else f"{arm.wrong:.1f}"
        spans = (_span(arm.of_questions), _span(arm.of_trainings))
        cells = (text.one_line(arm.name, 40), share, *spans, gain, span, wrong)
        rows.append((*cells, f"{arm.no_answer:.1%}", f"{arm.length:,.0f}"))
    return rows


def _points(share: float) -> str:
    return f"{100 * share:+.1f}".replace("-", "−")


def _percent(share: float) -> str:
    return f"{share:.1%}"


def _span(interval: Interval | None, write: Callable[[float], str] = _percent) -> Cell:
    if interval is None:
        return None
    low, high = map(write, interval)
    return Html(f'<span class="mapd-note">{low} to {high}</span>')


def _draw_trainings(comparison: ArmComparison) -> None:
    """Draw each training of each arm, with its snapshot and its exam."""
    rows: list[tuple[Cell, ...]] = []
    for arm in comparison.arms:
        for training in arm.trainings:
            compared: dict[str, Any] = {"before": comparison.untaught.exam.uid, "after": training.exam.uid}
            rows.append(
                (
                    text.one_line(arm.name, 40),
                    training.seed,
                    text.one_line(training.student, 40),
                    tables.link_cell(training.snapshot[:12], context.address("snapshots", snapshot=training.snapshot)),
                    tables.link_cell(f"{training.score.accuracy:.1%}", context.address("results", **compared)),
                    training.score.no_answer,
                )
            )
    with st.expander(f"The {len(rows):,} trainings"):
        tables.draw_table(("arm", "seed", "student", "snapshot", "right", "no answer"), rows)
