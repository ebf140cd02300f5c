"""`mapd demo`: the whole loop on this machine, with simulated teachers."""

import sys
from typing import Annotated, Any

import sqlalchemy as sa
import typer

from mapd import results
from mapd.cli import jobs, shared
from mapd.cli.results import before_and_after, score
from mapd.errors import BadInput, BadUsage
from mapd.exchange import recorded
from mapd.jobs import kinds
from mapd.loop import demo as stage
from mapd.loop.demo import DemoPlan, DemoSummary
from mapd.settings import Settings
from mapd.store import db

STANDARD = DemoPlan()


def demo(
    questions: Annotated[int, typer.Option(help="Questions to learn from, over three families.")] = STANDARD.questions,
    held_out: Annotated[int, typer.Option(help="Questions asked before and after.")] = STANDARD.held_out,
    alpha: Annotated[float, typer.Option(help="The share of the loss on feedback.")] = STANDARD.alpha,
    seed: Annotated[int, typer.Option(help="Draws the questions, the pairs and the training's order.")] = STANDARD.seed,
    policy: Annotated[str, typer.Option(help="paper, strict, or a saved policy's name.")] = STANDARD.policy,
    detach: jobs.Detach = False,
    record: Annotated[bool, typer.Option("--record", help="Keep the run as data/demo; in a fresh project.")] = False,
    by: shared.PersonName = None,
    as_json: shared.AsJson = False,
) -> None:
    """Run the whole loop here, with simulated teachers. Killed, it goes on when rerun."""
    with shared.usage():
        plan = DemoPlan(questions, held_out, alpha, seed, policy)
    if detach:
        if record:
            raise BadUsage("--record runs here, not as a job: leave --detach out")
        work_ = kinds.DemoWork(questions=questions, held_out=held_out, alpha=alpha, seed=seed, policy=policy)
        jobs.do(work_, by=by, detach=True, as_json=as_json)
        return
    settings, engine = Settings(), shared.open_project(jobs.WORK_WAITS_S)
    if record:
        _refuse_unless_fresh(engine)
    with jobs.Bar(quiet=as_json, by_stage=True) as bar, bar.stopping(kinds.DemoWork.awaits) as stop:
        home = settings.home.resolve()
        summary = stage.run(engine, home, plan, by=shared.person_of(by), watch=bar.tell, stopping=stop.is_set)
    shared.derive_index(engine)
    result = as_result(summary)
    if record:
        command = " ".join(["mapd demo", *(word for word in sys.argv[2:] if word != "--json")])
        recorded.record(engine, settings.home, command, result, by=shared.person_of(by))
    if as_json:
        shared.show(result, as_json, "")
    else:
        _print(summary)


def _refuse_unless_fresh(engine: sa.Engine) -> None:
    with db.reading(engine) as session:
        if not recorded.is_fresh(session):
            raise BadInput(
                f"project {Settings().project} holds exams already: a demo is recorded in a fresh one; set MAPD_HOME"
            )


def as_result(summary: DemoSummary) -> dict[str, Any]:
    """Return the demo's line of JSON."""
    overall = summary.results.overall
    return {
        "exam": summary.exam,
        "student": summary.student,
        "untuned": score(overall.before),
        "tuned": score(overall.after),
        "mistakes": summary.mistakes,
        "pairs": summary.pairs,
        "fixed": summary.results.fixed,
        "broken": summary.results.broken,
        "mcnemar_p": overall.mcnemar_p,
        "reviewers": {
            r.name: {"caught": [r.caught.count, r.caught.of], "passed": [r.passed.count, r.passed.of]}
            for r in summary.reviewers
        },
        "seconds": dict(summary.seconds),
    }


def _print(summary: DemoSummary) -> None:
    shared.line(f"\nstudent {summary.student}, taught with {summary.pairs} pairs of exam {summary.exam[:12]}")
    shared.console.print(before_and_after(summary.results.overall, summary.results.by_family))
    shared.line("\nWhat this doesn't show")
    for caveat in results.list_caveats(summary.results):
        shared.line(f"  {caveat}")
    shared.line("\n" + ", ".join(f"{stage} {seconds:.0f} s" for stage, seconds in summary.seconds.items()))
