"""Jobs on a page: one as it runs, several in a table, and what a start would do.

working.offer(Exam(student="smollm2", questions="demo", split="dev"), "Start the exam")
working.follow_active("exam")                 -> each exam that waits or runs, live, with its cancel button
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import streamlit as st
from pydantic import ValidationError

from mapd import jobs, work
from mapd.errors import MapdError
from mapd.store import db
from mapd.store import tables as t
from mapd.ui import acting, current, figures, look, telling, text, times
from mapd.ui.figures import Cell, Html
from mapd.work import Work

EVERY_S = 1.0
ENDED_EARLY = ("failed", "cancelled", "stopped")  # stays on the page until something else is started there
STARTED = "started_job"  # session state: the uid of the job that was started last, and the exam that was shown then
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


# --- Starting ---------------------------------------------------------------------------------------------------------


def offer(make: Callable[[], Work], label: str, key: str, missing: int | None = None) -> None:
    """Say what the start will do and how long it may take, and the button that does it.

    `missing`: how many of its units are not there yet, where that is known.
    """
    try:
        given = make()
        with db.reading(current.engine()) as session:
            size, pace = given.size(session), jobs.measure_pace(session, given.kind)
            there = jobs.workers(session)
    except (ValidationError, MapdError) as error:
        text.complain(error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error))
        return
    if not size:
        st.caption(f"0 {given.unit}: there is nothing to do.")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = acting.button(label, key=key, type="primary", icon=":material/play_arrow:")
        st.caption(_amount(given.unit, size, size if missing is None else missing, pace))
    if not there:
        no_worker()
    if pressed:
        with db.writing(current.engine()) as session:
            job = jobs.start(session, given.kind, given.model_dump(mode="json"), by=current.acting_person())
            st.session_state[STARTED] = job.uid, current.params().get("exam")
        st.rerun()


def _amount(unit: str, size: int, missing: int, pace: float | None) -> str:
    """How much there is to do, and how long it may take."""
    if not missing:
        return f"All {size:,} {unit} are there already: nothing is asked again."
    took = (
        f"at the latest pace here about {jobs.duration(missing / pace)}" if pace else "the time left shows as it runs"
    )
    share = f"{missing:,} of {size:,}" if missing < size else f"{size:,}"
    return f"{share} {unit}; {took}. What is there already isn't done again."


def show_started_exam() -> None:
    """Once an exam that was started in this session is done, show it, unless another one was chosen meanwhile."""
    uid, exam_before = st.session_state.get(STARTED, (None, None))
    if uid is None:
        return
    job, _ = _read(uid)
    if job.status in jobs.ACTIVE:
        return
    del st.session_state[STARTED]
    if job.kind == "exam" and job.status == "done" and current.params().get("exam") == exam_before:
        current.choose_exam(str(job.outcome["exam"]))
        st.rerun()


def no_worker() -> None:
    """Say that nothing takes the jobs."""
    st.caption("No worker is there, and jobs wait for one: `mapd app` starts it beside itself, `mapd worker` alone.")


# --- Watching ---------------------------------------------------------------------------------------------------------


def follow_active(kind: str, **parameters: Any) -> None:
    """Draw each job of a kind, with these parameters, that has not ended; and the latest if it ended badly, or now."""
    with db.reading(current.engine()) as session:
        at = db.clock(session)
        found = [j for j in jobs.list_jobs(session) if j.kind == kind and _has(j, parameters)]
        uids = [job.uid for job in found if job.status in jobs.ACTIVE]
        uids += [job.uid for job in found[:1] if jobs.describe_state(job, at) in ENDED_EARLY or _just_done(job, at)]
    for uid in uids:
        follow(uid)


def is_active(*kinds: str) -> bool:
    """Whether a job of one of these kinds waits or runs."""
    with db.reading(current.engine()) as session:
        return any(job.kind in kinds and job.status in jobs.ACTIVE for job in jobs.list_jobs(session))


def _just_done(job: t.Job, at: datetime) -> bool:
    return job.status == "done" and job.ended_at is not None and at - job.ended_at < JUST


def _has(job: t.Job, parameters: dict[str, Any]) -> bool:
    return all(job.parameters.get(key) == value for key, value in parameters.items())


def follow(uid: str) -> None:
    """Draw one job: live as long as it is at work."""
    job, at = _read(uid)
    if job.status in jobs.ACTIVE:
        _live(uid)
    else:
        _card(job, at)


@st.fragment(run_every=EVERY_S)
@telling.in_place
def _live(uid: str) -> None:
    current.leave_if_shut()
    job, at = _read(uid)
    before = st.session_state.get(f"stage_{uid}")
    st.session_state[f"stage_{uid}"] = job.stage
    if job.status not in jobs.ACTIVE or before not in (None, job.stage):
        st.rerun()  # what it made belongs to the whole page
    _card(job, at)


def _read(uid: str) -> tuple[t.Job, datetime]:
    """The job, and the database's time."""
    with db.reading(current.engine()) as session:
        job = jobs.get(session, uid)
        session.expunge(job)
        return job, db.clock(session)


