"""`mapd questions …`: bring in a set, make one, list them."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from mapd.cli.shared import AsJson, PersonName, console, one_of, reading, show, writing
from mapd.errors import BadInput
from mapd.people import this_person
from mapd.questions import files, generated, gym
from mapd.questions.grading import Task

questioning = typer.Typer(no_args_is_help=True, help="Sets of questions: add a file, make one, list them.")

SetName = Annotated[str, typer.Argument(metavar="NAME", help="The set's name in this project.")]
SharesText = Annotated[str | None, typer.Option("--shares", metavar="A,B,C", help="Parts of 1: train, dev, test.")]
Seed = Annotated[int, typer.Option(help="Draws the questions or the splits; the same seed, the same set.")]
Count = Annotated[int, typer.Option(min=0, help="Questions of each family.")]


@questioning.command("add")
def add_questions(
    name: SetName,
    file: Annotated[
        Path, typer.Argument(help='JSONL: {"question": …, "answer": …} a line; see mapd/questions/files.py')
    ],
    task: Annotated[str, typer.Option(help="numeric, boolean, choice or text.")],
    split: Annotated[str | None, typer.Option(help="Put all into train, dev or test.")] = None,
    shares: SharesText = None,
    seed: Seed = 0,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Add a file as an immutable set. Without splits in the file they are drawn: 0.6, 0.2, 0.2."""
    kind = Task(one_of("--task", task, [t.value for t in Task]))
    if split is not None:
        one_of("--split", split, files.SPLITS)
    if split is not None and shares is not None:
        raise BadInput("--split puts all questions into one split, --shares draws them: give one of the two")
    try:
        content = file.read_bytes()
    except OSError as error:
        raise BadInput(f"the file can't be read: {file} ({error.strerror}); check the path") from error
    rows = files.parse(file.name, content, kind, split=split, shares=_shares(shares), seed=seed)
    _store(name, rows, source=file.name, simulated=False, by=by, as_json=as_json)


@questioning.command("gym")
def gym_questions(
    name: SetName,
    task: Annotated[str, typer.Argument(help="A task of reasoning-gym, such as leg_counting.")],
    count: Annotated[int, typer.Option(min=1, help="How many questions.")],
    shares: SharesText = None,
    seed: Seed = 0,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Make a set of reasoning-gym's questions; needs pip install 'mapd-studio[gym]'."""
    rows = gym.rows(task, count, shares=_shares(shares) or files.SHARES, seed=seed)
    _store(name, rows, source=f"reasoning-gym {task}, seed {seed}", simulated=False, by=by, as_json=as_json)


@questioning.command("generate")
def generate_questions(
    name: SetName,
    train: Count = 36,
    dev: Count = 70,
    test: Count = 0,
    seed: Seed = 0,
    by: PersonName = None,
    as_json: AsJson = False,
) -> None:
    """Make a set of the demo's three families, which the simulated teachers can explain."""
    if train + dev + test == 0:
        raise BadInput("a set of no questions is refused; give --train, --dev or --test a number")
    drawn = generated.draw(generated.FAMILIES, {"train": train, "dev": dev, "test": test}, seed)
    _store(name, files.made(drawn), source=f"generated, seed {seed}", simulated=True, by=by, as_json=as_json)


@questioning.command("list")
def list_questions(as_json: AsJson = False) -> None:
    """List every set with its splits, and how often its test split was opened."""
    with reading() as session:
        sets = files.listed(session)
    if as_json:
        show({"sets": [asdict(one) for one in sets]}, as_json, "")
        return
    table = Table(box=None, pad_edge=False)
    for column in ("set", "source"):
        table.add_column(column)
    for column in ("train", "dev", "test", "test opened"):
        table.add_column(column, justify="right")
    for one in sets:
        source = f"{one.source} (simulated)" if one.simulated else one.source
        table.add_row(one.name, source, *map(str, (one.train, one.dev, one.test, one.openings)))
    console.print(table)


def _shares(text: str | None) -> files.Shares | None:
    if text is None:
        return None
    try:
        train, dev, test = map(float, text.split(","))
    except ValueError as error:
        raise BadInput(f"--shares are three numbers such as 0.6,0.2,0.2, not {text}") from error
    return train, dev, test


def _store(
    name: str, rows: Sequence[files.Row], *, source: str, simulated: bool, by: str | None, as_json: bool
) -> None:
    with writing() as session:
        kept = files.add(session, name, rows, source=source, simulated=simulated, by=by or this_person())
        [one] = files.listed(session, kept.name)
    sizes = {"n": one.train + one.dev + one.test, "train": one.train, "dev": one.dev, "test": one.test}
    show({"questions": one.name, **sizes}, as_json, "question set")
