"""`mapd … rename`: another name for an exam, a question set, a student or a teacher."""

from collections.abc import Callable
from typing import Annotated

import typer

from mapd import names
from mapd.cli import shared

Ref = Annotated[str, typer.Argument(metavar="REF", help="Its name, uid or id.")]
NewName = Annotated[str, typer.Argument(metavar="NAME", help="The name it is to have.")]


def rename_command(kind: str) -> Callable[..., None]:
    """Return the command that renames a thing of this kind."""

    def command(ref: Ref, name: NewName, by: shared.PersonName = None, as_json: shared.AsJson = False) -> None:
        with shared.writing() as session:
            row = names.rename(session, kind, ref, name, by=shared.person_of(by))
            result = {kind.replace(" ", "_"): row.uid, "name": row.name}
        shared.show(result, as_json, "renamed")

    command.__doc__ = f"Give the {kind} another name. Its uid stays, and so does all that was made of it."
    return command
