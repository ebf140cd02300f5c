"""`mapd demo`: the whole loop on this machine, with simulated teachers."""

import sys
from typing import Annotated, Any

import sqlalchemy as sa
import typer

from mapd import loop, results
from mapd.cli import jobs, shared
from mapd.cli.results import before_and_after, score
from mapd.errors import BadInput, BadUsage
from mapd.exchange import recorded
from mapd.jobs import kinds
from mapd.loop import ArmOutcome, DemoPlan, DemoSummary
from mapd.settings import Settings
from mapd.store import db

STANDARD = DemoPlan()


def demo(
    questions: Annotated[int, typer.Option(help="Questions to learn from, over three families.")] = STANDARD.questions,
    held_out: Annotated[int, typer.Option(help="Questions asked before and after.")] = STANDARD.held_out,
    alpha: Annotated[float, typer.Option(help="The share of the loss on feedback.")] = STANDARD.alpha,
    seed: Annotated[int, typer.Option(help="Draws the questions, the pairs and the training's order.")] = STANDARD.seed,
    policy: Annotated[str, typer.Option(help="paper, strict, or a saved policy's name.")] = STANDARD.policy,
    arms: Annotated[str, typer.Option(help=f"Compare curated sets: all, or some of {', '.join(loop.ARMS)}.")] = "",
    detach: jobs.Detach = False,
    record: Annotated[bool, typer.Option("--record", help="Keep the run as data/demo; in a fresh project.")] = False,
    by: shared.PersonName = None,
    as_json: shared.AsJson = False,
) -> None:
    """Run the whole loop here, with simulated teachers. Killed, it goes on when rerun."""
    arm_names = tuple(loop.ARMS) if arms == "all" else tuple(arm.strip() for arm in arms.split(",") if arm.strip())
    with shared.usage():
        plan = DemoPlan(questions, held_out, alpha, seed, policy, arm_names)
    if detach:
        if arm_names or record:
            raise BadUsage("--arms and --record run here, not as a job: leave --detach out")
        work_ = kinds.DemoWork(questions=questions, held_out=held_out, alpha=alpha, seed=seed, policy=policy)
        jobs.do(work_, by=by, detach=True, as_json=as_json)
        return
    settings, engine = Settings(), shared.open_project(jobs.WORK_WAITS_S)
    if record:
        _refuse_unless_fresh(engine)
    with jobs.Bar(quiet=as_json, by_stage=True) as bar, bar.stopping(kinds.DemoWork.awaits) as stop:
        home = settings.home.resolve()
        summary = loop.demo(engine, home, plan, by=shared.person_of(by), watch=bar.tell, stopping=stop.is_set)
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
    """Return the demo's line of JSON; with arms their outcomes beside the first one's."""
    first = summary.outcomes[0]
    result: dict[str, Any] = {
        "untuned": score(first.results.overall.before),
        "tuned": score(first.results.overall.after),
        "mistakes": summary.mistakes,
        "pairs": first.pairs,
        "fixed": first.results.fixed,
        "broken": first.results.broken,
        "mcnemar_p": first.results.overall.mcnemar_p,
        "reviewers": {
            r.name: {"caught": [r.caught.count, r.caught.of], "passed": [r.passed.count, r.passed.of]}
            for r in summary.reviewers
        },
        "seconds": dict(summary.seconds),
    }
    if len(summary.outcomes) > 1:
        result["arms"] = {outcome.arm: _arm(outcome) for outcome in summary.outcomes}
    return result


def _arm(outcome: ArmOutcome) -> dict[str, Any]:
    families = {name: score(family.after) for name, family in outcome.results.by_family.items()}
    result = {name: getattr(outcome, name) for name in ("student", "snapshot", "alpha", "pairs", "wrong")}
    return result | {"tuned": score(outcome.results.overall.after), "by_family": families}


def _print(summary: DemoSummary) -> None:
    for outcome in summary.outcomes:
        shared.line(
            f"\n{outcome.arm}: student {outcome.student}, {outcome.pairs} pairs, "
            f"{outcome.wrong} of them wrong by the checks"
        )
        shared.console.print(before_and_after(outcome.results.overall, outcome.results.by_family))
    shared.line("\nWhat this doesn't show")
    for caveat in results.list_caveats(summary.outcomes[0].results):
        shared.line(f"  {caveat}")
    shared.line("\n" + ", ".join(f"{stage} {seconds:.0f} s" for stage, seconds in summary.seconds.items()))
