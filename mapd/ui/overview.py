"""The overview's parts: an empty project's welcome, the next step, funnel, teachers, people, one mistake to follow.

Drawn from `curation.overview` and `curation.next_step`; nothing is counted here.
"""

from collections.abc import Sequence

import streamlit as st

from mapd.checks import State
from mapd.curation.curated import Curated, Explained, Mistake, counted
from mapd.curation.next_step import NextStep
from mapd.curation.overview import Frozen, funnel, people, teachers
from mapd.store import db, queries
from mapd.ui import current, figures, look, text
from mapd.ui.figures import Html
from mapd.verdicts import Verdict

HERE = "in this app"
LOOP = (  # the loop in five words each, and where it runs today
    ("exam", "a student answers the questions", "by import"),
    ("committee", "teachers explain and review mistakes", "by import"),
    ("curation", "people judge what teachers wrote", HERE),
    ("snapshot", "the curated set is frozen", HERE),
    ("finetune", "the student learns from it", "comes later"),
    ("exam", "its new answers are compared", "comes later"),
)
PAGES = {
    "triage": "pages/review/triage.py",
    "threshold": "pages/curate/threshold.py",
    "snapshots": "pages/curate/snapshots.py",
    "data": "pages/loop/data.py",
}


def is_empty() -> bool:
    """Whether the project has no exam yet."""
    with db.reading(current.engine()) as session:
        return not queries.exams(session)


def welcome() -> None:
    """What this is, the loop, and what to do first."""
    st.markdown(
        "A student model makes mistakes; a committee of teachers explains and reviews them; people judge what the "
        "teachers wrote; the student learns from what stands."
    )
    steps = (
        f'<li><b>{name}</b><span>{words}</span><i class="{"mapd-here" if where == HERE else ""}">{where}</i></li>'
        for name, words, where in LOOP
    )
    st.html(f'<ol class="mapd-loop">{"".join(steps)}</ol>')
    st.caption("This version curates and freezes; exams, committees and finetuning run from here in later ones.")
    with st.container(border=True):
        st.markdown(
            "**First, import an exam's mistakes with their explanations and reviews**, as files or in a terminal:"
        )
        with st.container(key="primary_link"):
            current.link("pages/loop/data.py", "Import the authors' files", icon=":material/upload_file:")
        st.code("mapd import authors --feedback FEEDBACK.json --rationales RATIONALES.json", language=None)


def newest_snapshot(exam_id: int) -> tuple[Frozen | None, int]:
    """The exam's newest snapshot, and how many there are."""
    with db.reading(current.engine()) as session:
        found = queries.snapshots(session, exam_id)
        newest = [Frozen(s.sha256, s.pairs, s.created_at, s.manifest["policy"]) for s in found[:1]]
        return (newest[0] if newest else None), len(found)


def show_next_step(step: NextStep) -> None:
    """The finding, and one link to where something is done about it."""
    with st.container(horizontal=True, border=True, vertical_alignment="center", key="next_step"):
        st.html(f'<span class="mapd-next"><i>next</i>{text.escape(step.finding)}</span>', width="stretch")
        with st.container(key="primary_link", width="content"):
            more = {"queue": step.queue} if step.queue else {}
            current.link(PAGES[step.page], step.act, icon=":material/arrow_forward:", **more)


def show_funnel(curated: Curated, newest: Frozen | None, snapshots: int) -> None:
    """From mistakes to what is frozen: a number and a calm bar each."""
    st.subheader("From mistakes to training pairs")
    st.html(figures.bars((s.name, s.count, s.count, s.of, s.note) for s in funnel(curated, newest, snapshots)))


def show_teachers(curated: Curated) -> None:
    """Each teacher as author and as reviewer."""
    st.subheader("Teachers")
    order = sorted(curated.teachers)
    rows = [
        (
            Html(look.teacher_chip(t.name, order.index(t.name)) + (" simulated" if t.simulated else "")),
            t.rationales,
            t.accepted,
            t.wrong,
            None if t.received is None else f"{float(t.received):.2f}",
            None if t.given is None else f"{float(t.given):.2f}",
            None if t.leniency is None else f"{float(t.leniency):+.2f}".replace("-", "−"),
            t.no_votes,
        )
        for t in teachers(curated)
    ]
    header = ("", "rationales", "accepted", "wrong", "mean", "mean", "leniency", "no vote")
    st.html(figures.table(header, rows, groups=[("", 1), ("as author", 4), ("as reviewer", 3)]))
    st.caption("wrong: accepted, and ending in a wrong answer · leniency: above or below the mean of all votes")


