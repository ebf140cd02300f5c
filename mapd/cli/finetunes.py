"""`mapd finetunes …`: the trainings that were begun: list, look into, compare, stop and continue them.

$ mapd finetunes compare 9c1e 4d07 --json
{"trainings": [{"finetune": "9c1e…", "arm": null, "losses": {…}, …}, …], "differences": {"seed": ["0", "1"]}}
"""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.table import Table

from mapd.cli import jobs, shared
from mapd.cli.finetune import SUMMARY, AskEvery, AskQuestions, KeepOptimizer, ReportTo
from mapd.errors import BadUsage
from mapd.finetune import stopping
from mapd.finetune.comparison import differences
from mapd.finetune.options import NO_OPTIONS, RunOptions
from mapd.jobs.finetune_work import FinetuneWork
from mapd.store import finetunes
from mapd.store.finetunes import Training, describe_stop
from mapd.store.tables import FinetuneStep

commands = typer.Typer(no_args_is_help=True, help="The trainings: list, compare, stop and continue them.")
Ref = Annotated[str, typer.Argument(metavar="FINETUNE", help="The beginning of its uid, or its student's name.")]
LOSSES = ("loss_feedback", "loss_rationale", "validation_feedback", "validation_rationale")


@commands.command("list")
def list_finetunes(as_json: shared.AsJson = False) -> None:
    """List the finetunes, the newest first, with how far each is."""
    with shared.reading() as session:
        trainings = finetunes.finetunes(session)
    shared.show_lines({"finetunes": [_as_json(x) for x in trainings]}, as_json, map(_as_line, trainings))


def _as_line(training: Training) -> str:
    state = training.student or "not finished"
    stop = describe_stop(training.stopped_at, training.planned_steps)
    origin = "" if training.continues is None else f"  goes on from {training.continues[:12]}"
    steps = f"{training.steps_done:,} of {training.planned_steps or '?'}"
    return f"{training.uid[:12]}  {training.arm or '':<12} {steps:>14}  {state}{origin}{f'  {stop}' if stop else ''}"


def _as_json(training: Training) -> dict[str, Any]:
    values = asdict(training)
    result = {"finetune": values.pop("uid"), "created_at": values.pop("created_at").isoformat()}
    asked_at = values.pop("stop_requested_at")
    return result | {name: value for name, value in values.items() if name != "id"} | {"is_to_stop": bool(asked_at)}


@commands.command("show")
def show_finetune(ref: Ref, as_json: shared.AsJson = False) -> None:
    """Show a finetune's steps, and its answers to held-out questions."""
    with shared.reading() as session:
        training = finetunes.find(session, ref)
        steps = [step.model_dump(exclude={"finetune_id"}) for step in finetunes.steps(session, training.id)]
        questions = [
            {"question": x.question.text, "gold": x.question.gold}
            | {"answers": [row.model_dump(include={"step", "text", "answer", "outcome"}) for row in x.answers.values()]}
            for x in finetunes.list_asked(session, training.id)
        ]
    result = _as_json(training) | {"steps": steps, "asked": questions}
    shared.show_lines(result, as_json, _list_lines(training, result))


def _list_lines(training: Training, result: dict[str, Any]) -> Iterator[str]:
    yield _as_line(training)
    for step in result["steps"]:
        losses = (f"{name.replace('_', ' ')} {step[name]:.3f}" for name in LOSSES if step[name] is not None)
        yield f"  step {step['step']}: {', '.join(losses)}, rate {step['learning_rate']:.3g}"
    for question in result["asked"]:
        yield f"  {question['question']}  (gold: {question['gold']})"
        for answer in question["answers"]:
            yield f"    step {answer['step']}: {answer['outcome'].replace('_', ' ')}, {answer['answer'] or '–'}"


@commands.command("compare")
def compare_finetunes(
    refs: Annotated[list[str], typer.Argument(metavar="FINETUNE FINETUNE …", help="Two or more, as in `show`.")],
    as_json: shared.AsJson = False,
) -> None:
    """Show what differs between trainings, and their last losses.

    --json has all steps. What is alike is left out: a hyper-parameter that isn't named is the same in all of them.
    """
    with shared.usage():
        trainings, steps = _load(refs)
    rows = differences(trainings)
    if as_json:
        items = [
            _as_json(training) | {"losses": _last_losses(own), "steps": [step.model_dump() for step in own]}
            for training, own in zip(trainings, steps, strict=True)
        ]
        shared.show({"trainings": items, "differences": {row.name: list(row.values) for row in rows}}, as_json, "")
        return
    table = Table(box=None, pad_edge=False)
    for column in ("", *(training.arm or training.uid[:12] for training in trainings)):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(row.name, *(value or "–" for value in row.values))
    for name in LOSSES:
        values = [_last_losses(own)[name] for own in steps]
        if any(value is not None for value in values):
            table.add_row(f"last {name.replace('_', ' ')}", *("–" if v is None else f"{v:.3f}" for v in values))
    shared.console.print(table)


def _load(refs: list[str]) -> tuple[list[Training], list[list[FinetuneStep]]]:
    if len(set(refs)) < 2:
        raise BadUsage(f"two or more finetunes are compared, not {len(set(refs))}: name another one")
    with shared.reading() as session:
        trainings = [finetunes.find(session, ref) for ref in refs]
        steps = [list(finetunes.steps(session, training.id)) for training in trainings]
        session.expunge_all()
    return trainings, steps


def _last_losses(steps: list[FinetuneStep]) -> dict[str, float | None]:
    values = {name: [getattr(step, name) for step in steps if getattr(step, name) is not None] for name in LOSSES}
    return {name: row[-1] if row else None for name, row in values.items()}


@commands.command("stop")
def stop_finetune(ref: Ref, by: shared.PersonName = None, as_json: shared.AsJson = False) -> None:
    """Stop a running finetune, and keep its student as it is.

    It ends behind its step in work. It is another student than the whole training's. Started again, the training goes
    on to its end.
    """
    with shared.writing() as session:
        training = stopping.request(session, ref, by=shared.person_of(by))
    shared.show({"finetune": training.uid, "steps_done": training.steps_done}, as_json, "it stops behind its next step")


@commands.command("continue")
def continue_finetune(
    ref: Ref,
    epochs: Annotated[int, typer.Option(min=1, help="How many more.")] = 1,
    ask_every: AskEvery = NO_OPTIONS.ask_every,
    ask_questions: AskQuestions = NO_OPTIONS.ask_questions,
    report_to: ReportTo = NO_OPTIONS.report_to,
    keep_optimizer: KeepOptimizer = NO_OPTIONS.keep_optimizer,
    detach: jobs.Detach = False,
    by: shared.PersonName = None,
    as_json: shared.AsJson = False,
) -> None:
    """Train a finished finetune for more epochs, into a new student.

    It goes on from its last weights and its optimizer; the first epochs aren't repeated. The learning rate follows the
    schedule of the new length from there on: with cosine or linear it begins higher than it had ended.
    """
    with shared.usage():
        options = RunOptions(ask_every, ask_questions, report_to, keep_optimizer)
    with shared.reading() as session:
        training = finetunes.find(session, ref)
    work = FinetuneWork.of_more_epochs(training, epochs, options)
    result = jobs.do(work, by=by, detach=detach, as_json=as_json)
    if result is not None:
        summary = {key: result[key] for key in SUMMARY if key in result}
        shared.show(summary, as_json, f"the new student is {result['name']}")
