"""`mapd archive export FILE`, `mapd archive import FILE`: a project as one file."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mapd.cli.shared import AsJson, PersonName, person_of, show, writing
from mapd.errors import BadInput
from mapd.settings import Settings
from mapd.store import archive

archiving = typer.Typer(no_args_is_help=True, help="A whole project as one file, without weights: out and in.")

ArchiveFile = Annotated[Path, typer.Argument(metavar="FILE", help="The archive, such as project.zip.")]


@archiving.command("export")
def export_archive(file: ArchiveFile, by: PersonName = None, as_json: AsJson = False) -> None:
    """Write the project to one file. The same project gives the same bytes."""
    with writing() as session:
        saved = archive.export(session, file, Settings().home, by=person_of(by))
    show(asdict(saved), as_json, "archived")


@archiving.command("import")
def import_archive(file: ArchiveFile, by: PersonName = None, as_json: AsJson = False) -> None:
    """Bring an archive's rows into this project, all or none. Rows that are here already stay as they are."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise BadInput(f"the archive can't be read: {file} ({error.strerror}); check the path") from error
    read = archive.read(file.name, content)
    with writing() as session:
        loaded = archive.load(session, read, Settings().home, by=person_of(by))
    result = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(loaded).items()}
    show(result, as_json, "imported" if loaded.rows_new else "nothing new: all of it is here already")
