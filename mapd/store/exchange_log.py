"""What came in and what went out, by the audit: when, by whom, how many, which file, what it made.

list_entries(session, Direction.OUT, limit=25)
-> [ExchangeEntry(at=…, person="ann", direction="out", action="export", format="messages", file="rows.jsonl",
                  sha256="9b…", rows=730, subject=Subject("snapshot", "3f2a…", "3f2a…", exam="5e…"))]

An entry that was made before files were named in the audit lacks what it lacks.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from mapd.store import tables as t


class Direction(StrEnum):
    """Which way something went."""

    IN = "in"
    OUT = "out"


# The audit's words. Whatever begins so came in or went out, too: "import authors", "export", "push".
ACTIONS = {
    "add questions": Direction.IN,
    "add student": Direction.IN,
    "archive import": Direction.IN,
    "archive export": Direction.OUT,
    "push": Direction.OUT,
}
PREFIXES = {"import ": Direction.IN, "export": Direction.OUT}
# The detail that holds how many, of entries of any day.
COUNTS = ("rows", "questions", "attempts", "mistakes")
KINDS = ("exam", "question_set", "student", "snapshot")
# By kind, what a target says of it, and its name. An older entry says a student's name.
NAMED: dict[str, tuple[Any, Any]] = {
    "exam": (t.Exam.uid, t.Exam.name),
    "question_set": (t.QuestionSet.uid, t.QuestionSet.name),
    "student": (t.Student.uid, t.Student.name),
    "student by name": (t.Student.name, t.Student.name),
}


@dataclass(frozen=True, slots=True)
class Subject:
    """What an act made or took: its kind, and how it is called; the rest where the project still has it.

    `name`: None where it is gone. `exam`: the uid of the exam that it is shown with.
    """

    kind: str
    ref: str
    name: str | None = None
    exam: str | None = None


@dataclass(frozen=True, slots=True)
class ExchangeEntry:
    """One act by which something came in or went out. `origin`: where it is from or went to, where that is no file."""

    id: int
    at: datetime
    person: str
    direction: Direction
    action: str
    format: str | None
    rows: int | None
    file: str | None
    origin: str | None
    sha256: str | None
    subject: Subject


def count_entries(session: Session, direction: Direction | None = None) -> int:
    """Return how many acts there were, of one direction or of both."""
    return session.exec(select(func.count()).select_from(t.Audit).where(_is_of(direction))).one()


def list_entries(
    session: Session, direction: Direction | None = None, *, limit: int, offset: int = 0
) -> list[ExchangeEntry]:
    """Return the acts, the newest first."""
    query = select(t.Audit).where(_is_of(direction)).order_by(col(t.Audit.id).desc()).offset(offset).limit(limit)
    rows = session.exec(query).all()
    subjects = _find_subjects(session, {row.target for row in rows})
    return [_read(row, subjects[row.target]) for row in rows]


def _is_of(direction: Direction | None) -> sa.ColumnElement[bool]:
    action = col(t.Audit.action)
    named = [name for name, way in ACTIONS.items() if direction in (None, way)]
    begun = [action.startswith(prefix) for prefix, way in PREFIXES.items() if direction in (None, way)]
    return sa.or_(action.in_(named), *begun)


def _read(row: t.Audit, subject: Subject) -> ExchangeEntry:
    by_prefix = (way for prefix, way in PREFIXES.items() if row.action.startswith(prefix))
    direction = ACTIONS.get(row.action) or next(by_prefix)
    counts = (row.detail.get(name) for name in COUNTS)
    return ExchangeEntry(
        row.id or 0,
        row.created_at,
        row.person,
        direction,
        row.action,
        _text(row.detail, "format"),
        next((count for count in counts if isinstance(count, int)), None),
        _text(row.detail, "file") or (_text(row.detail, "name") if subject.kind == "archive" else None),
        _text(row.detail, "source") or _text(row.detail, "base"),
        _text(row.detail, "sha256") or (subject.ref if subject.kind == "archive" else None),
        subject,
    )


def _text(detail: dict[str, Any], name: str) -> str | None:
    value = detail.get(name)
    return value if isinstance(value, str) and value else None


def _find_subjects(session: Session, targets: Collection[str]) -> dict[str, Subject]:
    """Return by an entry's target what it is about."""
    parts = {target: target.partition(" ")[::2] for target in targets}
    refs = {kind: [ref for part, ref in parts.values() if part == kind] for kind in KINDS}
    labels: dict[tuple[str, str], tuple[str, str | None]] = {}
    for kind, (column, name) in NAMED.items():
        query = sa.select(col(column), col(name)).where(col(column).in_(refs[kind.partition(" ")[0]]))
        rows = session.execute(query).all()
        labels |= {(kind.partition(" ")[0], ref): (name_, ref if kind == "exam" else None) for ref, name_ in rows}
    of_snapshots = sa.select(col(t.Snapshot.sha256), col(t.Exam.uid)).join(t.Exam, col(t.Snapshot.exam_id) == t.Exam.id)
    snapshots = session.execute(of_snapshots.where(col(t.Snapshot.sha256).in_(refs["snapshot"]))).all()
    labels |= {("snapshot", sha256): (sha256, exam) for sha256, exam in snapshots}
    return {target: Subject(*part, *labels.get(part, (None, None))) for target, part in parts.items()}
