"""The parts of the results page: the two exams, the table of before and after, and the questions that changed."""

from collections.abc import Mapping, Sequence

import streamlit as st
from sqlmodel import Session
from streamlit.delta_generator import DeltaGenerator

from mapd import few_shot, jobs, results, students
from mapd.domain import ExamInfo
from mapd.few_shot import FewShotResult
from mapd.jobs.kinds import ExamWork
from mapd.people import Person
from mapd.questions import search
from mapd.results import Change, FamilyResult, Results, Score
from mapd.store import audit_log, finetunes, queries
from mapd.store import tables as t
from mapd.ui import similar_pairs
from mapd.ui.kit import actions, attempts, charts, context, start_forms, tables, text, url_state
from mapd.ui.kit.attempts import AttemptRow
from mapd.ui.kit.cache import load_material
from mapd.ui.kit.pagination import take_page
from mapd.ui.kit.tables import Cell, Html
from mapd.ui.kit.theme import FIGURE_CONFIG
from mapd.ui.playground.answers import link_html

HEADER = ("", "before", "95 %", "after", "95 %", "change", "95 %", "p", "no answer", "cut off", "length", "majority")
DEFAULT_CHANGE = Change.FIXED


def choose_pair(exams: Sequence[ExamInfo]) -> tuple[str, str] | None:
    """Draw the two choices; return their uids. Default: the newest finished exam and the first on its questions."""
    # No `bind`: streamlit would put an exam's name into the address, where it means another exam after a renaming.
    names = {exam.uid: text.one_line(exam.name, 120) for exam in exams}
    default = find_latest_pair(exams)
    if default is None:
        return None
    columns = st.columns(2)
    uids = [
        _choose_exam(column, key, names, exam.uid)
        for column, key, exam in zip(columns, ("before", "after"), default, strict=True)
    ]
    return uids[0], uids[1]


def _choose_exam(column: DeltaGenerator, key: str, names: Mapping[str, str], default: str) -> str:
    uid = st.query_params.get(key, default)
    if uid not in names:
        text.complain(f"this address asks for an exam that the project doesn't hold: {uid}; another one is shown")
        uid = default
    uids = list(names)
    uid = column.selectbox(key.capitalize(), uids, index=uids.index(uid), format_func=names.__getitem__)
    # A default stays out of the address, so that a link follows the newest exams.
    if uid != default or key in st.query_params:
        st.query_params[key] = uid
    return uid


def find_latest_pair(exams: Sequence[ExamInfo]) -> tuple[ExamInfo, ExamInfo] | None:
    """Return the oldest and the newest finished exam on the same questions. `exams`: the newest first.

    Where students were taught, the newest is one of those: an exam with worked examples is no training's.
    """
    unfinished_ids = context.read(queries.unfinished)
    # An import holds mistakes alone: it says nothing of accuracy.
    finished_exams = [e for e in exams if e.id not in unfinished_ids and e.graded_by != "import"]
    taught_exams = [e for e in finished_exams if e.round > 0]
    for after in [*taught_exams, *finished_exams]:
        same_questions = [e for e in finished_exams if (e.question_set, e.split) == (after.question_set, after.split)]
        # Where one student sat twice, the exam was asked again with other settings.
        by_other_students = [e for e in same_questions if e.student != after.student] or same_questions
        if len(same_questions) > 1 and after is not by_other_students[-1]:
            return by_other_students[-1], after
    return None


def draw_empty() -> None:
    """Draw what to do where there are no two exams to compare."""
    with st.container(border=True):
        st.markdown("**Nothing to compare yet.** Two students have to sit an exam on the same questions.")
        context.link("pages/loop/exam.py", "Examine a student", icon=":material/quiz:")


def load_comparison(before_uid: str, after_uid: str) -> Results:
    """Compare both exams. The result is cached until attempts come in, or something is deleted, restored or renamed.

    Raises: BadInput where they can't be compared.
    """
    return _compare(before_uid, after_uid, read_edition())


def read_edition() -> tuple[object, ...]:
    """Return what a result is cached by: it changes where attempts came in, or something was deleted or renamed."""
    newest, edition = context.read(queries.newest, t.Attempt), context.read(audit_log.edition)
    return str(context.engine().url), newest, edition


@st.cache_data(max_entries=16, show_spinner="Comparing …")
def _compare(before_uid: str, after_uid: str, edition: tuple[object, ...]) -> Results:  # noqa: ARG001 - the cache's key
    return results.compare(context.read(results.load, before_uid), context.read(results.load, after_uid))


def draw_warning(comparison: Results) -> None:
    """Warn where the two exams weren't asked in the same way; say which student's training was stopped, or went on."""
    if comparison.asked_otherwise:
        text.complain(results.differences_in_words(comparison))
    for exam in (comparison.before, comparison.after):
        if (words := context.read(finetunes.describe_training, exam.student)) is not None:
            st.caption(text.label(f"{exam.student}: {words}", 300))


def draw_figure(comparison: Results) -> None:
    """Draw accuracy before and after with its intervals, overall and by family."""
    results_by_name = _by_name(comparison)
    alt = f"Accuracy before and after with 95 % intervals, {len(results_by_name)} rows; the table below has the numbers"
    st.plotly_chart(charts.accuracy_figure(results_by_name), key="accuracy", config=FIGURE_CONFIG, alt=alt)


def _by_name(comparison: Results) -> dict[str, FamilyResult]:
    overall = {"all": comparison.overall} if len(comparison.by_family) > 1 else {}
    return overall | {name.replace("_", " "): result for name, result in comparison.by_family.items()}


