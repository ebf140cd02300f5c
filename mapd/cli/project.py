"""`mapd project …`, `mapd trash …`, `mapd archive …`, `mapd … rename`, `… delete`: a project, its way out, and back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlmodel import Session

from mapd import names, trash
from mapd.cli import shared
from mapd.errors import BadInput
from mapd.exchange import archive
from mapd.exchange.archive import ArchiveContents, Staging
from mapd.settings import Settings
from mapd.store import audit_log
from mapd.trash import Removal, TrashEntry

naming = typer.Typer(no_args_is_help=True, help="The project: what is in it, its name, and the way out.")
binning = typer.Typer(no_args_is_help=True, help="What was deleted, and can be brought back.")

Ref = Annotated[str, typer.Argument(metavar="REF", help="Its name, uid or id.")]
NewName = Annotated[str, typer.Argument(metavar="NAME", help="The name it is to have.")]
Yes = Annotated[bool, typer.Option("--yes", help="Delete it; without this it is only said what goes, and what stays.")]
TrashFile = Annotated[str, typer.Argument(metavar="FILE", help="As `mapd trash list` names it.")]
archiving = typer.Typer(no_args_is_help=True, help="A whole project as one file: export, look into it, import.")
ArchiveFile = Annotated[Path, typer.Argument(metavar="FILE", help="The archive, such as project.zip.")]
Count = Annotated[
    bool, typer.Option("--count-judgements", help="Its people's judgements count here, too; else they are history.")
]


def rename(kind: str) -> Callable[..., None]:
    """Return the command that renames a thing of this kind."""

    def command(ref: Ref, name: NewName, by: shared.PersonName = None, as_json: shared.AsJson = False) -> None:
        with shared.writing() as session:
            row = names.rename(session, kind, ref, name, by=shared.person_of(by))
            result = {kind.replace(" ", "_"): row.uid, "name": row.name}
        shared.show(result, as_json, "renamed")

    command.__doc__ = f"Give the {kind} another name. Its uid stays, and so does all that was made of it."
    return command


def delete(kind: str, find_removal: Callable[[Session, str], Removal]) -> Callable[..., None]:
    """Return the command that deletes a thing of this kind."""

    def command(ref: Ref, yes: Yes = False, by: shared.PersonName = None, as_json: shared.AsJson = False) -> None:
        _delete(lambda session: find_removal(session, ref), yes, by, as_json)

    command.__doc__ = f"Move the {kind} into the trash, with all that hangs on it. `mapd restore` brings it back."
    return command


def _delete(find_removal: Callable[[Session], Removal], yes: bool, by: str | None, as_json: bool) -> None:
    with shared.writing() if yes else shared.reading() as session:
        removal = find_removal(session)
        home = Settings().make_home()
        file = trash.delete(session, home, removal, by=shared.person_of(by)).name if yes else None
    result: dict[str, Any] = {"kind": removal.kind, "name": removal.name, "uid": removal.uid, "deleted": yes}
    result |= {"gone": dict(removal.counts), "stays": list(removal.stays), "file": file}
    title = f"in the trash: mapd restore {file}" if yes else "nothing was deleted yet: --yes does it"
    shared.show(result, as_json, title)


@naming.command("show")
def show_project(as_json: shared.AsJson = False) -> None:
    """Show the project's name, and how much is in it."""
    with shared.reading() as session:
        removal = trash.plan_project_removal(session, name_of(session))
    shared.show({"name": removal.name, "holds": dict(removal.counts)}, as_json, removal.name)


@naming.command("rename")
def rename_project(name: NewName, by: shared.PersonName = None, as_json: shared.AsJson = False) -> None:
    """Give the project a name of its own. An empty one gives back that of its folder, MAPD_HOME; no file moves."""
    with shared.writing() as session:
        names.rename_project(session, name, by=shared.person_of(by))
        result = {"name": name_of(session)}
    shared.show(result, as_json, "renamed")


@naming.command("delete")
def delete_project(yes: Yes = False, by: shared.PersonName = None, as_json: shared.AsJson = False) -> None:
    """Move all that the project holds into the trash. Its ledger stays: what was paid is never asked for again."""
    _delete(lambda session: trash.plan_project_removal(session, name_of(session)), yes, by, as_json)


