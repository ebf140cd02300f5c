"""`mapd finetune`: an adapter, or weights of its own, trained on a snapshot."""

from dataclasses import asdict, fields
from typing import Annotated

import typer
from typer.models import OptionInfo

from mapd.cli import jobs
from mapd.cli.shared import AsJson, PersonName, errors, line, open_project, person_of, show, usage
from mapd.finetune import run
from mapd.finetune.hyperparameters import METHODS, PRECISIONS, PRESETS, RATES, SCHEDULES
from mapd.finetune.options import NO_OPTIONS, TRACKERS
from mapd.jobs.finetune_work import DEFAULT, OPTIONS, FinetuneWork
from mapd.jobs.work import WorkContext
from mapd.settings import Settings

RATE_HELP = "The highest learning rate. " + "; ".join(f"{m} {r:g}: {why}" for m, (r, why) in RATES.items())
SUMMARY = ("student", "adapter", "pairs", "steps", "seconds", "stopped")
AskEvery = Annotated[int, typer.Option(help="Steps between held-out dev questions to it; 0: none.")]
AskQuestions = Annotated[int, typer.Option(help="How many.")]
ReportTo = Annotated[str, typer.Option(help=f"Its numbers go there, too: {', '.join(TRACKERS)}.")]
KeepOptimizer = Annotated[
    bool, typer.Option("--keep-optimizer", help="Of full finetuning, too: more epochs go on from it.")
]


def _option(words: str, default: object, *names: str) -> OptionInfo:
    # A preset may have another value, so the option's own is None.
    info: OptionInfo = typer.Option(*names, help=words, show_default=str(default))
    return info


def finetune(
    snapshot: Annotated[str, typer.Option(help="The snapshot's sha256, or the beginning of it.")],
    student: Annotated[str | None, typer.Option(help="By default the student of the snapshot's exams.")] = None,
    preset: Annotated[str, typer.Option(help=f"{' or '.join(PRESETS)}: full, 10 epochs, 1e-5.")] = "default",
    method: Annotated[str | None, _option(f"{', '.join(METHODS)}.", DEFAULT.method)] = None,
    alpha: Annotated[float | None, _option("Weight of the feedback's loss, 0 to 1.", DEFAULT.alpha)] = None,
    epochs: Annotated[int | None, _option("How often each pair is taught.", DEFAULT.epochs)] = None,
    learning_rate: Annotated[float | None, _option(RATE_HELP, "the method's", "--lr")] = None,
    schedule: Annotated[str | None, _option(f"Of the rate: {', '.join(SCHEDULES)}.", DEFAULT.schedule)] = None,
    warmup: Annotated[float | None, _option("The share of the steps that it rises over.", DEFAULT.warmup)] = None,
    batch: Annotated[int | None, _option("Pairs a step.", DEFAULT.batch)] = None,
    batch_tokens: Annotated[int | None, _option("A step ends sooner at so many tokens.", "no limit")] = None,
    rank: Annotated[int | None, _option("The adapter's rank.", DEFAULT.rank)] = None,
    lora_alpha: Annotated[int | None, _option("LoRA's own alpha.", "twice the rank")] = None,
    targets: Annotated[str | None, _option("The adapter's layers: q_proj,v_proj.", DEFAULT.targets)] = None,
    dropout: Annotated[float | None, _option("Of the adapter's input.", DEFAULT.dropout)] = None,
    seed: Annotated[int | None, _option("Draws order, adapter and validation.", DEFAULT.seed)] = None,
    weight_decay: Annotated[float | None, _option("AdamW's.", DEFAULT.weight_decay)] = None,
    clip_norm: Annotated[float | None, _option("The longest gradient.", DEFAULT.clip_norm)] = None,
    max_length: Annotated[int | None, _option("Tokens a dialogue.", DEFAULT.max_length)] = None,
    tokens_at_once: Annotated[
        int | None, _option("A step is computed in such parts, to the same gradient.", DEFAULT.tokens_at_once)
    ] = None,
    precision: Annotated[str | None, _option(f"{', '.join(PRECISIONS)}.", DEFAULT.precision)] = None,
    checkpointing: Annotated[
        bool | None, typer.Option("--gradient-checkpointing", help="Slower, in less memory.")
    ] = None,
    validation: Annotated[float | None, _option("The share of the questions that isn't taught.", 0)] = None,
    validate_every: Annotated[int | None, _option("Steps between validations.", "an epoch")] = None,
    patience: Annotated[int | None, _option("Validations without a better loss to end at.", "never")] = None,
    control: Annotated[
        str | None, _option("Taught in place of the explanations: gold answers, or texts of other questions.", "none")
    ] = None,
    arm: Annotated[str | None, typer.Option(help="A name, where several are compared.")] = None,
    ask_every: AskEvery = NO_OPTIONS.ask_every,
    ask_questions: AskQuestions = NO_OPTIONS.ask_questions,
    report_to: ReportTo = NO_OPTIONS.report_to,
    keep_optimizer: KeepOptimizer = NO_OPTIONS.keep_optimizer,
    check: Annotated[bool, typer.Option("--check", help="Only say what it would take: memory, time, steps.")] = False,
    detach: jobs.Detach = False,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Teach a student on a snapshot: the result is a new student. Interrupted and started again it goes on."""
    options = locals()
    with usage():
        choices = {name: options[name] for name in (*(field.name for field in fields(DEFAULT)), *OPTIONS)}
        work_ = FinetuneWork.by_preset(preset, snapshot=snapshot, student=student, arm=arm, **choices)
    if run.is_helper():
        work_.help(WorkContext(open_project(), Settings().make_home(), person_of(by)))
    elif check:
        _check(work_, by, as_json)
    else:
        _do(work_, by, detach, as_json)


def _check(work_: FinetuneWork, by: str | None, as_json: bool) -> None:
    result = work_.check(WorkContext(open_project(), Settings().make_home(), person_of(by)))
    if as_json:
        show(asdict(result), as_json, "")
        return
    for words in result.advice:
        errors.print(words, soft_wrap=True)
    line(result.in_words)


def _do(work_: FinetuneWork, by: str | None, detach: bool, as_json: bool) -> None:
    result = jobs.do(work_, by=by, detach=detach, as_json=as_json)
    if result is None:
        return
    if result["cut"] or result["left_out"]:
        cut = f"{result['cut']} explanations were cut at {work_.max_length} tokens"
        errors.print(f"{cut}, {result['left_out']} pairs had no room: --max-length gives more", soft_wrap=True)
    summary = {key: result[key] for key in SUMMARY if key in result}
    show(summary, as_json, f"the new student is {result['name']}")
