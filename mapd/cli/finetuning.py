"""`mapd finetune`: a frozen snapshot makes a new student."""

import math
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn

from mapd.cli.shared import AsJson, PersonName, errors, show
from mapd.finetune.hyperparameters import Hyperparameters, Step
from mapd.finetune.run import run
from mapd.people import this_person
from mapd.settings import Settings
from mapd.store import db

DEFAULT = Hyperparameters()


def finetune(
    snapshot: Annotated[str, typer.Option(help="The snapshot's sha256, or the beginning of it.")],
    student: Annotated[str | None, typer.Option(help="By default the student of the snapshot's exam.")] = None,
    alpha: Annotated[float, typer.Option(help="Weight of the feedback's loss, 0 to 1.")] = DEFAULT.alpha,
    epochs: Annotated[int, typer.Option(help="How often each pair is taught.")] = DEFAULT.epochs,
    lr: Annotated[float, typer.Option(help="The highest learning rate.")] = DEFAULT.learning_rate,
    batch: Annotated[int, typer.Option(help="Pairs a step.")] = DEFAULT.batch,
    rank: Annotated[int, typer.Option(help="LoRA's rank.")] = DEFAULT.rank,
    seed: Annotated[int, typer.Option(help="Draws the order and the adapter's first numbers.")] = DEFAULT.seed,
    max_length: Annotated[int, typer.Option(help="Tokens a dialogue.")] = DEFAULT.max_length,
    arm: Annotated[str | None, typer.Option(help="A name, where several are compared.")] = None,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Train an adapter on a snapshot: the result is a new student. Interrupted and started again it goes on."""
    given = Hyperparameters(
        alpha=alpha, epochs=epochs, learning_rate=lr, batch=batch, rank=rank, seed=seed, max_length=max_length
    )
    settings = Settings()
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), console=errors, disable=as_json or not errors.is_terminal
    )
    with bar:
        task = bar.add_task("loading the student", total=None)
        done = run(
            db.open_store(settings),
            snapshot_sha=snapshot,
            student=student,
            hyperparameters=given,
            arm=arm,
            by=by or this_person(),
            home=settings.make_home(),
            progress=lambda step: bar.update(task, completed=step.step, total=step.total, description=_told(step)),
        )
    if done.cut or done.left_out:
        cut = f"{done.cut} explanations were cut at {max_length} tokens, {done.left_out} pairs had no room"
        errors.print(f"{cut}: --max-length gives more", soft_wrap=True)
    result = {"student": done.student, "pairs": done.pairs, "steps": done.steps, "seconds": done.seconds}
    show(result, as_json, f"the new student is {done.name}")


def _told(step: Step) -> str:
    losses = {"feedback": step.loss_feedback, "rationale": step.loss_rationale}
    shown = ", ".join(f"{kind} {loss:.3f}" for kind, loss in losses.items() if loss is not None)
    minutes, seconds = divmod(math.ceil(step.seconds_left), 60)
    speed = f"{step.tokens_per_s:.0f} tokens/s  {minutes}:{seconds:02} left"
    return f"step {step.step}/{step.total}  loss: {shown}  {speed}"