def name_of(session: Session) -> str:
    """Return the project's name: its own, or its folder's."""
    return audit_log.project_name(session) or Settings().project


@binning.command("list")
def list_trash(as_json: shared.AsJson = False) -> None:
    """List what was deleted and can be brought back, the newest first."""
    entries = trash.list_files(Settings().home)
    if as_json:
        shared.show({"trash": [_as_json(entry) for entry in entries]}, as_json, "")
    for entry in () if as_json else entries:
        shared.line(f"{entry.file}  {entry.fault or f'{entry.kind} {entry.name}, by {entry.person}'}")


@binning.command("forget")
def forget_file(file: TrashFile, by: shared.PersonName = None, as_json: shared.AsJson = False) -> None:
    """Delete a file of the trash for good. Nothing brings back what it holds."""
    with shared.writing() as session:
        trash.forget(session, Settings().home, file, by=shared.person_of(by))
    shared.show({"file": file}, as_json, "deleted for good")


def restore(file: TrashFile, by: shared.PersonName = None, as_json: shared.AsJson = False) -> None:
    """Bring back what was deleted, from the trash."""
    home = Settings().home
    with shared.writing() as session:
        entry, rows = trash.restore(session, home, file, by=shared.person_of(by))
    trash.discard(home, entry.file)
    result = {"kind": entry.kind, "name": entry.name, "rows_new": rows.new, "rows_known": rows.present}
    shared.show(result | {"renamed": list(rows.renamed)}, as_json, "brought back")


def _as_json(entry: TrashEntry) -> dict[str, Any]:
    result = {"file": entry.file, "kind": entry.kind, "name": entry.name, "by": entry.person}
    at = entry.at.isoformat() if entry.at else None
    return result | {"at": at, "gone": dict(entry.counts), "fault": entry.fault or None}


@archiving.command("export")
def export_archive(file: ArchiveFile, by: shared.PersonName = None, as_json: shared.AsJson = False) -> None:
    """Write the project to one file. The same project gives the same bytes."""
    exported = archive.export(shared.open_project(), file, Settings().home, by=shared.person_of(by))
    shared.show(asdict(exported), as_json, "archived")


@archiving.command("show")
def show_archive(file: ArchiveFile, as_json: shared.AsJson = False) -> None:
    """Say what an archive would bring into this project. Nothing is written."""
    engine, home = shared.open_project(), Settings().home
    with _stage(file, as_json) as staging:
        _show(archive.preview(engine, staging, home), as_json)


@archiving.command("import")
def import_archive(
    file: ArchiveFile, count_judgements: Count = False, by: shared.PersonName = None, as_json: shared.AsJson = False
) -> None:
    """Bring an archive's rows into this project, as history. Rows that are here already stay as they are.

    It says first what the archive brings. Jobs come in as ended, teachers disabled and without a key; judgements count
    only with --count-judgements, also later: the same import again, with it, lets them count.
    """
    engine, home = shared.open_project(), Settings().home
    with _stage(file, as_json) as staging:
        if not as_json:
            _show(archive.preview(engine, staging, home), as_json)
        with shared.counting("importing", "rows", as_json) as tell:
            person = shared.person_of(by)
            outcome = archive.load(engine, staging, home, by=person, count_judgements=count_judgements, progress=tell)
    shared.derive_index(engine)
    change = outcome.rows_new or outcome.judgements_counted
    shared.show(asdict(outcome), as_json, "imported" if change else "nothing new: all of it is here already")


@contextmanager
def _stage(file: Path, as_json: bool) -> Iterator[Staging]:
    try:
        stream = file.open("rb")
    except OSError as error:
        raise BadInput(f"the archive can't be read: {file} ({error.strerror}); check the path") from error
    with stream, shared.counting("reading", "rows", as_json) as tell, archive.stage(file.name, stream, tell) as staging:
        yield staging


def _show(contents: ArchiveContents, as_json: bool) -> None:
    shared.show(asdict(contents), as_json, f"{contents.name} holds")
