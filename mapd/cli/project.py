"""`mapd project …`: what the project holds, what came in and went out, its name, and its way out."""

from dataclasses import asdict
from typing import Annotated, Any

import typer
from sqlmodel import Session

from mapd import names, trash
from mapd.cli import shared
from mapd.cli.delete import Yes, run_delete
from mapd.cli.rename import NewName
from mapd.settings import Settings
from mapd.store import audit_log, exchange_log
from mapd.store.exchange_log import Direction, ExchangeEntry

commands = typer.Typer(no_args_is_help=True, help="The project: what is in it, its name, and the way out.")


@commands.command("show")
def show_project(as_json: shared.AsJson = False) -> None:
    """Show the project's name, and how much is in it."""
    with shared.reading() as session:
        removal = trash.plan_project_removal(session, name_of(session))
    shared.show({"name": removal.name, "holds": dict(removal.counts)}, as_json, removal.name)


@commands.command("rename")
def rename_project(name: NewName, by: shared.PersonName = None, as_json: shared.AsJson = False) -> None:
    """Give the project a name of its own. An empty one gives back that of its folder, MAPD_HOME; no file moves."""
    with shared.writing() as session:
        names.rename_project(session, name, by=shared.person_of(by))
        result = {"name": name_of(session)}
    shared.show(result, as_json, "renamed")


@commands.command("delete")
def delete_project(yes: Yes = False, by: shared.PersonName = None, as_json: shared.AsJson = False) -> None:
    """Move all that the project holds into the trash. Its ledger stays: what was paid is never asked for again."""
    run_delete(lambda session: trash.plan_project_removal(session, name_of(session)), yes, by, as_json)


@commands.command("history")
def show_history(
    way: Annotated[
        str | None, typer.Option("--only", metavar="WAY", help="What came in, or what went out: in, out.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="So many, the newest first.")] = 25,
    skip: Annotated[int, typer.Option(min=0, max=2**31, help="Leave out so many of the newest.")] = 0,
    as_json: shared.AsJson = False,
) -> None:
    """List what came in and what went out.

    Each act says when, by whom, how many, which file with its sha256, and what it made, or was of.
    """
    direction = None if way is None else Direction(shared.one_of("--only", way, tuple(Direction)))
    with shared.reading() as session:
        count = exchange_log.count_entries(session, direction)
        entries = exchange_log.list_entries(session, direction, limit=limit, offset=skip)
    if as_json:
        shared.show({"count": count, "entries": [_as_json(entry) for entry in entries]}, as_json, "")
        return
    shared.line(f"{count:,} {'act' if count == 1 else 'acts'}")
    for entry in entries:
        shared.line(f"{shared.moment(entry.at)}  {_in_words(entry)}")


def _as_json(entry: ExchangeEntry) -> dict[str, Any]:
    return asdict(entry) | {"at": entry.at.isoformat(), "subject": asdict(entry.subject)}


def _in_words(entry: ExchangeEntry) -> str:
    # "in   ann: import authors, 387 rows, F.json, R.json (3f2a17c0ffee): exam pens · Tiny-1b · round 0"
    what = entry.action if entry.format in (None, *entry.action.split()) else f"{entry.action} {entry.format}"
    rows = None if entry.rows is None else f"{entry.rows:,} rows"
    sha256 = f" ({entry.sha256[:12]})" if entry.sha256 else ""
    file = f"{entry.file}{sha256}" if entry.file else entry.origin
    name = entry.subject.name or f"{entry.subject.ref[:12]}, not in the project"
    parts = ", ".join(filter(None, (what, rows, file)))
    subject = "" if entry.subject.kind == "archive" else f": {entry.subject.kind.replace('_', ' ')} {name}"
    return f"{entry.direction:<4} {entry.person}: {parts}{subject}"


def name_of(session: Session) -> str:
    """Return the project's name: its own, or its folder's."""
    return audit_log.project_name(session) or Settings().project
