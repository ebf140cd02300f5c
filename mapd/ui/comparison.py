"""The results page's parts: which two exams, the table of before and after, and the questions that changed."""

from collections.abc import Mapping, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mapd import results
from mapd.results import Change, FamilyResult, Results, Score
from mapd.store import db, queries
from mapd.store import tables as t
from mapd.store.queries import ExamInfo
from mapd.ui import address, attempts, current, figures, text
from mapd.ui.attempts import Shown
from mapd.ui.figures import Cell, Html
from mapd.ui.loaded import load_material

HEADER = ("", "before", "95 %", "after", "95 %", "change", "p", "no answer", "cut off", "majority")
FIRST = Change.FIXED


def choose(exams: Sequence[ExamInfo]) -> tuple[str, str] | None:
    """Draw the two choices; returns their uids. By default the newest finished exam, and the first on its questions.

    Streamlit's own binding would put a choice's label into the address, where an exam's name may change its meaning.
    """
    names = {exam.uid: text.one_line(exam.name, 120) for exam in exams}
    default = latest_pair(exams)
    if default is None:
        return None
    columns = st.columns(2)
    picked = [
        _pick(column, key, names, exam.uid)
        for column, key, exam in zip(columns, ("before", "after"), default, strict=True)
    ]
    return picked[0], picked[1]


def _pick(column: DeltaGenerator, key: str, names: Mapping[str, str], default: str) -> str:
    """One choice, in the address by its uid."""
    asked = st.query_params.get(key, default)
    if asked not in names:
        text.complain(f"this address asks for an exam that the project doesn't hold: {asked}; another one is shown")
        asked = default
    uids = list(names)
    uid = column.selectbox(key.capitalize(), uids, index=uids.index(asked), format_func=names.__getitem__)
    if uid != default or key in st.query_params:
        st.query_params[key] = uid
    return uid


def latest_pair(exams: Sequence[ExamInfo]) -> tuple[ExamInfo, ExamInfo] | None:
    """Of finished exams on the same questions, the newest as after, the oldest as before. `exams`: the newest first."""
    with db.reading(current.engine()) as session:
        unfinished = queries.unfinished(session)
    finished = [e for e in exams if e.id not in unfinished and e.graded_by != "import"]  # which holds mistakes alone
    for after in finished:
        alike = [e for e in finished if (e.question_set, e.split) == (after.question_set, after.split)]
        others = [e for e in alike if e.student != after.student] or alike  # an exam asked again is its own student's
        if len(alike) > 1 and after is not others[-1]:
            return others[-1], after
    return None


def nothing_yet() -> None:
    """What to do where there are no two exams to compare."""
    with st.container(border=True):
        st.markdown("**Nothing to compare yet.** Two students have to sit an exam on the same questions.")
        current.link("pages/loop/exam.py", "Examine a student", icon=":material/quiz:")


def compared(before: str, after: str) -> Results:
    """Both exams compared; kept until an attempt comes in, or something is deleted, put back or renamed.

    Raises: BadInput where they can't be.
    """
    with db.reading(current.engine()) as session:
        newest, edition = queries.newest(session, t.Attempt), queries.edition(session)
    return _compared(before, after, str(current.engine().url), newest, edition)


@st.cache_data(max_entries=16, show_spinner="Comparing …")
def _compared(
    before: str,
    after: str,
    url: str,  # noqa: ARG001 - these three belong to the cache's key
    newest: int | None,  # noqa: ARG001
    edition: int,  # noqa: ARG001
) -> Results:
    with db.reading(current.engine()) as session:
        return results.compare(results.load(session, before), results.load(session, after))


def warn(told: Results) -> None:
    """Say aloud where the two exams weren't asked alike."""
    if told.asked_otherwise:
        text.complain(results.differences_in_words(told))


def table(told: Results) -> None:
    """Before and after, in all and by family."""
    rows = [_row("all", told.overall)] if len(told.by_family) > 1 else []
    rows += [_row(name.replace("_", " "), result) for name, result in told.by_family.items()]
    st.html(figures.table(HEADER, rows))
    st.caption(
        "95 %: Wilson's interval · p: McNemar's exact, of the questions that changed · "
        "no answer, cut off: before → after · majority: always giving the family's most common gold answer"
    )


def _row(name: str, result: FamilyResult) -> tuple[Cell, ...]:
    before, after = result.before, result.after
    change = f"{100 * (after.accuracy - before.accuracy):+.1f}".replace("-", "−")
    return (
        text.one_line(name, 40),
        *_score(before),
        *_score(after),
        change,
        _p(result.mcnemar_p),
        f"{before.no_answer:,} → {after.no_answer:,}",
        f"{before.cut_off:,} → {after.cut_off:,}",
        f"{result.majority:.1%}",
    )


def _score(score: Score) -> tuple[Cell, Cell]:
    share = Html(f'<b>{score.accuracy:.1%}</b> <span class="mapd-note">{score.correct:,}/{score.n:,}</span>')
    return share, Html(f'<span class="mapd-note">{score.low:.1%} – {score.high:.1%}</span>')


def _p(value: float) -> str:
    return f"{value:.2g}" if value >= 1e-4 else "< 0.0001"


def caveats(told: Results) -> None:
    """What the comparison can't show."""
    said = "".join(f"<li>{text.escape(one)}</li>" for one in results.list_caveats(told))
    with st.container(border=True):
        st.html(figures.titled("What this doesn't show", f'<ul class="mapd-list">{said}</ul>'))


def changes(told: Results) -> None:
    """The questions by what became of them, each with both answers side by side."""
    address.settle("changes_of", (told.before.uid, told.after.uid), change=FIRST.value, page=1)
    st.subheader("Question by question", anchor=False)
    st.html(figures.row((len(uids), change.value) for change, uids in told.changes.items()))
    wanted = st.segmented_control(
        "Show",
        [change.value for change in Change],
        key="change",
        bind="query-params",
        required=True,
        default=FIRST.value,
        label_visibility="collapsed",
        on_change=address.first_page,
        args=("page",),
    )
    shown = _shown(told, Change(wanted or FIRST))
    if not shown:
        st.caption("No question is among these.")
        return
    page = attempts.pages(len(shown))
    attempts.draw(attempts.part(shown, page), ("before", "after"))


def _shown(told: Results, change: Change) -> list[Shown]:
    with db.reading(current.engine()) as session:
        before, after = (load_material(session, exam.id) for exam in (told.before, told.after))
    uids = set(told.changes[change])
    first = {a.question_id: a for a in before.attempts if a.sample == 0}
    second = {a.question_id: a for a in after.attempts if a.sample == 0}
    questions = (q for q in before.questions.values() if q.uid in uids)
    return [
        Shown(q, (attempts.answer("before", q, first[q.id]), attempts.answer("after", q, second[q.id])))
        for q in questions
    ]


def exams() -> list[ExamInfo]:
    """Every exam, the newest first."""
    with db.reading(current.engine()) as session:
        return queries.exams(session)
