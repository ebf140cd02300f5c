"""A whole project as one file, and back: lossless, idempotent by uid. `mapd archive export FILE`, `… import FILE`

    export(engine, Path("p.zip"), home, by=ann)      -> Saved(path="p.zip", rows=2950, sha256="3f…")
    with stage("p.zip", file) as archive:
        preview(engine, archive, home)               -> what it would bring; nothing is written:
            ArchiveContents(rows={"attempt": 387, …}, jobs=("collect, cancelled, by mallory: 1",), undoing_others=2, …)
        load(engine, archive, home, by=ben)          -> Loaded(rows_new=2950, exams=("pens · Tiny-1b · round 0",), …)

What comes in is foreign, and history: `container.py` bounds its sizes, `shapes.py` what a line may hold, `staging.py`
puts it into a database of its own, `merging.py` beside what the project has. `outgoing.py` writes archives.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from mapd.exchange.archive.merging import Merge, list_unfinished
from mapd.exchange.archive.outgoing import export
from mapd.exchange.archive.staging import Progress, Staging, stage
from mapd.people import Person, Right, require

__all__ = ["ArchiveContents", "ArchiveImport", "Staging", "export", "list_unfinished", "load", "preview", "stage"]

# Of a kind; the rest is counted.
MOST_NAMED = 50


@dataclass(frozen=True, slots=True)
class ArchiveContents:
    """What an archive holds, and what of it is new to the project."""

    name: str
    sha256: str
    rows: Mapping[str, int]
    new_rows: Mapping[str, int]
    exams: tuple[str, ...]
    teachers: tuple[str, ...]
    jobs: tuple[str, ...]
    judgements: tuple[str, ...]
    # New texts and votes, by table, on answers and texts of the project.
    on_own: Mapping[str, int]
    # Judgements that take back another person's.
    undoing_others: int
    renamed: tuple[str, ...]


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
    outcome = Merge(engine, archive, home).look()
    query = "SELECT count(*) FROM judgement j JOIN judgement o ON o.id = j.undoes_id WHERE o.person <> j.person"
    return ArchiveContents(
        name=archive.name,
        sha256=archive.sha256,
        rows={table: count for table, count in archive.rows.items() if count},
        new_rows=dict(outcome.new_rows),
        exams=tuple(outcome.exams),
        teachers=_list_lines(
            archive,
            "SELECT name || ': ' || kind || CASE WHEN model <> '' THEN ' ' || model ELSE '' END"
            " || CASE WHEN base_url IS NOT NULL THEN ' at ' || base_url ELSE '' END FROM teacher ORDER BY id",
        ),
        jobs=_list_lines(
            archive,
            "SELECT kind || ', ' || status || ', by ' || person || ': ' || count(*) FROM job"
            " GROUP BY kind, status, person ORDER BY 1",
        ),
        judgements=_list_lines(
            archive, "SELECT person || ', ' || role || ': ' || count(*) FROM judgement GROUP BY person, role ORDER BY 1"
        ),
        on_own=dict(outcome.on_own),
        undoing_others=int(archive.connection.execute(sa.text(query)).scalar_one()),
        renamed=tuple(outcome.renamed),
    )


def _list_lines(archive: Staging, query: str) -> tuple[str, ...]:
    """Return the rows of a query, each a line; where they are many the first, and how many more."""
    lines = list(archive.connection.execute(sa.text(query)).scalars())
    surplus = len(lines) - MOST_NAMED
    return (*lines[:MOST_NAMED], f"and {surplus:,} more") if surplus > 0 else tuple(lines)


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
