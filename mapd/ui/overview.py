"""The parts of the overview: an empty project's welcome, the next step, funnel, teachers, people.

`curation/summary.py` and `review/next_step.py` count; this module only draws.
"""

import streamlit as st

from mapd import students
from mapd.curation.curated import Curated
from mapd.curation.summary import SnapshotSummary, funnel, people, teachers
from mapd.review.next_step import NextStep
from mapd.store import queries, snapshots
from mapd.ui import snapshots as frozen
from mapd.ui.kit import context, start_forms, tables, text, theme
from mapd.ui.kit.tables import Html

LOOP_STEPS = (
    ("exam", "a student answers the questions"),
    ("committee", "teachers explain and review mistakes"),
    ("curation", "people judge what teachers wrote"),
    ("snapshot", "the curated set is frozen"),
    ("finetune", "the student learns from it"),
    ("exam", "its new answers are compared"),
)
STEP_PAGES = {
    "triage": "pages/review/triage.py",
    "threshold": "pages/curate/threshold.py",
    "snapshots": "pages/curate/snapshots.py",
    "data": "pages/loop/data.py",
    "exam": "pages/loop/exam.py",
    "committee": "pages/loop/committee.py",
    "finetune": "pages/train/finetune.py",
    "results": "pages/train/results.py",
}


def draw_welcome() -> None:
    """Draw what this app is, the loop, and what to do first."""
    st.markdown(
        "A student model makes mistakes; a committee of teachers explains and reviews them; people judge what the "
        "teachers wrote; the student learns from what they accept."
    )
    steps = (f"<li><b>{name}</b><span>{words}</span></li>" for name, words in LOOP_STEPS)
    st.html(f'<ol class="mapd-loop">{"".join(steps)}</ol>')
    start_forms.draw_demo_form(is_open=True)
    with st.container(border=True):
        st.markdown("**Or bring your own**: questions to examine a student on, or mistakes with their explanations.")
        with st.container(horizontal=True):
            context.link("pages/loop/data.py", "Add questions", icon=":material/upload_file:", way="questions")
            context.link("pages/loop/exam.py", "Examine a student", icon=":material/quiz:")
            context.link(
                "pages/loop/data.py", "Import the authors' files", icon=":material/upload_file:", way="authors"
            )


def load_newest_snapshot(exam_id: int) -> tuple[SnapshotSummary | None, int]:
    """Return the exam's newest snapshot, and how many there are."""
    rows = context.read(queries.snapshots, exam_id)
    # A damaged snapshot counts, but isn't read.
    row = next(filter(snapshots.is_named, rows), None)
    if row is None:
        return None, len(rows)
    is_taught = any(student.snapshot_sha256 == row.sha256 for student in context.read(students.list_students))
    pairs, policy = frozen.read_pairs(row), row.manifest["policy"]
    part = (*snapshots.list_narrowing(row.manifest), *snapshots.list_kinds_alone(row.manifest))
    newest = SnapshotSummary(row.sha256, pairs.pairs, row.created_at, policy, is_taught, pairs.mistakes, part)
    return newest, len(rows)


def draw_next_step(step: NextStep) -> None:
    """Draw the finding, and one link to the page where it is acted on."""
    with st.container(horizontal=True, border=True, vertical_alignment="center", key="next_step"):
        st.html(f'<span class="mapd-next"><i>next</i>{text.escape(step.finding)}</span>', width="stretch")
        with st.container(key="primary_link", width="content"):
            params = {"queue": step.queue} if step.queue else {}
            context.link(STEP_PAGES[step.page], step.act, icon=":material/arrow_forward:", **params)


def draw_funnel(curated: Curated, newest: SnapshotSummary | None, snapshots: int) -> None:
    """Draw the way from mistakes to frozen pairs: a number and a bar for each stage."""
    st.subheader("From mistakes to training pairs")
    tables.draw_bars((s.name, s.count, s.of, s.note) for s in funnel(curated, newest, snapshots))


def draw_teachers(curated: Curated) -> None:
    """Draw each teacher as author and as reviewer."""
    st.subheader("Teachers")
    rows = [
        (
            Html(theme.teacher_chip(t.name, curated.places[t.name]) + (" simulated" if t.simulated else "")),
            t.rationales,
            t.accepted,
            t.wrong,
            None if t.received_mean is None else f"{float(t.received_mean):.2f}",
            None if t.given_mean is None else f"{float(t.given_mean):.2f}",
            None if t.leniency is None else f"{float(t.leniency):+.2f}".replace("-", "−"),
            t.no_votes,
        )
        for t in teachers(curated)
    ]
    if not rows:
        st.caption("No teacher has explained its mistakes yet.")
        return
    header = ("", "rationales", "accepted", "wrong", "mean", "mean", "leniency", "no vote")
    tables.draw_table(header, rows, groups=[("", 1), ("as author", 4), ("as reviewer", 3)])
    st.caption("wrong: accepted, and ending in a wrong answer · leniency: above or below the mean of all votes")


def draw_people(curated: Curated) -> None:
    """Draw what people did."""
    st.subheader("People")
    p = people(curated)
    tables.draw_row(
        (p.judged, f"of {p.texts:,} texts judged"),
        (p.overridden, "texts overridden"),
        (p.answers_corrected + p.golds_corrected, "corrected"),
        (p.not_mistakes, "not a mistake"),
        (p.excluded, "excluded"),
        (p.conflicts, "conflicts"),
    )
    st.caption(text.label("by " + ", ".join(p.people) if p.people else "nobody has judged yet", 200))


def draw_held_out(curated: Curated) -> None:
    """Say what an exam on held-out questions is for."""
    with st.container(border=True):
        st.markdown("**These questions are held out**: their mistakes are counted and compared, never taught.")
        with st.container(horizontal=True):
            context.link("pages/train/results.py", "Before and after", icon=":material/compare_arrows:")
            context.link("pages/loop/exam.py", f"All {len(curated.mistakes):,} mistakes", icon=":material/quiz:")
