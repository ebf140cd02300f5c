"""`mapd archive export FILE`, `mapd archive show FILE`, `mapd archive import FILE`: a project as one file."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mapd.cli.progress import counting
from mapd.cli.shared import AsJson, PersonName, derive_index, open_project, person_of, show
from mapd.errors import BadInput
from mapd.exchange import archive
from mapd.exchange.archive import ArchiveContents, Staging
from mapd.settings import Settings

archiving = typer.Typer(no_args_is_help=True, help="A whole project as one file: export, look into it, import.")

ArchiveFile = Annotated[Path, typer.Argument(metavar="FILE", help="The archive, such as project.zip.")]
Count = Annotated[
    bool, typer.Option("--count-judgements", help="Its people's judgements count here, too; else they are history.")
]


@archiving.command("export")
def export_archive(file: ArchiveFile, by: PersonName = None, as_json: AsJson = False) -> None:
    """Write the project to one file. The same project gives the same bytes."""
    exported = archive.export(open_project(), file, Settings().home, by=person_of(by))
    show(asdict(exported), as_json, "archived")


@archiving.command("show")
def show_archive(file: ArchiveFile, as_json: AsJson = False) -> None:
    """Say what an archive would bring into this project. Nothing is written."""
    engine, home = open_project(), Settings().home
    with _stage(file, as_json) as staging:
        _show(archive.preview(engine, staging, home), as_json)


@archiving.command("import")
def import_archive(
    file: ArchiveFile, count_judgements: Count = False, by: PersonName = None, as_json: AsJson = False
) -> None:
    """Bring an archive's rows into this project, as history. Rows that are here already stay as they are.

    It says first what the archive brings. Jobs come in as ended, teachers disabled and without a key; judgements count
    only with --count-judgements, also later: the same import again, with it, lets them count.
    """
    engine, home = open_project(), Settings().home
    with _stage(file, as_json) as staging:
        if not as_json:
            _show(archive.preview(engine, staging, home), as_json)
        with counting("importing", "rows", as_json) as tell:
            outcome = archive.load(
                engine, staging, home, by=person_of(by), count_judgements=count_judgements, progress=tell
            )
    derive_index(engine)
    result = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(outcome).items()}
    change = outcome.rows_new or outcome.judgements_counted
    show(result, as_json, "imported" if change else "nothing new: all of it is here already")


@contextmanager
def _stage(file: Path, as_json: bool) -> Iterator[Staging]:
    try:
        stream = file.open("rb")
    except OSError as error:
        raise BadInput(f"the archive can't be read: {file} ({error.strerror}); check the path") from error
    with stream, counting("reading", "rows", as_json) as tell, archive.stage(file.name, stream, tell) as staging:
        yield staging


def _show(contents: ArchiveContents, as_json: bool) -> None:
    result = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(contents).items()}
    show(result, as_json, f"{contents.name} holds")
