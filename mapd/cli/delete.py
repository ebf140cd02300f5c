"""`mapd … delete`: the way into the trash."""

from collections.abc import Callable
from typing import Annotated, Any

import typer
from sqlmodel import Session

from mapd import trash
from mapd.cli import shared
from mapd.cli.rename import Ref
from mapd.settings import Settings
from mapd.trash import Removal

Yes = Annotated[bool, typer.Option("--yes", help="Delete it; without this it is only said what goes, and what stays.")]


def delete_command(kind: str, find_removal: Callable[[Session, str], Removal]) -> Callable[..., None]:
    """Return the command that deletes a thing of this kind."""

    def command(ref: Ref, yes: Yes = False, by: shared.PersonName = None, as_json: shared.AsJson = False) -> None:
        run_delete(lambda session: find_removal(session, ref), yes, by, as_json)

    command.__doc__ = f"Move the {kind} into the trash, with all that hangs on it. `mapd restore` brings it back."
    return command


def run_delete(find_removal: Callable[[Session], Removal], yes: bool, by: str | None, as_json: bool) -> None:
    """Show what goes and what stays, and with --yes delete it."""
    with shared.writing() if yes else shared.reading() as session:
        removal = find_removal(session)
        home = Settings().make_home()
        file = trash.delete(session, home, removal, by=shared.person_of(by)).name if yes else None
    result: dict[str, Any] = {"kind": removal.kind, "name": removal.name, "uid": removal.uid, "deleted": yes}
    result |= {"gone": dict(removal.counts), "shared": list(removal.shared), "stays": list(removal.stays), "file": file}
    title = f"in the trash: mapd restore {file}" if yes else "nothing was deleted yet: --yes does it"
    shared.show(result, as_json, title)
