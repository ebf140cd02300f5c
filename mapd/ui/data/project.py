"""What the project holds: its question sets, its exams, who imported them, and how to get data out."""

import streamlit as st

from mapd.questions import sets
from mapd.store import project
from mapd.store.project import Holding, ImportRecord
from mapd.ui.kit import context, tables, text, times
from mapd.ui.kit.tables import Cell

EXAMS = ("exam", "student", "set", "teachers", "imported by", "when", "mistakes, as recorded", "snapshots")
SETS = ("question set", "from", "train", "dev", "test", "test opened")


def draw_holdings() -> None:
    """Draw sets, exams and how to get data out; in an empty project, how else it may begin."""
    exams, question_sets = context.read(project.holdings), context.read(sets.list_sets)
    if not exams and not question_sets:
        with st.container(border=True):
            st.markdown("**Nothing is in this project yet.** You can also start without files.")
            context.draw_first_steps()
        return
    st.subheader("In this project")
    tables.draw_table(SETS, map(_set_row, question_sets), words=2)
    if not exams:
        st.caption("No exam yet: a student is examined on a set's questions.")
        return
    imports = {entry.exam: entry for entry in context.read(project.imports)}
    tables.draw_table(EXAMS, [_exam_row(e, imports.get(e.uid)) for e in exams], words=6)
    st.subheader("Out of it")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("A frozen curated set leaves as a snapshot: training pairs as JSONL with their manifest.")
        context.link("pages/curate/snapshots.py", "Snapshots", icon=":material/inventory_2:")
    exam = context.params().get("exam", exams[0].uid)
    st.code(f"mapd curate snapshot --exam {exam} --json", language=None, wrap_lines=True)


def _set_row(row: sets.SetSummary) -> list[Cell]:
    source = f"{row.source} (simulated)" if row.simulated else row.source
    name = tables.link_cell(text.one_line(row.name, 60), context.address("exam", questions=row.name))
    return [name, text.one_line(source, 60), row.train, row.dev, row.test, row.openings]


def _exam_row(exam: Holding, entry: ImportRecord | None) -> list[Cell]:
    return [
        tables.link_cell(text.one_line(exam.name, 60), context.address("", exam=exam.uid)),
        text.one_line(exam.student, 40),
        text.one_line(exam.question_set, 40),
        text.one_line(", ".join(exam.teachers), 60),
        text.one_line(entry.person, 30) if entry else None,
        times.cell(entry.at if entry else exam.created_at),
        exam.mistakes,
        tables.link_cell(exam.snapshots, context.address("snapshots", exam=exam.uid)),
    ]
