"""`mapd trash …`: what was deleted, and can be brought back."""

from typing import Annotated, Any

import typer

from mapd import trash
from mapd.cli import shared
from mapd.settings import Settings
from mapd.trash import TrashEntry

commands = typer.Typer(no_args_is_help=True, help="What was deleted, and can be brought back.")
TrashFile = Annotated[str, typer.Argument(metavar="FILE", help="As `mapd trash list` names it.")]


@commands.command("list")
def list_trash(as_json: shared.AsJson = False) -> None:
    """List what was deleted and can be brought back, the newest first."""
    entries = trash.list_files(Settings().home)
    lines = (f"{entry.file}  {entry.fault or f'{entry.kind} {entry.name}, by {entry.person}'}" for entry in entries)
    shared.show_lines({"trash": [_as_json(entry) for entry in entries]}, as_json, lines)


@commands.command("forget")
def forget_file(file: TrashFile, by: shared.PersonName = None, as_json: shared.AsJson = False) -> None:
    """Delete a file of the trash for good. Nothing brings back what it holds."""
    with shared.writing() as session:
        trash.forget(session, Settings().home, file, by=shared.person_of(by))
    shared.show({"file": file}, as_json, "deleted for good")


def _as_json(entry: TrashEntry) -> dict[str, Any]:
    result = {"file": entry.file, "kind": entry.kind, "name": entry.name, "by": entry.person}
    at = entry.at.isoformat() if entry.at else None
    return result | {"at": at, "gone": dict(entry.counts), "fault": entry.fault or None}
