"""Jobs on a page: one as it runs, several in a table, and what a start would do.

working.offer(Exam(student="smollm2", questions="demo", split="dev"), "Start the exam")
working.follow_active("exam")                 -> each exam that waits or runs, live, with its cancel button
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import streamlit as st
from pydantic import ValidationError

from mapd import jobs, work
from mapd.errors import BadInput, MapdError
from mapd.store import db
from mapd.store import tables as t
from mapd.ui import current, figures, look, text
from mapd.ui.figures import Cell, Html
from mapd.work import Work

EVERY_S = 1.0
ENDED_EARLY = ("failed", "cancelled", "stopped")  # stays on the page until something else is started there
JUST = timedelta(minutes=10)  # so long a job that is done stays on the page that started it
SIGNS = {  # by state: sign, colour
    "queued": ("…", look.GREY),
    "running": ("▸", look.GREEN),
    "silent": ("?", look.AMBER),
    "cancelling": ("■", look.AMBER),
    "cancelled": ("■", look.GREY),
    "failed": ("✕", look.VERMILLION),
    "stopped": ("■", look.AMBER),
    "done": ("✓", look.GREEN),
}
STARTS = (  # where work begins
    ("pages/loop/overview.py", "The demo", ":material/play_circle:"),
    ("pages/loop/exam.py", "An exam", ":material/quiz:"),
    ("pages/loop/committee.py", "A committee", ":material/groups:"),
    ("pages/train/finetune.py", "A finetune", ":material/model_training:"),
)


def duration(seconds: float) -> str:
    """A time as people say it: "40 s", "7 min", "2 h 5 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


# --- Starting ---------------------------------------------------------------------------------------------------------


def offer(make: Callable[[], Work], label: str, key: str) -> None:
    """Say what the start will do and how long it may take, and the button that does it."""
    try:
        given = make()
        with db.reading(current.engine()) as session:
            size, pace = given.size(session), jobs.pace(session, given.kind)
            there = jobs.workers(session)
    except (ValidationError, MapdError) as error:
        text.complain(error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error))
        return
    took = f"at the latest pace here about {duration(size / pace)}" if pace else "the time left shows as it runs"
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button(label, key=key, type="primary", icon=":material/play_arrow:")
        st.caption(f"{size:,} {given.unit}; {took}. What is there already isn't done again.")
    if not there:
        no_worker()
    if pressed:
        with db.writing(current.engine()) as session:
            jobs.start(session, given.kind, given.model_dump(mode="json"), by=current.current_person())
        st.rerun()


def no_worker() -> None:
    """Say that nothing takes the jobs."""
    st.caption("No worker is there, and jobs wait for one: `mapd app` starts it beside itself, `mapd worker` alone.")


# --- Watching ---------------------------------------------------------------------------------------------------------


def follow_active(kind: str, **parameters: Any) -> None:
    """Draw each job of a kind, with these parameters, that has not ended; and the latest if it ended badly, or now."""
    with db.reading(current.engine()) as session:
        found = [j for j in jobs.listed(session) if j.kind == kind and _has(j, parameters)]
        uids = [job.uid for job in found if job.status in jobs.ACTIVE]
        uids += [job.uid for job in found[:1] if jobs.state(job) in ENDED_EARLY or _just_done(job)]
    for uid in uids:
        follow(uid)


def is_active(*kinds: str) -> bool:
    """Whether a job of one of these kinds waits or runs."""
    with db.reading(current.engine()) as session:
        return any(job.kind in kinds and job.status in jobs.ACTIVE for job in jobs.listed(session))


def _just_done(job: t.Job) -> bool:
    return job.status == "done" and job.ended_at is not None and t.now() - job.ended_at < JUST


def _has(job: t.Job, parameters: dict[str, Any]) -> bool:
    return all(job.parameters.get(key) == value for key, value in parameters.items())


def follow(uid: str) -> None:
    """Draw one job: live as long as it is at work."""
    if _read(uid).status in jobs.ACTIVE:
        _live(uid)
    else:
        _card(_read(uid))


@st.fragment(run_every=EVERY_S)
def _live(uid: str) -> None:
    job = _read(uid)
    before = st.session_state.get(f"stage_{uid}")
    st.session_state[f"stage_{uid}"] = job.stage
    if job.status not in jobs.ACTIVE or before not in (None, job.stage):
        st.rerun()  # what it made belongs to the whole page
    _card(job)


def _read(uid: str) -> t.Job:
    with db.reading(current.engine()) as session:
        job = jobs.get(session, uid)
        session.expunge(job)
        return job


