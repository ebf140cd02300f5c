"""What the project holds, as the data page shows it: exams, who imported them, and the way out."""

import streamlit as st

from mapd.store import db, holdings
from mapd.store.holdings import Holding, Import
from mapd.ui import current, figures, text, times
from mapd.ui.figures import Cell

HEADER = ("exam", "student", "set", "teachers", "imported by", "when", "mistakes, as recorded", "snapshots")


def show_holdings() -> None:
    """Draw the exams and how to get data out; in an empty project, how else it may begin."""
    with db.reading(current.engine()) as session:
        exams, imports = holdings.holdings(session), {done.exam: done for done in holdings.imports(session)}
    if not exams:
        with st.container(border=True):
            st.markdown("**Nothing is in this project yet.** It can begin without files, too.")
            current.how_to_begin()
        return
    st.subheader("In this project")
    st.html(figures.table(HEADER, [_row(e, imports.get(e.uid)) for e in exams], words=6))
    st.subheader("Out of it")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("A frozen curated set leaves as a snapshot: training pairs as JSONL with their manifest.")
        current.link("pages/curate/snapshots.py", "Snapshots", icon=":material/inventory_2:")
    st.code(f"mapd curate snapshot --exam {(current.params().get('exam', exams[0].uid))} --json", language=None)


def _row(exam: Holding, done: Import | None) -> list[Cell]:
    return [
        figures.linked(text.one_line(exam.name, 60), current.address("", exam=exam.uid)),
        text.one_line(exam.student, 40),
        text.one_line(exam.question_set, 40),
        text.one_line(", ".join(exam.teachers), 60),
        text.one_line(done.person, 30) if done else None,
        times.cell(done.at if done else exam.created_at),
        exam.mistakes,
        figures.linked(exam.snapshots, current.address("snapshots", exam=exam.uid)),
    ]