def draw_table(comparison: Results) -> None:
    """Draw before and after, overall and by family."""
    tables.draw_table(HEADER, [_result_row(name, result) for name, result in _by_name(comparison).items()])
    st.caption(
        "95 %: Wilson's interval; of the change a paired bootstrap's, in points · p: McNemar's exact, of the questions "
        "that changed · no answer, cut off, length in characters: before → after · majority: always giving the "
        "family's most common gold answer"
    )


def _result_row(name: str, result: FamilyResult) -> tuple[Cell, ...]:
    score_before, score_after = result.before, result.after
    change = f"{100 * (score_after.accuracy - score_before.accuracy):+.1f}".replace("-", "−")
    return (
        text.one_line(name, 40),
        *score_cells(score_before),
        *score_cells(score_after),
        Html(f"<b>{change}</b>"),
        _difference_cell(result.difference),
        f"{result.mcnemar_p:.2g}" if result.mcnemar_p >= 1e-4 else "< 0.0001",
        f"{score_before.no_answer:,} → {score_after.no_answer:,}",
        f"{score_before.cut_off:,} → {score_after.cut_off:,}",
        f"{score_before.length:,.0f} → {score_after.length:,.0f}",
        f"{result.majority:.1%}",
    )


def _difference_cell(difference: tuple[float, float] | None) -> Cell:
    if difference is None:
        return "no change"
    low, high = (f"{100 * end:+.1f}".replace("-", "−") for end in difference)
    return Html(f'<span class="mapd-note">{low} to {high}</span>')


def score_cells(score: Score) -> tuple[Cell, Cell]:
    """Return the cells of a score: the share with its counts, and the interval."""
    share = Html(f'<b>{score.accuracy:.1%}</b> <span class="mapd-note">{score.correct:,}/{score.n:,}</span>')
    return share, Html(f'<span class="mapd-note">{score.low:.1%} – {score.high:.1%}</span>')


def draw_few_shot(comparison: Results) -> None:
    """Draw whether worked examples in its prompt do as much for the student before; offer the exam that tells."""
    before = comparison.before
    entries = _load_few_shot(before.uid, comparison.after.uid, read_edition())
    if entries:
        for entry in entries:
            start_forms.draw_note(few_shot.describe(entry))
        return
    is_taught = before.student != comparison.after.student and before.round < comparison.after.round
    student = context.read(students.get, before.student)
    if before.split != "dev" or not is_taught or not students.can_be_asked(student, context.settings().home):
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        name = text.label(before.student, 40)
        if actions.button(f"Examine {name} with a worked example", key="examine_few_shot", icon=":material/quiz:"):
            person = context.acting_person()
            context.write(lambda session: _start_few_shot(session, before, person))
            st.rerun()
        st.caption("Would the untaught student do as well with a worked example in its prompt, without any training?")


@st.cache_data(max_entries=16, show_spinner=False)
def _load_few_shot(before: str, after: str, edition: tuple[object, ...]) -> list[FewShotResult]:  # noqa: ARG001 - as above
    return context.read(few_shot.load, before, after)


def _start_few_shot(session: Session, before: ExamInfo, person: Person) -> None:
    twin = students.add_with_examples(session, before.student, 1, by=person)
    row = queries.exam_row(session, before.id)
    work = ExamWork.like(row, questions=before.question_set, student=twin.name)
    jobs.start(session, work.kind, work.model_dump(mode="json"), by=person)


def draw_caveats(comparison: Results) -> None:
    """Draw what the comparison can't show."""
    items = "".join(f"<li>{text.escape(caveat)}</li>" for caveat in results.list_caveats(comparison))
    with st.container(border=True):
        st.html(tables.titled_block("What this doesn't show", f'<ul class="mapd-list">{items}</ul>'))


def draw_changes(comparison: Results) -> None:
    """Draw the questions by what changed, each with both responses side by side."""
    url_state.settle("changes_of", (comparison.before.uid, comparison.after.uid), change=DEFAULT_CHANGE.value, page=1)
    st.subheader("Question by question", anchor=False)
    tables.draw_row(*((len(uids), change.value) for change, uids in comparison.changes.items()))
    choice = url_state.choose_group("change", [change.value for change in Change], DEFAULT_CHANGE.value)
    attempt_rows = _changed_rows(comparison, Change(choice))
    if attempt_rows:
        shown_rows = similar_pairs.add_nearest(take_page(attempt_rows), comparison.after.uid)
        attempts.draw_rows(shown_rows, ("before", "after"))
    else:
        st.caption("No question is in this group.")


def _changed_rows(comparison: Results, change: Change) -> list[AttemptRow]:
    materials = [context.read(load_material, exam.id) for exam in (comparison.before, comparison.after)]
    old_answers, new_answers = ({a.question_id: a for a in m.attempts if a.sample == 0} for m in materials)
    uids, cell = set(comparison.changes[change]), attempts.make_answer_cell
    rows = [q for q in materials[0].questions.values() if q.uid in uids]
    links = _link_to_playground(comparison, [q.uid for q in rows])
    cells = {q.uid: (cell("before", q, old_answers[q.id]), cell("after", q, new_answers[q.id])) for q in rows}
    return [AttemptRow(q, cells[q.uid], link_html=links.get(q.uid, "")) for q in rows]


def _link_to_playground(comparison: Results, question_uids: Sequence[str]) -> dict[str, str]:
    """Return by question the link that asks both students again; none of a sealed split."""
    if comparison.before.split not in search.OPEN_SPLITS:
        return {}
    names = dict.fromkeys((comparison.before.student, comparison.after.student))
    refs = [context.read(students.get, name).uid for name in names]
    return {uid: link_html(refs, uid) for uid in question_uids}