def _card(job: t.Job) -> None:
    state = jobs.state(job)
    with st.container(border=True, key=f"job_{job.uid}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.html(f"{_chip(state)}<b>{text.escape(text.one_line(work.title(job), 120))}</b>", width="stretch")
            _acts(job, state)
        _standing(job, state)
        if job.error:
            text.complain(job.error)
        if job.log and st.query_params.get("job") == job.uid:
            st.code("\n".join(job.log.splitlines()[-12:]), language=None, wrap_lines=True)


def _standing(job: t.Job, state: str) -> None:
    """How far it is, in a bar and words; where nothing is known yet, in words."""
    if state == "queued":
        with db.reading(current.engine()) as session:
            there = jobs.workers(session)
        st.caption(f"Waits for a free place on {', '.join(map(text.label, there))}.") if there else no_worker()
        return
    left = f"{duration(job.seconds_left)} left" if job.seconds_left else ""
    counted = f"{job.done:,} of {job.total:,}" if job.total else ""
    said = " · ".join(filter(None, (text.label(job.stage), counted, text.label(job.message), left)))
    if state == "done":
        st.caption(said)
    else:
        st.progress(min(1.0, job.done / job.total) if job.total else 0.0, said or "starting …")
    if state == "stopped":
        st.html(f'<div class="mapd-note">{text.escape(text.one_line(job.outcome["stopped"], 300))}</div>')
    if state == "silent":
        st.caption(
            f"No sign of life since {job.beat_at:%H:%M:%S} UTC: its worker is gone. It goes on when that worker is "
            "back; Resume gives it to another one. Nothing is done twice."
        )


def _acts(job: t.Job, state: str) -> None:
    if st.query_params.get("job") != job.uid:
        current.link("pages/loop/jobs.py", "Details", icon=":material/list_alt:", job=job.uid)
    if state in ("queued", "running", "silent") and st.button(
        "Cancel", key=f"cancel_{job.uid}", icon=":material/stop:", type="tertiary"
    ):
        _act(jobs.cancel, job.uid)
    if job.origin is not None:
        st.html('<span class="mapd-note">came with an archive</span>')
    elif state in ("silent", "failed", "cancelled") and st.button(
        "Resume", key=f"resume_{job.uid}", icon=":material/play_arrow:", type="tertiary"
    ):
        _act(jobs.resume, job.uid)
    if state in ("done", "stopped"):
        _result(job)


def _act(change: Callable[..., t.Job], uid: str) -> None:
    try:
        with db.writing(current.engine()) as session:
            change(session, uid, by=current.current_person())
    except BadInput as error:  # it ended meanwhile
        text.complain(str(error))
        return
    st.rerun()


def _result(job: t.Job) -> None:
    """A link to what the job made."""
    made = {key: str(value) for key, value in job.outcome.items()}
    if "before" in made:
        pair = {"before": made["before"], "after": made["after"], "exam": made["exam"]}
        current.link("pages/train/results.py", "Results", icon=":material/compare_arrows:", **pair)
    elif job.kind == "finetune":
        current.link("pages/train/finetune.py", "Curves", icon=":material/show_chart:", finetune=made["student"])
    elif job.kind == "exam":
        current.link("pages/loop/exam.py", "The exam", icon=":material/quiz:", exam=made["exam"])
    else:
        exam = str(job.parameters.get("exam"))
        current.link("pages/loop/committee.py", "The committee", icon=":material/groups:", exam=exam)


# --- All of them ------------------------------------------------------------------------------------------------------


def active_and_failed() -> tuple[int, bool]:
    """How many jobs wait or run, and whether the newest one has failed: what the frame says of them on every page."""
    with db.reading(current.engine()) as session:
        found = jobs.listed(session)
        return sum(job.status in jobs.ACTIVE for job in found), bool(found) and found[0].status == "failed"


def listed() -> None:
    """Every job in a line, the newest first, and the workers."""
    with db.reading(current.engine()) as session:
        rows = [_row(job) for job in jobs.listed(session)]
        there = jobs.workers(session)
    if not rows:
        with st.container(border=True):
            st.markdown("**Nothing was started yet.** Work starts on the page of what it makes.")
            with st.container(horizontal=True):
                for page, label, icon in STARTS:
                    current.link(page, label, icon=icon)
    else:
        st.html(figures.table(("job", "", "by", "how far", "started (UTC)", "took"), rows, words=3))
    shown = ", ".join(text.label(name) for name in there)
    st.caption(f"Workers: {shown}") if there else no_worker()


def _row(job: t.Job) -> tuple[Cell, ...]:
    state = jobs.state(job)
    ended = job.ended_at or (t.now() if state == "running" else None)
    name = figures.linked(text.one_line(work.title(job), 80), current.address("jobs", job=job.uid))
    why = f'<div class="mapd-note">{text.escape(text.one_line(job.error, 160))}</div>' if job.error else ""
    return (
        Html(name + why),
        Html(_chip(state)),
        text.one_line(job.person, 30),
        f"{job.done:,} of {job.total:,}" if job.total else None,
        f"{job.started_at:%Y-%m-%d %H:%M}" if job.started_at else None,
        duration((ended - job.started_at).total_seconds()) if job.started_at and ended else None,
    )


def _chip(state: str) -> str:
    sign, colour = SIGNS[state]
    return look.sign_chip(sign, state, colour)
