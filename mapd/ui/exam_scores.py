"""Accuracy as a picture on the exam page: by family, and beside that of the other exams on the same questions.

mark_exams(exams, {3: (210, 6), 5: (210, 79)}, 5)["dev · tuned"]    -> ShareMark(value=.376, low=.31, high=.44, …)
"""

from collections.abc import Mapping, Sequence

import streamlit as st

from mapd.domain import ExamInfo
from mapd.results import ExamAnswers, Score
from mapd.sampled_answers import SampledScores
from mapd.statistics import wilson
from mapd.store import audit_log, exam_material, queries
from mapd.store import tables as t
from mapd.ui.kit import charts, context, tables, text
from mapd.ui.kit.charts import ShareMark
from mapd.ui.kit.tables import Html
from mapd.ui.kit.theme import FIGURE_CONFIG

# By exam: its questions, and how many are right.
Counts = Mapping[int, tuple[int, int]]
# Rows of a picture; the table below has all.
MOST_ROWS = 24


def draw_families(scores: Mapping[str, Score]) -> None:
    """Draw accuracy by family with Wilson's intervals, those with the most questions where there are many."""
    largest = sorted(scores, key=lambda name: -scores[name].n)[:MOST_ROWS]
    marks = [
        ShareMark(name.replace("_", " "), score.accuracy, score.low, score.high, f"{score.correct:,} of {score.n:,}")
        for name, score in scores.items()
        if name in largest
    ]
    part = "" if len(marks) == len(scores) else f"; those {len(marks)} of {len(scores)} with the most questions"
    alt = f"Accuracy by family with 95 % intervals{part}; the table below has the numbers"
    st.plotly_chart(charts.shares_figure(marks, "right"), key="family_scores", config=FIGURE_CONFIG, alt=alt)


def draw_samples(scores: SampledScores) -> None:
    """Draw mean@k, maj@k and pass@k with their intervals."""
    words = f"{scores.questions:,} questions"
    marks = [ShareMark(name, x.value, x.low, x.high, words) for name, x in scores.by_name.items()]
    alt = f"The scores of {scores.k} answers to each question, with 95 % intervals; the table below has the numbers"
    figure = charts.shares_figure(marks, "of the questions", label_width=80)
    st.plotly_chart(figure, key="sampled_scores", config=FIGURE_CONFIG, alt=alt)


def draw_exams(exam_answers: ExamAnswers) -> None:
    """Draw the accuracy of all finished exams on the same questions, where there are several."""
    exam = exam_answers.exam
    if exam.graded_by == "import":
        return
    exams = [
        peer
        for peer in reversed(context.read(queries.exams))
        if (peer.question_set, peer.split) == (exam.question_set, exam.split) and peer.graded_by != "import"
    ]
    counts: Counts = _count_right(tuple(peer.id for peer in exams), _read_edition()) if len(exams) > 1 else {}
    finished = [peer for peer in exams if counts.get(peer.id, (0, 0))[0] == exam_answers.question_count]
    if len(finished) < 2:
        return
    marks = mark_exams(finished[-MOST_ROWS:], counts, exam.id)
    st.subheader("All exams on these questions", anchor=False)
    part = "" if len(marks) == len(finished) else f"; the newest {len(marks)} of {len(finished)}"
    alt = f"Accuracy of {len(marks)} exams with 95 % intervals{part}; the table below has the numbers"
    figure = charts.shares_figure(marks, f"right, of {exam_answers.question_count:,} questions", label_width=230)
    st.plotly_chart(figure, key="exam_scores", config=FIGURE_CONFIG, alt=alt)
    with st.expander("The exams as a table"):
        rows = [
            (
                tables.link_cell(text.one_line(peer.name, 60), context.address("exam", exam=peer.uid)),
                text.one_line(peer.student, 40),
                correct,
                Html(f"<b>{correct / n:.1%}</b>"),
                f"{low:.1%} – {high:.1%}",
            )
            for peer in finished
            for n, correct in [counts[peer.id]]
            for low, high in [wilson(correct, n)]
        ]
        tables.draw_table(("exam", "student", "right", "accuracy", "95 %"), rows, words=2)
    st.caption(
        "The first answer to each question counts. Intervals that overlap don’t say that two students are alike: "
        "“Results” compares two, question by question."
    )


def mark_exams(exams: Sequence[ExamInfo], counts: Counts, current: int) -> list[ShareMark]:
    """Return each exam's mark by its student, the exams in their order; all but the current one are faint."""
    marks: list[ShareMark] = []
    for exam in exams:
        n, correct = counts[exam.id]
        # A student may have sat twice, asked otherwise.
        name = queries.free_name(f"{exam.student} · round {exam.round}", {mark.label for mark in marks})
        words = f"{correct:,} of {n:,}"
        marks.append(ShareMark(name, correct / n, *wilson(correct, n), words, is_faint=exam.id != current))
    return marks


def _read_edition() -> tuple[object, ...]:
    newest, edition = context.read(queries.newest, t.Attempt), context.read(audit_log.edition)
    return str(context.engine().url), newest, edition


@st.cache_data(max_entries=32, show_spinner=False)
def _count_right(exam_ids: tuple[int, ...], edition: tuple[object, ...]) -> Counts:  # noqa: ARG001 - the cache's key
    return context.read(exam_material.count_right, exam_ids)
