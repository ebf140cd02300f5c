"""`mapd round`: one more round of a student, or several: exam, committee, snapshot, finetune, exam again."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from mapd.cli import jobs, shared
from mapd.cli.collect import ADAPTIVE
from mapd.cli.rounds import draw_line
from mapd.errors import BadUsage
from mapd.jobs.finetune_work import FinetuneWork
from mapd.jobs.round_work import RoundWork
from mapd.loop import round_plan
from mapd.loop.round_plan import RoundEstimate
from mapd.settings import Settings
from mapd.teacher_settings import read_pairs

STOP = (
    "By dev alone. gain:POINTS ends where accuracy rose by fewer points; better:ROUNDS where so many in a row are not "
    "shown to be better than the best round so far (more right, McNemar's p < 0.05). May be given twice."
)
BUDGET = "What all calls of these rounds' exams may cost, those of earlier runs too. MAPD_BUDGET_USD is the default."


def round(
    student: Annotated[str | None, typer.Option(help="Who sits the round's exam, and is taught.")] = None,
    exam: Annotated[
        str | None,
        typer.Option(help="Its exam over train questions, or one to ask it like; else its newest, or its parent's."),
    ] = None,
    number: Annotated[int, typer.Option("--rounds", help="So many, one after the other.")] = 1,
    pairs: Annotated[str, typer.Option(help="new: of this round's mistakes; all: of all rounds so far.")] = "new",
    stop: Annotated[list[str] | None, typer.Option(metavar="RULE", help=STOP)] = None,
    teachers: Annotated[
        str | None, typer.Option(metavar="A,B,C", help="Who teaches; by default the committee of the exam before.")
    ] = None,
    samples: Annotated[int | None, typer.Option(min=1, help="Texts of each kind by each teacher.")] = None,
    cut_off: Annotated[
        bool | None, typer.Option("--cut-off/--no-cut-off", help="Send responses that were cut off, too.")
    ] = None,
    adaptive: Annotated[bool | None, typer.Option("--adaptive/--no-adaptive", help=ADAPTIVE)] = None,
    concurrency: Annotated[int | None, typer.Option(min=1, help="Calls in flight, over all teachers.")] = None,
    budget: Annotated[float | None, typer.Option(metavar="USD", min=0, help=BUDGET)] = None,
    unknown_price: Annotated[
        bool, typer.Option("--unknown-price", help="Ask teachers whose price nobody knows, too.")
    ] = False,
    skip_failed: Annotated[bool, typer.Option("--skip-failed", help="Go on where calls gave no text.")] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A hyper-parameter that isn't as before, such as epochs=2."),
    ] = None,
    dev: Annotated[
        str | None, typer.Option(metavar="SET", help="The question set that students are compared on.")
    ] = None,
    only_estimate: Annotated[bool, typer.Option("--estimate", help="Say what it may cost, and do nothing.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Yes, spend it; else you are asked, unless a budget holds.")
    ] = False,
    detach: jobs.Detach = False,
    by: shared.PersonName = None,
    as_json: shared.AsJson = False,
) -> None:
    """Take a student once more round the loop. Killed and started again, it does what is missing.

    It sits its exam over train questions, its mistakes are explained and reviewed, what the exam's policy accepts is
    frozen and taught, and student and new student are compared on dev questions.
    """
    options = locals()
    with shared.reading() as session:
        name, info = round_plan.find_start(session, student=student, exam=exam)
    work_ = _make_work(name, info.uid, options)
    with shared.reading() as session:
        estimate = round_plan.estimate(session, work_.plan)
        if only_estimate or not as_json:
            _show_estimate(estimate, work_, as_json)
        if only_estimate:
            return
        round_plan.check_plan(session, work_.plan)
    # What no budget holds is asked for.
    if not estimate.calls.is_free and work_.budget is None:
        shared.agree(f"{estimate.in_words}; no budget holds it", yes)
    if (result := jobs.do(work_, by=by, detach=detach, as_json=as_json)) is not None:
        _show(result, as_json)


def _make_work(student: str, exam: str, options: Mapping[str, Any]) -> RoundWork:
    """Return the work that the command's options describe. Raises: BadUsage, naming the value."""
    same = ("pairs", "samples", "cut_off", "adaptive", "concurrency", "unknown_price", "skip_failed", "dev")
    teachers, budget = options["teachers"], options["budget"]
    with shared.usage():
        work_ = RoundWork(
            student=student,
            exam=exam,
            rounds=options["number"],
            stop=tuple(options["stop"] or ()),
            teachers=() if teachers is None else shared.split_names("--teachers", teachers),
            budget=Settings().budget_usd if budget is None else budget,
            settings=_read_settings(options["settings"] or ()),
            **{name: options[name] for name in same},
        )
        # The plan refuses what can't be.
        work_.plan  # noqa: B018
    return work_


def _read_settings(texts: Sequence[str]) -> dict[str, Any]:
    """Return hyper-parameters by name, each of its kind. Raises: BadUsage, naming it."""
    values = read_pairs("--set", texts)
    names = FinetuneWork.model_fields.keys() - {"snapshot", "student", "arm"}
    if unknown := [name for name in values if name not in names]:
        raise BadUsage(f"--set takes a hyper-parameter, one of {', '.join(sorted(names))}; not {unknown[0]}")
    try:
        work_ = FinetuneWork(snapshot="", **values)
    except ValidationError as error:
        fault = error.errors()[0]
        raise BadUsage(f"--set {fault['loc'][0]}={fault['input']}: {fault['msg']}") from error
    return {name: getattr(work_, name) for name in values}


def _show_estimate(estimate: RoundEstimate, work_: RoundWork, as_json: bool) -> None:
    calls = estimate.calls
    totals = {name: getattr(calls, name) for name in ("calls", "usd", "usd_at_most", "unknown")}
    result = totals | asdict(calls) | {"basis": estimate.basis, "rounds": work_.rounds}
    shared.show_lines(result, as_json, [work_.title, estimate.in_words])


def _show(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        shared.show(result, as_json, "")
    else:
        draw_line(result["rounds"])
        for turn in (turn for turn in result["turns"] if turn["new_student"] is not None):
            snapshot = turn["snapshot"][:12]
            shared.line(f"{turn['student']} → {turn['pairs']} pairs, snapshot {snapshot} → {turn['new_student']}")
        shared.line(result.get("stopped") or f"the next round: mapd round --student {result['student']}")
    if not result["whole"]:
        raise typer.Exit(1)