def _card(job: t.Job, at: datetime) -> None:
    state = jobs.describe_state(job, at)
    with st.container(border=True, key=f"job_{job.uid}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.html(f"{_chip(state)}<b>{text.escape(text.one_line(work.job_title(job), 120))}</b>", width="stretch")
            _acts(job, state)
        _standing(job, state)
        if job.error:
            text.complain(job.error)
        if job.log and st.query_params.get("job") == job.uid:
            st.code("\n".join(map(_log_line, jobs.log_lines(job)[-12:])), language=None, wrap_lines=True)


def _log_line(line: tuple[datetime | None, str]) -> str:
    at, words = line
    return f"{times.moment(at, times.CLOCK)} {words}" if at else words


def _standing(job: t.Job, state: str) -> None:
    """How far it is, in a bar and words; where nothing is known yet, in words."""
    counted = f"{job.done:,} of {job.total:,}" if job.total else ""
    if state == "queued":
        with db.reading(current.engine()) as session:
            there = jobs.workers(session)
        so_far = f" It came to {counted}, and goes on from there." if counted else ""
        st.caption(f"Waits for a free place on {', '.join(map(text.label, there))}.{so_far}") if there else no_worker()
        return
    left = f"{jobs.duration(job.seconds_left)} left" if job.seconds_left else ""
    said = " · ".join(filter(None, (text.label(job.stage), counted, text.label(job.message), left)))
    if state == "done":
        st.caption(said)
    else:
        st.progress(min(1.0, job.done / job.total) if job.total else 0.0, said or "starting …")
    if state == "stopped":
        st.html(f'<div class="mapd-note">{text.escape(text.one_line(job.outcome["stopped"], 300))}</div>')
    if state == "silent":
        since = f" since {times.moment(job.beat_at, times.CLOCK)}" if job.beat_at else ""
        st.caption(
            f"No sign of life{since}: its worker is gone, or waits for the database. It goes on by itself; nothing is "
            "done twice."
        )


def _acts(job: t.Job, state: str) -> None:
    if st.query_params.get("job") != job.uid:
        current.link("pages/loop/jobs.py", "Details", icon=":material/list_alt:", job=job.uid)
    if state in ("queued", "running", "silent") and acting.button(
        "Cancel", key=f"cancel_{job.uid}", icon=":material/stop:", type="tertiary"
    ):
        _act(jobs.cancel, job.uid)
    if job.origin is not None:
        st.html('<span class="mapd-note">came with an archive</span>')
    elif state in ("silent", "failed", "cancelled") and acting.button(
        "Resume", key=f"resume_{job.uid}", icon=":material/play_arrow:", type="tertiary"
    ):
        _act(jobs.resume, job.uid)
    if state in ("done", "stopped"):
        _result(job)


def _act(change: Callable[..., t.Job], uid: str) -> None:
    try:
        with db.writing(current.engine()) as session:
            change(session, uid, by=current.acting_person())
    except MapdError as error:  # it ended meanwhile, or the database is busy
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
        found = jobs.list_jobs(session)
        return sum(job.status in jobs.ACTIVE for job in found), bool(found) and found[0].status == "failed"


def listed() -> None:
    """Every job in a line, the newest first, and the workers."""
    with db.reading(current.engine()) as session:
        at = db.clock(session)
        rows = [_row(job, at) for job in jobs.list_jobs(session)]
        there = jobs.workers(session)
    if not rows:
        with st.container(border=True):
            st.markdown("**Nothing was started yet.** Work starts on the page of what it makes.")
            with st.container(horizontal=True):
                for page, label, icon in STARTS:
                    current.link(page, label, icon=icon)
    else:
        st.html(figures.table(("job", "", "by", "how far", "started", "took"), rows, words=3))
    shown = ", ".join(text.label(name) for name in there)
    st.caption(f"Workers: {shown}") if there else no_worker()


def _row(job: t.Job, at: datetime) -> tuple[Cell, ...]:
    state = jobs.describe_state(job, at)
    ended = job.ended_at or (at if state == "running" else None)
    name = figures.linked(text.one_line(work.job_title(job), 80), current.address("jobs", job=job.uid))
    why = f'<div class="mapd-note">{text.escape(text.one_line(job.error, 160))}</div>' if job.error else ""
    return (
        Html(name + why),
        Html(_chip(state)),
        text.one_line(job.person, 30),
        f"{job.done:,} of {job.total:,}" if job.total else None,
        times.cell(job.started_at) if job.started_at else None,
        jobs.duration((ended - job.started_at).total_seconds()) if job.started_at and ended else None,
    )


def _chip(state: str) -> str:
    sign, colour = SIGNS[state]
    return look.sign_chip(sign, state, colour)
