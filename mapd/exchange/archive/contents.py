"""What an archive would bring, told before anything is written.

contents_of(archive, outcome) -> ArchiveContents(rows={"attempt": 387, …}, new_rows={"attempt": 387, …},
    teachers=("own: openai m at https://llm.example.org/v1",), jobs=("collect, cancelled, by mallory: 1",),
    judgements=("ann, annotator: 40", "mallory, adjudicator: 3"), on_own={"review": 3}, undoing_others=2,
    renamed=("student a -> a (2)",))
"""

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from mapd.exchange.archive.merging import MergeOutcome
from mapd.exchange.archive.staging import Staging

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


def contents_of(archive: Staging, outcome: MergeOutcome) -> ArchiveContents:
    """Return what the archive would bring into the project that it was compared with."""
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
