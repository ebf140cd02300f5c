"""`mapd restore`: what was deleted, brought back from the trash."""

from mapd import trash
from mapd.cli import shared
from mapd.cli.trash import TrashFile
from mapd.settings import Settings


def restore(file: TrashFile, by: shared.PersonName = None, as_json: shared.AsJson = False) -> None:
    """Bring back what was deleted, from the trash."""
    home = Settings().home
    with shared.writing() as session:
        entry, rows = trash.restore(session, home, file, by=shared.person_of(by))
    trash.discard(home, entry.file)
    result = {"kind": entry.kind, "name": entry.name, "rows_new": rows.new, "rows_known": rows.present}
    shared.show(result | {"renamed": list(rows.renamed)}, as_json, "brought back")
