"""`mapd project …`: what the project holds, its name, and its way out."""

import typer
from sqlmodel import Session

from mapd import names, trash
from mapd.cli import shared
from mapd.cli.delete import Yes, run_delete
from mapd.cli.rename import NewName
from mapd.settings import Settings
from mapd.store import audit_log

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


def name_of(session: Session) -> str:
    """Return the project's name: its own, or its folder's."""
    return audit_log.project_name(session) or Settings().project
