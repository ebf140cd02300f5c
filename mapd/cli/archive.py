"""`mapd archive …`: a whole project as one file."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mapd.cli import shared
from mapd.errors import BadInput
from mapd.exchange import archive
from mapd.exchange.archive import ArchiveContents, Staging
from mapd.settings import Settings

commands = typer.Typer(no_args_is_help=True, help="A whole project as one file: export, look into it, import.")
ArchiveFile = Annotated[Path, typer.Argument(metavar="FILE", help="The archive, such as project.zip.")]
Count = Annotated[
    bool, typer.Option("--count-judgements", help="Its people's judgements count here, too; else they are history.")
]


@commands.command("export")
def export_archive(file: ArchiveFile, by: shared.PersonName = None, as_json: shared.AsJson = False) -> None:
    """Write the project to one file. The same project gives the same bytes."""
    exported = archive.export(shared.open_project(), file, Settings().home, by=shared.person_of(by))
    shared.show(asdict(exported), as_json, "archived")


@commands.command("show")
def show_archive(file: ArchiveFile, as_json: shared.AsJson = False) -> None:
    """Say what an archive would bring into this project. Nothing is written."""
    engine, home = shared.open_project(), Settings().home
    with _stage(file, as_json) as staging:
        _show(archive.preview(engine, staging, home), as_json)


@commands.command("import")
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
