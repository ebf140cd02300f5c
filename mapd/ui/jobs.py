"""Jobs on a page: one as it runs, all in a table, and what a start would do."""

from collections.abc import Callable
from contextlib import nullcontext, suppress
from datetime import datetime, timedelta
from typing import Any

import streamlit as st
from pydantic import ValidationError

from mapd import jobs
from mapd.committee import SavedCalls
from mapd.errors import MapdError
from mapd.jobs import kinds as work
from mapd.jobs.work import Work
from mapd.people import Right, require
from mapd.store import db
from mapd.store import tables as t
from mapd.ui.kit import actions, context, refusals, tables, text, theme, times
from mapd.ui.kit.tables import Cell, Html

REFRESH_S = 1.0
# These stay on the page until something else is started there.
ENDED_EARLY = ("failed", "cancelled", "stopped")
# Session state: the uid of the last started job, and the exam that was open then.
STARTED_JOB = "started_job"
# For so long a finished job stays on the page that started it.
FRESH = timedelta(minutes=10)
# By state: sign, colour.
SIGNS = {
    "queued": ("…", theme.GREY),
    "running": ("▸", theme.GREEN),
    "silent": ("?", theme.AMBER),
    "cancelling": ("■", theme.AMBER),
    "cancelled": ("■", theme.GREY),
    "failed": ("✕", theme.VERMILLION),
    "stopped": ("■", theme.AMBER),
    "done": ("✓", theme.GREEN),
}
# By kind, another word for a cancelling from which all goes on.
CANCEL = {"finetune": "Pause"}
# Where jobs begin.
STARTS = (
    ("pages/loop/overview.py", "The demo", ":material/play_circle:"),
    ("pages/loop/exam.py", "An exam", ":material/quiz:"),
    ("pages/loop/committee.py", "A committee", ":material/groups:"),
    ("pages/curate/threshold.py", "A fit of a policy", ":material/tune:"),
    ("pages/train/finetune.py", "A finetune", ":material/model_training:"),
    ("pages/train/arms.py", "A comparison of arms", ":material/experiment:"),
)


# --- Starting ---------------------------------------------------------------------------------------------------------


def draw_start(
    make: Callable[[], Work],
    label: str,
    key: str,
    missing: int | None = None,
    keep: Callable[[], object] | None = None,
) -> None:
    """Draw what the start will do, how long it may take, and the button that starts it.

    `missing`: how many of its units are not there yet, where that is known. `keep`: stores what the job reads, at the
    press.
    """
    try:
        new_job = make()
        size, pace = context.read(new_job.size), context.read(jobs.measure_pace, new_job.kind)
    except (ValidationError, MapdError) as error:
        text.complain(error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error))
        return
    if not size:
        st.caption(f"0 {new_job.unit}: there is nothing to do.")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        is_pressed = actions.button(label, key=key, type="primary", icon=":material/play_arrow:")
        st.caption(_amount_words(new_job.unit, size, size if missing is None else missing, pace))
    if not context.read(jobs.workers):
        draw_no_worker()
    if is_pressed:
        person, parameters = context.acting_person(), new_job.model_dump(mode="json")
        if keep is not None:
            require(person, Right.RUN_JOBS)
            keep()
        uid = context.write(lambda session: jobs.start(session, new_job.kind, parameters, by=person).uid)
        st.session_state[STARTED_JOB] = uid, context.params().get("exam")
        st.rerun()


def _amount_words(unit: str, size: int, missing: int, pace: float | None) -> str:
    if not missing:
        return f"All {size:,} {unit} are there already: nothing is asked again."
    duration_words = (
        f"about {jobs.duration(missing / pace)} at the latest pace" if pace else "the time left shows as it runs"
    )
    share = f"{missing:,} of {size:,}" if missing < size else f"{size:,}"
    return f"{share} {unit}; {duration_words}. Finished parts aren't done again."


def show_started_exam() -> None:
    """Show an exam that was started in this session once it is done, unless another exam was chosen meanwhile."""
    uid, exam_at_start = st.session_state.get(STARTED_JOB, (None, None))
    if uid is None:
        return
    job, _ = read_job(uid)
    if job.status in jobs.ACTIVE:
        return
    del st.session_state[STARTED_JOB]
    if job.kind == "exam" and job.status == "done" and context.params().get("exam") == exam_at_start:
        context.choose_exam(str(job.outcome["exam"]))
        st.rerun()


def find_ended(kind: str) -> t.Job | None:
    """Return the job of this kind that was started in this session, once, as soon as it is done."""
    uid, _ = st.session_state.get(STARTED_JOB, (None, None))
    if uid is None:
        return None
    job, _ = read_job(uid)
    if job.kind != kind or job.status != "done":
        return None
    del st.session_state[STARTED_JOB]
    return job


