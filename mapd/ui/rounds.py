"""The rounds of a student on the results page: accuracy round by round, where each student comes from, and the next.

    smollm2  ->  exam over train, 22 mistakes  ->  snapshot, 18 pairs  ->  smollm2-9c1e04  ->  …

The lineage is boxes of HTML, no chart: each has links, and they stand under each other where the page is narrow.
"""

from collections.abc import Sequence

import streamlit as st

from mapd import lineage, rounds
from mapd.lineage import Descent
from mapd.results import Results
from mapd.rounds import StudentRound
from mapd.ui import lineage_boxes, round_form
from mapd.ui.kit import charts, context, tables, text
from mapd.ui.kit.tables import Cell
from mapd.ui.kit.theme import FIGURE_CONFIG
from mapd.ui.results import read_edition, score_cells

HEADER = ("round", "student", "right", "95 %", "learned", "regained", "forgotten", "right in some round", "p")


def draw_rounds(comparison: Results) -> None:
    """Draw the line of the student after: accuracy by round, lineage, and the form that goes on with it."""
    line = _load_rounds(comparison.after.uid, read_edition())
    if len(line) > 1:
        st.subheader("Round by round", anchor=False)
    # Of two rounds the page's own table says the same.
    if len(line) > 2:
        alt = f"Accuracy of {len(line)} rounds with 95 % intervals; the table below has the numbers"
        key = f"rounds_{comparison.after.uid}"
        st.plotly_chart(charts.rounds_figure(line), key=key, config=FIGURE_CONFIG, alt=alt)
        tables.draw_table(HEADER, [_round_row(entry) for entry in line], words=2)
        st.caption(
            "learned: right for the first time · regained: right again · forgotten: right in the round before, and not "
            "now"
        )
    if len(line) > 1:
        _draw_lineage(line, context.read(lineage.trace, comparison.after.uid))
    round_form.draw_form(comparison.after.student)


@st.cache_data(max_entries=16, show_spinner=False)
def _load_rounds(uid: str, edition: tuple[object, ...]) -> list[StudentRound]:  # noqa: ARG001 - the cache's key
    return context.read(rounds.load, uid)


def _round_row(entry: StudentRound) -> tuple[Cell, ...]:
    name = tables.link_cell(text.one_line(entry.student, 40), context.address("exam", exam=entry.exam.uid))
    p = None if entry.mcnemar_p is None else f"{entry.mcnemar_p:.2g}"
    numbers = (entry.learned, entry.regained, entry.forgotten)
    changes = (None, None, None) if entry.mcnemar_p is None else numbers
    return (str(entry.round), name, *score_cells(entry.score), *changes, entry.ever, p)


# --- Lineage ----------------------------------------------------------------------------------------------------------


def _draw_lineage(line: Sequence[StudentRound], descents: Sequence[Descent]) -> None:
    """Draw exam, snapshot and student, round after round, each box with the link to its page."""
    entries = {entry.student: entry for entry in line}
    previous: StudentRound | None = None
    boxes = []
    for descent in descents:
        entry = entries.get(descent.student)
        boxes += lineage_boxes.list_source_boxes(descent)
        boxes.append(_student_box(descent, entry, previous))
        previous = entry or previous
    lineage_boxes.draw_row(boxes)


def _student_box(descent: Descent, entry: StudentRound | None, previous: StudentRound | None) -> str:
    title = text.one_line(descent.student, 40)
    if entry is None:
        return lineage_boxes.draw_box("", title, [f"round {descent.round}", "no such exam"], is_student=True)
    score = entry.score
    right = f"<b>{score.accuracy:.1%}</b> right on {text.escape(entry.exam.split)} ({score.correct:,}/{score.n:,})"
    lines = [f"round {descent.round}", tables.Html(right)]
    if previous is not None:
        lines.append(tables.Html(_changes_html(entry, previous)))
    return lineage_boxes.draw_box(context.address("exam", exam=entry.exam.uid), title, lines, is_student=True)


def _changes_html(entry: StudentRound, previous: StudentRound) -> str:
    """Return what a round learned and forgot (HTML), the forgotten with a link to them."""
    way = {"before": previous.exam.uid, "after": entry.exam.uid, "change": "newly broken"}
    forgotten = tables.link_cell(entry.forgotten, context.address("results", **way))
    return f"learned {entry.learned + entry.regained:,}, forgot {forgotten}"
