"""`mapd jobs …`, `mapd worker`: what runs, and who runs it."""

from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from mapd import jobs, work, worker
from mapd.cli.shared import AsJson, PersonName, errors, line, log_to_terminal, reading, show, writing
from mapd.people import this_person
from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t

Detach = Annotated[bool, typer.Option("--detach", help="Queue it as a job for the worker, and return at once.")]
JobRef = Annotated[str, typer.Argument(help="The job's uid, or the beginning of it.")]
handling = typer.Typer(no_args_is_help=True, help="The jobs: watch, cancel and resume them.")


def do(given: work.Work, *, by: str | None, detach: bool, as_json: bool) -> dict[str, Any] | None:
    """Do the work here with a bar on the terminal; with `detach` queue it, say so, and return None."""
    settings = Settings()
    engine = db.open_store(settings)
    if detach:
        with db.writing(engine) as session:
            given.size(session)  # says what can't be done, before it waits
            job = jobs.start(session, given.kind, given.model_dump(mode="json"), by=by or this_person())
            queued = {"job": job.uid, "kind": job.kind, "status": job.status, "workers": jobs.workers(session)}
        show(queued, as_json, given.title)
        if not queued["workers"] and not as_json:
            line("no worker is there: `mapd worker` or `mapd app` starts one")
        return None
    stage, said = (TextColumn(f"{{task.{field}}}", markup=False) for field in ("description", "fields[said]"))
    columns = (stage, BarColumn(), MofNCompleteColumn(), said)
    with Progress(*columns, console=errors, disable=as_json or not errors.is_terminal, transient=True) as bar:
        task = bar.add_task(given.kind, total=None, said="")

        def tell(p: jobs.Progress) -> None:
            left = "" if p.seconds_left is None else f"{p.seconds_left:.0f} s left"
            said = ", ".join(filter(None, (p.said, left)))
            bar.update(task, completed=p.done, total=p.total or None, description=p.stage, said=said)

        return given.run(work.Run(engine, settings.make_home(), by or this_person(), tell))


@handling.command("list")
def list_jobs(as_json: AsJson = False) -> None:
    """List the jobs, the newest first, and the workers that are there."""
    with reading() as session:
        found = [_told(job) for job in jobs.listed(session)]
        there = jobs.workers(session)
    if as_json:
        show({"jobs": found, "workers": there}, as_json, "")
        return
    for job in found:
        line(f"{job['job'][:8]}  {job['state']:<12} {_how_far(job):>14}  {job['title']}")
    line(f"workers: {', '.join(there) or 'none is there; `mapd worker` or `mapd app` starts one'}")


@handling.command("show")
def show_job(ref: JobRef, as_json: AsJson = False) -> None:
    """Show a job: how far it is, what came of it, the last lines of its log."""
    with reading() as session:
        job = jobs.get(session, ref)
        told = _told(job) | {"parameters": job.parameters, "outcome": job.outcome, "log": job.log.splitlines()}
    show(told, as_json, told["title"])


@handling.command("cancel")
def cancel_job(ref: JobRef, by: PersonName = None, as_json: AsJson = False) -> None:
    """Stop a job: nothing new is begun, and what is in flight is kept."""
    _change(jobs.cancel, ref, by, as_json)


@handling.command("resume")
def resume_job(ref: JobRef, by: PersonName = None, as_json: AsJson = False) -> None:
    """Queue a cancelled, failed or silent job again: it does what is missing."""
    _change(jobs.resume, ref, by, as_json)


def _change(act: Callable[..., t.Job], ref: str, by: str | None, as_json: bool) -> None:
    with writing() as session:
        told = _told(act(session, ref, by=by or this_person()))
    show(told, as_json, told["title"])


def _told(job: t.Job) -> dict[str, Any]:
    return {
        "job": job.uid,
        "kind": job.kind,
        "title": work.title(job),
        "state": jobs.state(job),
        "attempt": job.attempt,
        "worker": job.worker,
        "stage": job.stage,
        "done": job.done,
        "total": job.total,
        "message": job.message,
        "seconds_left": job.seconds_left,
        "error": job.error,
        "by": job.person,
    }


def _how_far(job: dict[str, Any]) -> str:
    return f"{job['done']} of {job['total']}" if job["total"] else ""


def run_worker(
    name: Annotated[str, typer.Option(help="One name a machine; by default the machine's.")] = "",
    wait: Annotated[bool, typer.Option("--wait", help="Until another worker of this name has ended.")] = False,
    with_parent: Annotated[bool, typer.Option("--with-parent", hidden=True)] = False,
) -> None:
    """Take jobs and do them, until Ctrl+C. The app starts one by itself."""
    log_to_terminal()
    worker.serve(Settings(), name or worker.default_name(), wait=wait, with_parent=with_parent)
