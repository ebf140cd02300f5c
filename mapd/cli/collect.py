"""`mapd collect`: what teachers write of the mistakes of an exam, and what it costs."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from mapd import adaptive as adaptive_rule
from mapd import committee, teacher_models, teachers
from mapd.cli import jobs, shared
from mapd.jobs import kinds
from mapd.settings import Settings
from mapd.teacher_prices import format_dollars

BUDGET = "What all calls of this exam may cost, those of earlier runs too. MAPD_BUDGET_USD is the default."

ADAPTIVE = "Leave out reviews that can't change a verdict under the exam's policy."


def collect(
    exam: shared.ExamRef,
    names: Annotated[str, typer.Option("--teachers", metavar="A,B,C", help="Who teaches, and reviews the others.")],
    samples: Annotated[int, typer.Option(min=1, help="Texts of each kind by each teacher.")] = 1,
    cut_off: Annotated[bool, typer.Option("--cut-off", help="Send responses that were cut off, too.")] = False,
    adaptive: Annotated[bool, typer.Option("--adaptive", help=ADAPTIVE)] = False,
    concurrency: Annotated[int | None, typer.Option(min=1, help="Calls in flight, over all teachers.")] = None,
    budget: Annotated[float | None, typer.Option(metavar="USD", min=0, help=BUDGET)] = None,
    unknown_price: Annotated[
        bool, typer.Option("--unknown-price", help="Ask teachers whose price nobody knows, too.")
    ] = False,
    only_estimate: Annotated[bool, typer.Option("--estimate", help="Say what it may cost, and send nothing.")] = False,
    detach: jobs.Detach = False,
    by: shared.PersonName = None,
    as_json: shared.AsJson = False,
) -> None:
    """Ask teachers for feedback, rationales and reviews. Run again, it makes only the calls that are missing."""
    names_ = shared.split_names("--teachers", names)
    work_ = kinds.CollectWork(
        exam=exam,
        teachers=names_,
        samples=samples,
        cut_off=cut_off,
        adaptive=adaptive,
        concurrency=concurrency,
        budget=Settings().budget_usd if budget is None else budget,
        unknown_price=unknown_price,
    )
    if only_estimate or not as_json:
        _show_estimate(work_, as_json)
    if only_estimate:
        return
    result = jobs.do(work_, by=by, detach=detach, as_json=as_json)
    if result is None:
        return
    reasons, stopped = result["reasons"], result.get("stopped")
    totals = result if as_json else {k: v for k, v in result.items() if k not in ("reasons", "stopped", "saved")}
    shared.show(totals, as_json, "collected")
    if not as_json:
        _show_saved(result.get("saved"))
        _show_reasons(reasons)
        _show_notes(names_)
    if len(names_) == 1 and not as_json:
        shared.line(f"no reviews: nobody but {names_[0]} was named, and no teacher reviews itself")
    if result["cut_off_not_sent"] and not as_json:
        not_sent = committee.not_sent_in_words(result["cut_off_not_sent"])
        shared.line(f"{not_sent} (`mapd exam again {exam}`), or send them with --cut-off")
    # Of a teacher that was stopped the reasons above say it.
    if result["not_made"] and stopped and not as_json:
        shared.line(stopped)
    if result["failed"]:
        raise typer.Exit(1)


def _show_saved(saved: dict[str, Any] | None) -> None:
    if saved is not None:
        shared.line(f"adaptive: {committee.SavedCalls(**saved).in_words}")


def _show_reasons(reasons: Sequence[dict[str, Any]]) -> None:
    if reasons:
        shared.line("calls that gave no text; the same command asks them again")
    for reason in reasons:
        stopped = " (stopped: this run asked it nothing more)" if reason["stopped"] else ""
        shared.line(f"  {reason['calls']:>6,}  {reason['teacher']}: {reason['reason']}{stopped}")
        shared.line(f"          cure: {reason['cure']}")


def _show_notes(names: Sequence[str]) -> None:
    # What the teachers' servers didn't take changes how they were asked.
    with shared.reading() as session:
        notes = [(name, note) for name in names for note in teacher_models.list_notes(teachers.get(session, name))]
    for name, note in notes:
        shared.line(f"{name}: {note}")


def _show_estimate(work_: kinds.CollectWork, as_json: bool) -> None:
    """Show what the missing calls may cost: a line a teacher, and one for all of them."""
    with shared.reading() as session:
        policy = work_.policy(session)
        way: Any = {"samples": work_.samples, "cut_off": work_.cut_off, "adaptive": policy}
        estimate = committee.estimate(session, work_.exam, work_.teachers, **way)
    totals = {name: getattr(estimate, name) for name in ("calls", "usd", "usd_at_most", "unknown")}
    lines = [*(f"  {x.teacher:<20} {', '.join(_reckon(x))}" for x in estimate.teachers), estimate.in_words]
    limit = None if policy is None else adaptive_rule.describe_limit(policy)
    lines += [] if limit is None else [limit]
    shared.show_lines(totals | asdict(estimate), as_json, lines)


def _reckon(x: committee.TeacherEstimate) -> list[str]:
    calls = [f"{count:,} {kind}{'' if kind == 'feedback' else 's'}" for kind, count in x.calls.items()]
    if x.tokens_in is None or x.tokens_out is None:
        return [*calls, x.price_in_words]
    guess = "" if x.measured else f" (a reply of a kind that it hasn't given yet: {x.longest:,})"
    tokens = f"about {x.tokens_in:,} tokens in and {x.tokens_out:,} out{guess}"
    if x.usd is None or x.usd_at_most is None:
        return [*calls, tokens, "at an unknown price"]
    return [*calls, tokens, f"about {format_dollars(x.usd)}, at most {format_dollars(x.usd_at_most)}"]
