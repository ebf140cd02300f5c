"""`mapd finetune`: an adapter, trained on a snapshot."""

from typing import Annotated

import typer

from mapd.cli import jobs
from mapd.cli.shared import AsJson, PersonName, errors, show, usage
from mapd.jobs import kinds
from mapd.jobs.kinds import DEFAULT


def finetune(
    snapshot: Annotated[str, typer.Option(help="The snapshot's sha256, or the beginning of it.")],
    student: Annotated[str | None, typer.Option(help="By default the student of the snapshot's exams.")] = None,
    alpha: Annotated[float, typer.Option(help="Weight of the feedback's loss, 0 to 1.")] = DEFAULT.alpha,
    epochs: Annotated[int, typer.Option(help="How often each pair is taught.")] = DEFAULT.epochs,
    lr: Annotated[float, typer.Option(help="The highest learning rate.")] = DEFAULT.learning_rate,
    batch: Annotated[int, typer.Option(help="Pairs a step.")] = DEFAULT.batch,
    rank: Annotated[int, typer.Option(help="LoRA's rank.")] = DEFAULT.rank,
    seed: Annotated[int, typer.Option(help="Draws the order and the adapter's first numbers.")] = DEFAULT.seed,
    max_length: Annotated[int, typer.Option(help="Tokens a dialogue.")] = DEFAULT.max_length,
    arm: Annotated[str | None, typer.Option(help="A name, where several are compared.")] = None,
    detach: jobs.Detach = False,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Train an adapter on a snapshot: the result is a new student. Interrupted and started again it goes on."""
    work_ = kinds.FinetuneWork(
        snapshot=snapshot,
        student=student,
        arm=arm,
        alpha=alpha,
        epochs=epochs,
        learning_rate=lr,
        batch=batch,
        rank=rank,
        seed=seed,
        max_length=max_length,
    )
    with usage():
        # Reading them checks that each is in its range.
        _ = work_.hyperparameters
    result = jobs.do(work_, by=by, detach=detach, as_json=as_json)
    if result is None:
        return
    if result["cut"] or result["left_out"]:
        losses = f"{result['cut']} explanations were cut at {max_length} tokens, {result['left_out']} pairs had no room"
        errors.print(f"{losses}: --max-length gives more", soft_wrap=True)
    summary = {key: result[key] for key in ("student", "adapter", "pairs", "steps", "seconds")}
    show(summary, as_json, f"the new student is {result['name']}")
