"""A snapshot's lines, piece by piece: of a large one they are never in memory as a whole.

    head = find_head(session, "3f2a")            # the row without its lines
    for line in iterate_lines(session, head): …  # checked behind the last one

`queries.snapshot` returns a snapshot with all of its lines, checked before.
"""

import hashlib
import sqlite3
from collections.abc import Iterator
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from mapd.errors import Damaged
from mapd.store import damage, queries
from mapd.store import tables as t
from mapd.store.snapshots import damaged, is_named

# Bytes on SQLite, characters on PostgreSQL, which begins at the first one for each piece.
PIECE = {"sqlite": 1 << 20, "postgresql": 1 << 24}


class SnapshotHead(NamedTuple):
    """A snapshot without its lines."""

    id: int
    sha256: str
    pairs: int
    manifest: dict[str, Any]


def find_head(session: Session, sha256: str) -> SnapshotHead:
    """Return the snapshot whose sha256 begins so. Raises: NotFound, also for several; BadInput: damaged."""
    row = queries.find_snapshot(session, sha256, with_lines=False)
    if not is_named(row):
        raise damaged(row.sha256, "its manifest is not the one that its name is the sha256 of")
    return SnapshotHead(queries.identity(row), row.sha256, row.pairs, row.manifest)


def iterate_lines(session: Session, head: SnapshotHead) -> Iterator[str]:
    """Yield the lines. Raises: BadInput behind the last one, where they aren't those that the manifest names."""
    digest, line_part, count = hashlib.sha256(), b"", 0
    for piece in _read_pieces(session, head.id):
        digest.update(piece)
        *lines, line_part = (line_part + piece).split(b"\n")
        for line in filter(None, lines):
            count += 1
            yield line.decode("utf-8")
    if digest.hexdigest() != head.manifest["lines_sha256"]:
        raise damaged(head.sha256, "its lines are not those that its manifest names")
    if line_part or count != head.pairs:
        raise damaged(head.sha256, f"it holds {count} pairs, not {head.pairs}")


def _read_pieces(session: Session, id_: int) -> Iterator[bytes]:
    connection = session.connection()
    size = PIECE[connection.dialect.name]
    if connection.dialect.name == "sqlite":
        # A query would have SQLite read the whole text for each piece of it.
        raw = connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        try:
            with raw.blobopen(t.Snapshot.__tablename__, "lines", id_, readonly=True) as text:
                while piece := text.read(size):
                    yield piece
        except sqlite3.Error as error:
            place = damage.place_of(connection.engine)
            raise Damaged(f"the database is damaged: {place} ({error}); {damage.COPY}") from error
        return
    start = 1
    while piece := session.execute(_piece_of(id_, start, size)).scalar_one():
        yield piece.encode("utf-8")
        start += size


def _piece_of(id_: int, start: int, size: int) -> sa.Select[tuple[str]]:
    return sa.select(sa.func.substr(col(t.Snapshot.lines), start, size)).where(col(t.Snapshot.id) == id_)


def load_prompts(session: Session, sha256s: list[str]) -> dict[str, str]:
    """Return the texts of prompts by their sha256."""
    rows = session.exec(select(t.Prompt).where(col(t.Prompt.sha256).in_(sha256s)))
    return {row.sha256: row.text for row in rows}


def load_shots(session: Session, exam_ids: list[int]) -> dict[str, int]:
    """Return how many worked examples the exams' students are shown, by name."""
    query = select(t.Student.name, t.Student.shots).join(t.Exam, col(t.Exam.student_id) == t.Student.id)
    return dict(session.exec(query.where(col(t.Exam.id).in_(exam_ids)).order_by(t.Student.name)).all())


def load_sources(session: Session, exam_ids: list[int]) -> tuple[str, ...]:
    """Return where the exams' questions came from."""
    query = select(t.QuestionSet.source).join(t.Exam, col(t.Exam.set_id) == t.QuestionSet.id)
    rows = session.exec(query.where(col(t.Exam.id).in_(exam_ids)).order_by(t.QuestionSet.name))
    return tuple(dict.fromkeys(rows))