def draw_no_worker() -> None:
    """Say that no worker takes the jobs."""
    st.caption(
        "No worker is running, so jobs wait: `mapd app` starts one beside itself, `mapd worker` starts one alone."
    )


# --- Watching ---------------------------------------------------------------------------------------------------------


def draw_active(kind: str, **parameters: Any) -> None:
    """Draw each active job of this kind and these parameters; also the latest if it ended badly, or just now."""
    now = context.read(db.clock)
    kind_jobs = [
        j for j in context.read(jobs.list_jobs) if j.kind == kind and parameters.items() <= j.parameters.items()
    ]
    uids = [job.uid for job in kind_jobs if job.status in jobs.ACTIVE]
    uids += [job.uid for job in kind_jobs[:1] if jobs.describe_state(job, now) in ENDED_EARLY or _is_fresh(job, now)]
    for uid in uids:
        draw_job(uid)


def is_active(*kinds: str) -> bool:
    """Return whether a job of one of these kinds waits or runs."""
    return any(job.kind in kinds and job.status in jobs.ACTIVE for job in context.read(jobs.list_jobs))


def _is_fresh(job: t.Job, now: datetime) -> bool:
    return job.status == "done" and job.ended_at is not None and timedelta(0) <= now - job.ended_at < FRESH


def draw_job(uid: str) -> None:
    """Draw one job: live as long as it runs."""
    job, now = read_job(uid)
    if job.status in jobs.ACTIVE:
        _draw_live(uid)
    else:
        _draw_card(job, now)


@st.fragment(run_every=REFRESH_S)
@refusals.in_place
def _draw_live(uid: str) -> None:
    context.rerun_if_refused()
    job, now = read_job(uid)
    last_stage = st.session_state.get(f"stage_{uid}")
    st.session_state[f"stage_{uid}"] = job.stage
    # A fragment redraws only itself; a new stage changes the rest of the page, too.
    if job.status not in jobs.ACTIVE or last_stage not in (None, job.stage):
        # The results of a finished stage belong to the whole page.
        st.rerun()
    _draw_card(job, now)


def read_job(uid: str) -> tuple[t.Job, datetime]:
    """Return a job, and the database's time."""
    return context.read(jobs.get, uid), context.read(db.clock)


