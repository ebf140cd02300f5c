"""`mapd … rename`, `mapd … delete`, `mapd project …`, `mapd trash …`, `mapd restore`: names, the way out, and back."""

from collections.abc import Callable
from typing import Annotated, Any

import typer
from sqlmodel import Session

from mapd import names, trash
from mapd.cli.shared import AsJson, PersonName, line, person_of, reading, show, writing
from mapd.settings import Settings
from mapd.store import audit_log
from mapd.trash import Removal, TrashEntry

naming = typer.Typer(no_args_is_help=True, help="The project: what is in it, its name, and the way out.")
binning = typer.Typer(no_args_is_help=True, help="What was deleted, and can be brought back.")

Ref = Annotated[str, typer.Argument(metavar="REF", help="Its name, uid or id.")]
NewName = Annotated[str, typer.Argument(metavar="NAME", help="The name it is to have.")]
Yes = Annotated[bool, typer.Option("--yes", help="Delete it; without this it is only said what goes, and what stays.")]
TrashFile = Annotated[str, typer.Argument(metavar="FILE", help="As `mapd trash list` names it.")]


def rename(kind: str) -> Callable[..., None]:
    """Return the command that renames a thing of this kind."""

    def command(ref: Ref, name: NewName, by: PersonName = None, as_json: AsJson = False) -> None:
        with writing() as session:
            row = names.rename(session, kind, ref, name, by=person_of(by))
            result = {kind.replace(" ", "_"): row.uid, "name": row.name}
        show(result, as_json, "renamed")

    command.__doc__ = f"Give the {kind} another name. Its uid stays, and so does all that was made of it."
    return command


def delete(kind: str, find_removal: Callable[[Session, str], Removal]) -> Callable[..., None]:
    """Return the command that deletes a thing of this kind."""

    def command(ref: Ref, yes: Yes = False, by: PersonName = None, as_json: AsJson = False) -> None:
        _delete(lambda session: find_removal(session, ref), yes, by, as_json)

    command.__doc__ = f"Move the {kind} into the trash, with all that hangs on it. `mapd restore` brings it back."
    return command


def _delete(find_removal: Callable[[Session], Removal], yes: bool, by: str | None, as_json: bool) -> None:
    with writing() if yes else reading() as session:
        removal = find_removal(session)
        home = Settings().make_home()
        file = trash.delete(session, home, removal, by=person_of(by)).name if yes else None
    result: dict[str, Any] = {"kind": removal.kind, "name": removal.name, "uid": removal.uid, "deleted": yes}
    result |= {"gone": dict(removal.counts), "stays": list(removal.stays), "file": file}
    title = f"in the trash: mapd restore {file}" if yes else "nothing was deleted yet: --yes does it"
    show(result, as_json, title)


@naming.command("show")
def show_project(as_json: AsJson = False) -> None:
    """Show the project's name, and how much is in it."""
    with reading() as session:
        removal = trash.plan_project_removal(session, _name(session))
    show({"name": removal.name, "holds": dict(removal.counts)}, as_json, removal.name)


@naming.command("rename")
def rename_project(name: NewName, by: PersonName = None, as_json: AsJson = False) -> None:
    """Give the project a name of its own. An empty one gives back that of its folder, MAPD_HOME; no file moves."""
    with writing() as session:
        names.rename_project(session, name, by=person_of(by))
        result = {"name": _name(session)}
    show(result, as_json, "renamed")


@naming.command("delete")
def delete_project(yes: Yes = False, by: PersonName = None, as_json: AsJson = False) -> None:
    """Move all that the project holds into the trash. Its ledger stays: what was paid is never asked for again."""
    _delete(lambda session: trash.plan_project_removal(session, _name(session)), yes, by, as_json)


def _name(session: Session) -> str:
    return audit_log.project_name(session) or Settings().project


@binning.command("list")
def list_trash(as_json: AsJson = False) -> None:
    """List what was deleted and can be brought back, the newest first."""
    entries = trash.list_files(Settings().home)
    if as_json:
        show({"trash": [_as_json(entry) for entry in entries]}, as_json, "")
    for entry in () if as_json else entries:
        line(f"{entry.file}  {entry.fault or f'{entry.kind} {entry.name}, by {entry.person}'}")


@binning.command("forget")
def forget_file(file: TrashFile, by: PersonName = None, as_json: AsJson = False) -> None:
    """Delete a file of the trash for good. Nothing brings back what it holds."""
    with writing() as session:
        trash.forget(session, Settings().home, file, by=person_of(by))
    show({"file": file}, as_json, "deleted for good")


def restore(file: TrashFile, by: PersonName = None, as_json: AsJson = False) -> None:
    """Bring back what was deleted, from the trash."""
    home = Settings().home
    with writing() as session:
        entry, rows = trash.restore(session, home, file, by=person_of(by))
    trash.discard(home, entry.file)
    result = {"kind": entry.kind, "name": entry.name, "rows_new": rows.new, "rows_known": rows.present}
    show(result | {"renamed": list(rows.renamed)}, as_json, "brought back")


def _as_json(entry: TrashEntry) -> dict[str, Any]:
    result = {"file": entry.file, "kind": entry.kind, "name": entry.name, "by": entry.person}
    at = entry.at.isoformat() if entry.at else None
    return result | {"at": at, "gone": dict(entry.counts), "fault": entry.fault or None}
