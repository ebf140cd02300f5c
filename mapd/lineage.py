"""Where each student of a line comes from: the exams whose mistakes it was taught, and the snapshot of them.

trace(session, "dev · smollm2-2")
-> [Descent("smollm2", 0, "a1…"), Descent("smollm2-1", 1, "9c1e…", snapshot="3fa2…", pairs=79, mistakes=81,
    exams=(ExamInfo("demo · smollm2 · train · round 0"),)), Descent("smollm2-2", 2, …)]
"""

from dataclasses import dataclass

from sqlmodel import Session

from mapd import rounds
from mapd.domain import ExamInfo
from mapd.store import queries
from mapd.store import tables as t
from mapd.store.snapshots import is_named


@dataclass(frozen=True, slots=True)
class Descent:
    """One student of the line. Without a snapshot in this project pairs, mistakes and exams aren't known."""

    student: str
    round: int
    uid: str
    snapshot: str | None = None
    pairs: int | None = None
    mistakes: int | None = None
    exams: tuple[ExamInfo, ...] = ()


def trace(session: Session, exam: str | int) -> list[Descent]:
    """Return the student of an exam and those that it was taught from, the first of them first. Raises: NotFound."""
    student_id = queries.exam_row(session, queries.exam(session, exam).id).student_id
    return [_describe(session, row) for row in rounds.list_line(session, student_id)]


def _describe(session: Session, row: t.Student) -> Descent:
    snapshot = queries.find_taught_snapshot(session, row)
    if snapshot is None:
        return Descent(row.name, row.round, row.uid, row.snapshot_sha256)
    exams = tuple(queries.exams_of_snapshot(session, queries.identity(snapshot)))
    mistakes = snapshot.manifest["counts"]["mistakes"] if is_named(snapshot) else None
    return Descent(row.name, row.round, row.uid, row.snapshot_sha256, snapshot.pairs, mistakes, exams)
