"""`mapd jobs …`: what runs, and how a command does its work."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID
from rich.text import Text

from mapd import committee, interrupts, jobs
from mapd.cli import shared
from mapd.jobs import kinds
from mapd.jobs.work import Work, WorkContext
from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t

Detach = Annotated[bool, typer.Option("--detach", help="Queue it as a job for the worker, and return at once.")]
JobRef = Annotated[str, typer.Argument(help="The job's uid, or the beginning of it.")]
# For a database that is away; a job waits as long as it takes.
WORK_WAITS_S = 600.0
commands = typer.Typer(no_args_is_help=True, help="Work in the background: watch, cancel and resume it.")


def do(work_: Work, *, by: str | None, detach: bool, as_json: bool) -> dict[str, Any] | None:
    """Do the work here with a bar; with `detach` queue it, and return None. Raises: Stopped, by Ctrl+C."""
    person = shared.person_of(by)
    if detach:
        with shared.writing() as session:
            # What can't be done is refused now, not when the job's turn comes.
            work_.size(session)
            job = jobs.start(session, work_.kind, work_.model_dump(mode="json"), by=person)
            result = {"job": job.uid, "kind": job.kind, "status": job.status, "workers": jobs.workers(session)}
        shared.show(result, as_json, work_.title)
        if not result["workers"] and not as_json:
            shared.line("no worker is there: `mapd worker` or `mapd app` starts one")
        return None
    with Bar(quiet=as_json) as bar, bar.stopping(work_.awaits) as stop:
        engine, home = shared.open_project(WORK_WAITS_S, bar.say), Settings().make_home()
        return work_.run(WorkContext(engine, home, person, bar.tell, stopping=stop.is_set))


class Bar:
    """A bar on a terminal, one in all or one a stage; elsewhere a line now and then. It knows how far the work is."""

    def __init__(self, *, quiet: bool, by_stage: bool = False) -> None:
        columns = ("{task.description:<14}", BarColumn(), MofNCompleteColumn(), "{task.fields[said]}")
        quiet = quiet or not shared.errors.is_terminal
        self.bar = Progress(*columns, console=shared.errors, disable=quiet, transient=not by_stage)
        self.by_stage, self.tasks, self.lines = by_stage, dict[str, TaskID](), shared.Lines()
        self.progress = jobs.JobProgress("")

    def __enter__(self) -> "Bar":
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def tell(self, p: jobs.JobProgress) -> None:
        """Show how far the work is."""
        self.progress = p
        if not shared.errors.is_terminal:
            self.lines.tell(p)
        speed = ", ".join(filter(None, (p.message, p.time_left)))
        name = p.stage if self.by_stage else ""
        if name not in self.tasks:
            self.tasks[name] = self.bar.add_task(p.stage, total=None, said="")
        self.bar.update(self.tasks[name], completed=p.completed, total=p.total or None, description=p.stage, said=speed)

    def stopping(self, awaits: str) -> AbstractContextManager[interrupts.StopRequest]:
        """Let Ctrl+C stop the work in good order. `awaits`: what is awaited then, where that is no calls."""

        def describe_awaited() -> str:
            calls = self.progress.in_flight
            return f"{calls:,} calls in flight are awaited for up to {committee.AWAIT_S:.0f} s" if calls else awaits

        def describe_loss() -> str:
            p = self.progress
            calls = f"{p.in_flight:,} calls that were in flight are given up, and may be paid; " if p.in_flight else ""
            progress_in_words = f"{p.completed:,} of {p.total:,} are kept" if p.total else "what was finished is kept"
            return f"{calls}{progress_in_words}; the same command goes on from there"

        return interrupts.stopping(describe_awaited, describe_loss, self.say)

    def say(self, words: str) -> None:
        """Write a line, above the bar."""
        if self.bar.disable:
            interrupts.say(words)
        else:
            self.bar.console.print(Text(f"mapd: {words}"), soft_wrap=True)


@commands.command("list")
def list_jobs(as_json: shared.AsJson = False) -> None:
    """List the jobs, the newest first, and the workers that are there."""
    with shared.reading() as session:
        at = db.clock(session)
        items = [_as_json(job, at) for job in jobs.list_jobs(session)]
        workers = jobs.workers(session)
    if as_json:
        shared.show({"jobs": items, "workers": workers}, as_json, "")
        return
    for job in items:
        progress = f"{job['done']} of {job['total']}" if job["total"] else ""
        shared.line(f"{job['job'][:8]}  {job['state']:<12} {progress:>14}  {job['title']}")
    shared.line(f"workers: {', '.join(workers) or 'none is there; `mapd worker` or `mapd app` starts one'}")


@commands.command("show")
def show_job(ref: JobRef, as_json: shared.AsJson = False) -> None:
    """Show how far a job is, what came of it, and the end of its log."""
    with shared.reading() as session:
        job = jobs.get(session, ref)
        lines = [words if at is None else f"{shared.moment(at)} {words}" for at, words in jobs.log_lines(job)]
        log = job.log.splitlines() if as_json else lines
        result = _as_json(job, db.clock(session)) | {"parameters": job.parameters, "outcome": job.outcome, "log": log}
    shared.show(result, as_json, result["title"])


@commands.command("cancel")
def cancel_job(ref: JobRef, by: shared.PersonName = None, as_json: shared.AsJson = False) -> None:
    """Stop a job: nothing new is begun, and what is in flight is kept."""
    _change(jobs.cancel, ref, by, as_json)


@commands.command("resume")
def resume_job(ref: JobRef, by: shared.PersonName = None, as_json: shared.AsJson = False) -> None:
    """Queue a cancelled, failed or silent job again. It does what is missing."""
    _change(jobs.resume, ref, by, as_json)


def _change(act: Callable[..., t.Job], ref: str, by: str | None, as_json: bool) -> None:
    with shared.writing() as session:
        result = _as_json(act(session, ref, by=shared.person_of(by)), db.clock(session))
    shared.show(result, as_json, result["title"])


def _as_json(job: t.Job, at: datetime) -> dict[str, Any]:
    names = ("attempt", "worker", "stage", "done", "total", "message", "seconds_left", "error")
    result = {"job": job.uid, "kind": job.kind, "title": kinds.job_title(job), "state": jobs.describe_state(job, at)}
    return result | {name: getattr(job, name) for name in names} | {"by": job.person}
