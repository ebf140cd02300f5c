"""Where each student of a line comes from: the exams whose mistakes it was taught, and the snapshot of them.
And what came of a snapshot: the students that were taught on it, and their exams.

trace(session, "dev · smollm2-2")
-> [Descent("smollm2", 0, "a1…"), Descent("smollm2-1", 1, "9c1e…", snapshot="3fa2…", pairs=79, mistakes=81,
    exams=(ExamInfo("demo · smollm2 · train · round 0"),)), Descent("smollm2-2", 2, …)]
follow(session, "3fa2").students        -> (TaughtStudent("smollm2-1", 1, "9c1e…", exams=((ExamInfo(…), Score(…)),)), …)
"""

from dataclasses import dataclass

from sqlmodel import Session

from mapd import results, rounds
from mapd.domain import ExamInfo
from mapd.results import Score
from mapd.store import finetunes, queries
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


@dataclass(frozen=True, slots=True)
class TaughtStudent:
    """A student that was taught on a snapshot. `exams`: its finished ones, each with its score, the newest first."""

    student: str
    round: int
    uid: str
    exams: tuple[tuple[ExamInfo, Score], ...]


@dataclass(frozen=True, slots=True)
class SnapshotLineage:
    """Where a snapshot comes from, and what came of it. `descents`: of the student of its first exam, that one last."""

    snapshot: str
    pairs: int
    mistakes: int
    exams: tuple[ExamInfo, ...]
    descents: tuple[Descent, ...]
    students: tuple[TaughtStudent, ...]


def follow(session: Session, sha256: str) -> SnapshotLineage:
    """Return where the snapshot whose sha256 begins so comes from, and what came of it. Raises: NotFound."""
    row = queries.find_snapshot(session, sha256, with_lines=False)
    exams = tuple(queries.exams_of_snapshot(session, queries.identity(row)))
    student_id = queries.exam_row(session, exams[0].id).student_id
    descents = tuple(_describe(session, student) for student in rounds.list_line(session, student_id))
    mistakes = row.manifest["counts"]["mistakes"] if is_named(row) else 0
    students = tuple(_describe_taught(session, student) for student in finetunes.list_taught(session, row))
    return SnapshotLineage(row.sha256, row.pairs, mistakes, exams, descents, students)


def _describe_taught(session: Session, student: t.Student) -> TaughtStudent:
    unfinished = queries.unfinished(session)
    # An import holds mistakes alone: it has no accuracy.
    exams = [
        info
        for info in queries.exams(session)
        if info.student == student.name and info.graded_by != "import" and info.id not in unfinished
    ]
    answers = [results.load(session, info.id) for info in exams]
    scores = tuple((x.exam, results.score(x.answers.values())) for x in answers if x.answers)
    return TaughtStudent(student.name, student.round, student.uid, scores)
