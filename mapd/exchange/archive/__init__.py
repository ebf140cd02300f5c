"""A whole project as one file, and back: lossless, idempotent by uid. `mapd archive export FILE`, `… import FILE`

    export(engine, Path("p.zip"), home, by=ann)      -> Saved(path="p.zip", rows=2950, sha256="3f…")
    with stage("p.zip", file) as archive:
        preview(engine, archive, home)               -> what it would bring; nothing is written
        load(engine, archive, home, by=ben)          -> Loaded(rows_new=2950, exams=("pens · Tiny-1b · round 0",), …)

What comes in is foreign, and history: `container.py` bounds its sizes, `shapes.py` what a line may hold, `staging.py`
puts it into a database of its own, `merging.py` beside what the project has. `outgoing.py` writes archives.
"""

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from mapd.exchange.archive.contents import ArchiveContents, contents_of
from mapd.exchange.archive.merging import Merge, list_unfinished
from mapd.exchange.archive.outgoing import ArchiveExport, export
from mapd.exchange.archive.staging import Progress, Staging, stage
from mapd.people import Person, Right, require

__all__ = [
    "ArchiveContents",
    "ArchiveExport",
    "ArchiveImport",
    "Progress",
    "Staging",
    "export",
    "list_unfinished",
    "load",
    "preview",
    "stage",
]


@dataclass(frozen=True, slots=True)
class ArchiveImport:
    """What an import did. `exams`: the archive's, by the names they have here; `renamed`: "student a -> a (2)"."""

    rows_new: int
    rows_known: int
    exams: tuple[str, ...]
    renamed: tuple[str, ...]
    judgements_counted: int


def preview(engine: sa.Engine, archive: Staging, home: Path) -> ArchiveContents:
    """Return what the archive would bring; nothing is written. Raises: BadInput where it can't be imported."""
    return contents_of(archive, Merge(engine, archive, home).look())


def load(
    engine: sa.Engine,
    archive: Staging,
    home: Path,
    *,
    by: Person,
    count_judgements: bool = False,
    progress: Progress = lambda *_: None,
) -> ArchiveImport:
    """Bring the archive's rows in; those whose uid is there are left as they are.

    `count_judgements`: the judgements of it count here, also those that an import before brought without. Else they
    stand in the history alone.

    Raises: Forbidden; BadInput where rows of the same uid have another content, or the rows can't stand beside the
    project's.
    """
    person = require(by, Right.IMPORT)
    merge = Merge(engine, archive, home, counting=count_judgements)
    outcome = merge.look()
    if outcome.changes:
        outcome = merge.write(person, progress)
    return ArchiveImport(
        rows_new=outcome.new_rows.total(),
        rows_known=outcome.known_rows,
        exams=tuple(outcome.exams),
        renamed=tuple(outcome.renamed),
        judgements_counted=outcome.counted_judgements,
    )