def show_people(curated: Curated) -> None:
    """What people did."""
    st.subheader("People")
    p = people(curated)
    st.html(
        figures.row(
            [
                (p.judged, f"of {p.texts:,} texts judged"),
                (p.overridden, "overridden"),
                (p.answers_corrected + p.golds_corrected, "corrected"),
                (p.not_mistakes, "not a mistake"),
                (p.excluded, "excluded"),
                (p.conflicts, "conflicts"),
            ]
        )
    )
    st.caption(text.label("by " + ", ".join(p.people) if p.people else "nobody has judged yet", 200))


def chosen_mistake(curated: Curated) -> int:
    """The place of the mistake that the address names, else of the first with a doubtful rationale."""
    asked = st.query_params.get("mistake")
    places = {m.attempt.uid: n for n, m in enumerate(curated.mistakes)}
    doubtful = (n for n, m in enumerate(curated.mistakes) if any(_doubtful(x) for x in m.rationales))
    return places[asked] if asked in places else next(doubtful, 0)


def _doubtful(x: Explained) -> bool:
    return x.verdict is Verdict.ACCEPTED and x.states.matches_gold is State.FAILS


def show_mistake(curated: Curated) -> None:
    """Follow one mistake: what was asked, what the student said, what the committee made of it."""
    here = chosen_mistake(curated)
    mistake, total = curated.mistakes[here], len(curated.mistakes)
    with st.container(horizontal=True, vertical_alignment="center", key="follow"):
        st.subheader("Follow one mistake", width="content")
        st.html(f'<span class="mapd-note">{here + 1:,} of {total:,}</span>', width="content")
        for label, step in (("‹ previous", -1), ("next ›", 1)):
            other = curated.mistakes[(here + step) % total].attempt.uid
            current.link("pages/loop/overview.py", label, mistake=other)
        st.space("stretch")
        current.link("pages/review/triage.py", "Judge it", icon=":material/rate_review:", mistake=mistake.attempt.uid)
    left, right = st.columns((2, 3), gap="large")
    with left:
        st.html(_asked(mistake))
    with right:
        st.html(_explained(mistake, sorted(curated.teachers)))


def _asked(m: Mistake) -> str:
    answer = look.chip("no_answer") if m.answer is None else look.chip("incorrect", text.one_line(m.answer, 24))
    return (
        figures.titled("Question", text.foreign_html(m.question.text, max_chars=500))
        + figures.titled("Gold answer", text.foreign_line_html(m.gold))
        + figures.titled("The student answered", answer + text.foreign_html(m.attempt.text, max_chars=240))
    )


def _explained(m: Mistake, order: Sequence[str]) -> str:
    rows = "".join(_rationale(x, order) for x in m.rationales) or '<span class="mapd-note">no rationale</span>'
    standing = sum(x.verdict is Verdict.ACCEPTED for x in m.feedback)
    feedback = f"{len(m.feedback)} written, {standing} {'stands' if standing == 1 else 'stand'}"
    return figures.titled("Rationales", rows) + figures.titled("Feedback", feedback)


ANSWERS = {State.HOLDS: "correct", State.FAILS: "incorrect", State.NOTHING: "no_answer"}


def _rationale(x: Explained, order: Sequence[str]) -> str:
    """Who, the verdict with its mean, the votes, the rationale's own answer, and its first line."""
    mean = "" if x.committee.mean is None else f"{float(x.committee.mean):.1f}"
    votes = " · ".join(
        f"{text.escape(text.one_line(v.reviewer, 24))} {v.score or 'no vote'}" for v in counted(x.text.votes)
    )
    chips = look.teacher_chip(text.one_line(x.text.teacher, 24), order.index(x.text.teacher)) + look.chip(
        x.verdict.value, mean
    )
    chips += look.chip("overridden") if x.overridden else ""
    answer = look.chip(ANSWERS[x.states.matches_gold], text.one_line(x.answer or "", 20))
    line = text.foreign_line_html(x.text.text, 160)
    return f'<div class="mapd-said"><div>{chips}{answer}<span class="mapd-note">{votes}</span></div>{line}</div>'
