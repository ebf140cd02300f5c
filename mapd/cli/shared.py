"""What every command shares: its options, the store, and how a result is printed."""

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mapd.errors import BadInput
from mapd.settings import Settings
from mapd.store import db

AsJson = Annotated[bool, typer.Option("--json", help="One line of JSON on standard output, nothing else.")]
ExamRef = Annotated[str, typer.Option("--exam", help="The exam's id, uid or name.")]
PersonName = Annotated[str | None, typer.Option("--by", help="Who acts; by default the machine's user.")]

console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)  # a file's lines are not broken at 80
errors = Console(stderr=True, highlight=False)


def one_of(name: str, value: str, known: Iterable[str]) -> str:
    """The value, if it is one of the known ones."""
    if value not in known:
        raise BadInput(f"{name} is one of {', '.join(known)}, not {value}")
    return value


def reading() -> Any:
    """A session to read the project with."""
    return db.reading(db.open_store(Settings()))


def writing() -> Any:
    """A session that commits at the end."""
    return db.writing(db.open_store(Settings()))


def agree(question: str, yes: bool) -> None:
    """Ask the question at the terminal, unless --yes has said it.

    Raises: BadInput where the answer is no, or nobody is there to give one.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise BadInput(f"{question}: nothing was done, for nobody is at a terminal to say yes; --yes says it")
    if not typer.confirm(f"{question}. Yes?", err=True):
        raise BadInput("nothing was done: the answer was no")


def written(file: Path) -> str:
    """The text of a file, or of standard input where it is "-"."""
    try:
        return sys.stdin.read() if file == Path("-") else file.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"the file can't be read: {file} ({error.strerror}); check the path") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"the text is not UTF-8: {file} ({error.reason} at byte {error.start:,})") from error


def show(result: Mapping[str, Any], as_json: bool, title: str) -> None:
    """Print a result: one line of JSON, or the title and a line a value."""
    if as_json:
        sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
        return
    line(title)
    for key, value in result.items():
        if key == "items":
            _print_items(value)
        elif isinstance(value, Mapping):
            line(f"  {key:<22} {', '.join(f'{k} {v}' for k, v in value.items())}")
        elif isinstance(value, list | tuple):
            line(f"  {key:<22} {len(value)}")
            for one in value:
                line(f"    {one}")
        else:
            line(f"  {key:<22} {value}")


def line(text: str) -> None:
    """Print one line as text."""
    console.print(Text(text), soft_wrap=True)  # as text: nothing in a name is markup


def _print_items(items: list[dict[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False)
    columns = ("source_id", "teacher", "verdict", "mean", "answer", "matches_gold", "false_steps", "rationale")
    for column in columns:
        table.add_column(column)
    words = {True: "yes", False: "no", None: "–"}
    for item in items:
        shown = (words[v] if v is None or isinstance(v, bool) else str(v) for v in map(item.get, columns))
        table.add_row(*map(Text, shown))
    console.print(table)