def _draw_card(job: t.Job, now: datetime) -> None:
    state = jobs.describe_state(job, now)
    with st.container(border=True, key=f"job_{job.uid}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.html(f"{_chip(state)}<b>{text.line_html(work.job_title(job), 120)}</b>", width="stretch")
            _draw_buttons(job, state)
        _draw_progress(job, state)
        if job.error:
            text.complain(job.error)
        if job.log and st.query_params.get("job") == job.uid:
            st.code("\n".join(map(_log_line, jobs.log_lines(job)[-12:])), language=None, wrap_lines=True)


def _log_line(line: tuple[datetime | None, str]) -> str:
    time, words = line
    return f"{times.moment(time, times.CLOCK)} {words}" if time else words


def _draw_progress(job: t.Job, state: str) -> None:
    """Draw a job's progress as a bar and in words; where nothing is known yet, in words."""
    count_words = f"{job.done:,} of {job.total:,}" if job.total else ""
    if state == "queued":
        workers = context.read(jobs.workers)
        so_far = f" It stopped at {count_words} and goes on from there." if count_words else ""
        st.caption(
            f"Waits for a free place on {', '.join(map(text.label, workers))}.{so_far}"
        ) if workers else draw_no_worker()
        return
    time_words = f"{jobs.duration(job.seconds_left)} left" if job.seconds_left else ""
    line = " · ".join(filter(None, (text.label(job.stage), count_words, text.label(job.message), time_words)))
    if state == "done":
        st.caption(line)
    else:
        st.progress(min(1.0, job.done / job.total) if job.total else 0.0, line or "starting …")
    if state == "stopped":
        st.html(f'<div class="mapd-note">{text.line_html(str(job.outcome["stopped"]), 300)}</div>')
    # What an archive's job says of itself may have any form.
    outcome = job.outcome if job.origin is None else {}
    if job.kind == "fit":
        lines = [outcome.get("no_feedback"), *outcome.get("notes", ())]
        html = "".join(f'<div class="mapd-note">{text.line_html(line, 400)}</div>' for line in lines if line)
        st.html(html) if html else None
    if why := outcome.get("why"):
        words = "The queue has this order" if outcome["is_used"] else "The queue keeps its order"
        st.html(f'<div class="mapd-note">{words}: {text.line_html(why, 400)}</div>')
    if saved := outcome.get("saved"):
        st.html(f'<div class="mapd-note">{text.line_html(SavedCalls(**saved).in_words, 300)}.</div>')
    if state == "silent":
        since = f" since {times.moment(job.beat_at, times.CLOCK)}" if job.beat_at else ""
        st.caption(
            f"No sign of life{since}: its worker is gone, or waits for the database. The job goes on by itself; "
            "nothing is done twice."
        )


def _draw_buttons(job: t.Job, state: str) -> None:
    if st.query_params.get("job") != job.uid:
        context.link("pages/loop/jobs.py", "Details", icon=":material/list_alt:", job=job.uid)
    if state in ("queued", "running", "silent") and actions.button(
        CANCEL.get(job.kind, "Cancel"), key=f"cancel_{job.uid}", icon=":material/stop:", type="tertiary"
    ):
        actions.write_and_rerun(lambda session, person: jobs.cancel(session, job.uid, by=person))
    if job.origin is not None:
        st.html('<span class="mapd-note">came with an archive</span>')
    elif state in ("silent", "failed", "cancelled") and actions.button(
        "Resume", key=f"resume_{job.uid}", icon=":material/play_arrow:", type="tertiary"
    ):
        actions.write_and_rerun(lambda session, person: jobs.resume(session, job.uid, by=person))
    if state in ("done", "stopped"):
        # An archive's job may say anything of itself, and lack what a link needs.
        with suppress(KeyError) if job.origin is not None else nullcontext():
            _draw_result(job)


def _draw_result(job: t.Job) -> None:
    outcome = {key: str(value) for key, value in job.outcome.items()}
    if job.kind == "arms":
        way = {"exam": outcome["exam"], "comparison": outcome["comparison"]}
        context.link("pages/train/arms.py", "The comparison", icon=":material/experiment:", **way)
    elif "before" in outcome:
        pair = {"before": outcome["before"], "after": outcome["after"], "exam": outcome["exam"]}
        context.link("pages/train/results.py", "Results", icon=":material/compare_arrows:", **pair)
    elif job.kind == "finetune":
        context.link("pages/train/finetune.py", "Curves", icon=":material/show_chart:", finetune=outcome["student"])
    elif job.kind == "fit":
        way = {"exam": outcome["exam"], "policy": outcome["policy"]}
        context.link("pages/curate/threshold.py", "The policy", icon=":material/tune:", **way)
    elif job.kind == "refit":
        way = {"exam": outcome["exam"], "queue": "smart"}
        context.link("pages/review/triage.py", "The queue", icon=":material/checklist:", **way)
    elif job.kind == "index":
        context.link("pages/review/browse.py", "Browse", icon=":material/table_rows:", exam=outcome["exam"])
    elif job.kind == "exam":
        context.link("pages/loop/exam.py", "The exam", icon=":material/quiz:", exam=outcome["exam"])
    elif job.kind == "round":  # that didn't come to its end
        context.link("pages/loop/committee.py", "The committee", icon=":material/groups:", exam=outcome["exam"])
    else:
        exam = str(job.parameters.get("exam"))
        context.link("pages/loop/committee.py", "The committee", icon=":material/groups:", exam=exam)


# --- All of them ------------------------------------------------------------------------------------------------------


def read_counts() -> tuple[int, bool]:
    """Return how many jobs wait or run, and whether the newest one failed: the frame shows both on every page."""
    all_jobs = context.read(jobs.list_jobs)
    return sum(job.status in jobs.ACTIVE for job in all_jobs), bool(all_jobs) and all_jobs[0].status == "failed"


def draw_list() -> None:
    """Draw every job in a line, the newest first, and the workers."""
    now, workers = context.read(db.clock), context.read(jobs.workers)
    rows = [_job_row(job, now) for job in context.read(jobs.list_jobs)]
    if not rows:
        with st.container(border=True):
            st.markdown("**No jobs yet.** Each starts on the page of its result.")
            with st.container(horizontal=True):
                for page, label, icon in STARTS:
                    context.link(page, label, icon=icon)
    else:
        tables.draw_table(("job", "", "by", "progress", "started", "took"), rows, words=3)
    names = ", ".join(text.label(name) for name in workers)
    st.caption(f"Workers: {names}") if workers else draw_no_worker()


def _job_row(job: t.Job, now: datetime) -> tuple[Cell, ...]:
    state = jobs.describe_state(job, now)
    end = job.ended_at or (now if state == "running" else None)
    name = tables.link_cell(text.one_line(work.job_title(job), 80), context.address("jobs", job=job.uid))
    error_html = f'<div class="mapd-note">{text.line_html(job.error, 160)}</div>' if job.error else ""
    return (
        Html(name + error_html),
        Html(_chip(state)),
        text.one_line(job.person, 30),
        f"{job.done:,} of {job.total:,}" if job.total else None,
        times.cell(job.started_at) if job.started_at else None,
        jobs.duration((end - job.started_at).total_seconds()) if job.started_at and end else None,
    )


def _chip(state: str) -> str:
    sign, colour = SIGNS[state]
    return theme.sign_chip(sign, state, colour)
