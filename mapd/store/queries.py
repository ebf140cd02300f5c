"""Look up exams, rows by their uid, snapshots and names; say what time an act gets."""

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from pathlib import PurePath
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from mapd.domain import ExamInfo
from mapd.errors import NotFound
from mapd.store import db
from mapd.store import tables as t
from mapd.store.lookup import by_reference
from mapd.store.snapshots import check as check_snapshot

Target = TypeVar("Target", t.Explanation, t.Attempt, t.Question)
_EXAM = (
    select(t.Exam, t.Student.name, t.QuestionSet)
    .join(t.Student, col(t.Exam.student_id) == t.Student.id)
    .join(t.QuestionSet, col(t.Exam.set_id) == t.QuestionSet.id)
)


def _exam_info(exam: t.Exam, student: str, questions: t.QuestionSet) -> ExamInfo:
    threshold = exam.threshold_hundredths
    return ExamInfo(
        **shared_values(ExamInfo, exam),
        student=student,
        question_set=questions.name,
        simulated=questions.simulated,
        threshold=None if threshold is None else threshold / 100,
        judgements_per_text=exam.judgements_wanted,
        shares_rationales=exam.decoding.get("samples", 1) != 1,
    )


def shared_values(value_class: type, row: t.Row) -> dict[str, Any]:
    """Return the columns of a row that a dataclass has a field for, by name; a thought is read only when asked for."""
    return {name: getattr(row, name) for name in _shared_columns(value_class, type(row))}


def shared_columns(value_class: type, table: type[t.Row]) -> dict[str, Any]:
    """Return the columns that `shared_values` reads, by name: for a query of many rows, which needs no row objects."""
    return {name: col(getattr(table, name)) for name in _shared_columns(value_class, table)}


@cache
def _shared_columns(value_class: type, table: type[t.Row]) -> list[str]:
    return [field.name for field in fields(value_class) if field.name in table.model_fields and field.name != "thought"]


def identity(row: t.Row) -> int:
    """Return the id of a row that the database has."""
    assert row.id is not None, f"{type(row).__name__} is not in the database yet"
    return row.id


def split_ids(ids: Iterable[int], at_once: int = 500, *, newest_first: bool = False) -> Iterator[list[int]]:
    """Yield the ids in blocks: a database takes so many values in one query, and no more."""
    ordered = sorted(ids, reverse=newest_first)
    return (ordered[start : start + at_once] for start in range(0, len(ordered), at_once))


def exams(session: Session) -> list[ExamInfo]:
    """Return every exam, the newest first."""
    return [_exam_info(*row) for row in session.exec(_EXAM.order_by(col(t.Exam.id).desc())).all()]


def unfinished(session: Session) -> set[int]:
    """Return the ids of the exams that lack answers: they are under way, or were stopped."""
    of_split = (col(t.Question.set_id), col(t.Question.split))
    query = select(*of_split, func.count()).group_by(*of_split)
    sizes = {(set_id, split): number for set_id, split, number in session.exec(query)}
    answers = dict(session.exec(select(t.Attempt.exam_id, func.count()).group_by(col(t.Attempt.exam_id))).all())
    exams = {identity(row): row for row in session.exec(select(t.Exam))}
    samples = {id_: row.decoding.get("samples") for id_, row in exams.items()}
    return {
        id_
        for id_, row in exams.items()
        if answers.get(id_, 0)
        < sizes.get((row.set_id, row.split), 0) * (number if isinstance(number := samples[id_], int) else 1)
    }


def exam(session: Session, ref: str | int) -> ExamInfo:
    """Return the exam by uid, id or name. Raises: NotFound."""
    row = session.exec(by_reference(_EXAM, t.Exam, ref)).first()
    if row is None:
        names = ", ".join(e.name for e in exams(session)[:5]) or "none yet: `mapd import authors` makes one"
        raise NotFound(f"unknown exam: {ref}; the project's exams: {names}")
    return _exam_info(*row)


def count_exams(session: Session) -> int:
    """Return how many exams the project has."""
    return session.exec(select(func.count()).select_from(t.Exam)).one()


def exam_row(session: Session, exam_id: int) -> t.Exam:
    """Return the row of an exam that is there."""
    return session.get_one(t.Exam, exam_id)


def explanation(session: Session, kind: str, ref: str | int) -> t.Explanation:
    """Return the rationale or feedback by uid or id. Raises: NotFound."""
    return _get(session, t.Explanation, kind, ref, t.Explanation.kind == kind)


def attempt(session: Session, ref: str | int) -> t.Attempt:
    """Return the student's answer by uid or id. Raises: NotFound."""
    return _get(session, t.Attempt, "attempt", ref)


def question(session: Session, ref: str | int) -> t.Question:
    """Return the question by uid or id. Raises: NotFound."""
    return _get(session, t.Question, "question", ref)


def _get(session: Session, table: type[Target], kind: str, ref: str | int, *where: Any) -> Target:
    row = session.exec(by_reference(select(table), table, ref).where(*where)).first()
    if row is None:
        raise NotFound(f"unknown {kind}: {ref}; `mapd curate show --items` lists them")
    return row


def exam_of(session: Session, row: t.Explanation | t.Attempt | t.Question) -> int:
    """Return the exam that a row belongs to: of its attempt, or the newest over its question (rounds share rationales).

    Raises: NotFound where no exam has asked the question, or the text counts in none.
    """
    if isinstance(row, t.Attempt):
        return row.exam_id
    question_id = row.id if isinstance(row, t.Question) else row.question_id
    exams = select(func.max(t.Attempt.exam_id)).where(t.Attempt.question_id == question_id)
    if isinstance(row, t.Explanation):
        if row.attempt_id is not None:
            exams = exams.where(t.Attempt.id == row.attempt_id)
        author = session.get_one(t.Teacher, row.author_id)
        if author.kind != "person":
            exam_ids = sa.select(col(t.CommitteeMember.exam_id)).where(col(t.CommitteeMember.teacher_id) == author.id)
            exams = exams.where(col(t.Attempt.exam_id).in_(exam_ids))
    newest = session.exec(exams).one()
    if newest is None:
        counts = "" if isinstance(row, t.Question) else f" with {author.name} in its committee: the text counts nowhere"
        raise NotFound(f"no exam has asked question {question_id}{counts}")
    return int(newest)


def snapshot(session: Session, sha256: str) -> t.Snapshot:
    """Return the snapshot whose sha256 begins so, checked. Raises: NotFound, also for several; BadInput: damaged."""
    row = find_snapshot(session, sha256)
    check_snapshot(row)
    return row


def find_snapshot(session: Session, sha256: str, *, with_lines: bool = True) -> t.Snapshot:
    """Return the snapshot whose sha256 begins so, not checked. Raises: NotFound, also for several."""
    begins = col(t.Snapshot.sha256).startswith(sha256.lower(), autoescape=True)
    query = select(t.Snapshot).where(begins)
    if not with_lines:
        query = query.options(sa.orm.defer(t.Snapshot.lines))  # type: ignore[arg-type]
    rows = session.exec(query).all()
    if len(rows) != 1:
        raise NotFound(f"{'no' if not rows else 'more than one'} snapshot begins with {sha256!r}")
    return rows[0]


def find_taught_snapshot(session: Session, student: t.Student) -> t.Snapshot | None:
    """Return the snapshot that a student was taught on, without its lines; None where it isn't in the project."""
    # A student that came with an archive may name one that isn't here.
    query = select(t.Snapshot).where(t.Snapshot.sha256 == student.snapshot_sha256)
    return session.exec(query.options(sa.orm.defer(t.Snapshot.lines))).first()  # type: ignore[arg-type]


def snapshots(session: Session, exam_id: int | None = None) -> list[t.Snapshot]:
    """Return every snapshot (that is of one exam, too), the newest first, without its lines loaded."""
    query = select(t.Snapshot).options(sa.orm.defer(t.Snapshot.lines))  # type: ignore[arg-type]
    if exam_id is not None:
        query = query.where(is_of_exam(exam_id))
    return list(session.exec(query.order_by(col(t.Snapshot.id).desc())).all())


def is_of_exam(exam_id: int) -> sa.ColumnElement[bool]:
    """Return the condition that a snapshot is of an exam, be it of several."""
    links = sa.select(col(t.SnapshotExam.snapshot_id)).where(col(t.SnapshotExam.exam_id) == exam_id)
    return sa.or_(col(t.Snapshot.exam_id) == exam_id, col(t.Snapshot.id).in_(links))


def exams_of_snapshot(session: Session, snapshot_id: int) -> list[ExamInfo]:
    """Return the exams that a snapshot is of, in its own order: the one that its row names is the first."""
    first = select(t.Snapshot.exam_id).where(t.Snapshot.id == snapshot_id)
    links = select(t.SnapshotExam.exam_id).where(t.SnapshotExam.snapshot_id == snapshot_id)
    ids = dict.fromkeys([*session.exec(first), *session.exec(links.order_by(col(t.SnapshotExam.id)))])
    return [exam(session, exam_id) for exam_id in ids]


def snapshot_lines(session: Session, snapshot_id: int) -> str:
    """Return the lines of a snapshot that is there, unchecked."""
    return session.exec(select(t.Snapshot.lines).where(t.Snapshot.id == snapshot_id)).one()


def voices(session: Session, exam_id: int) -> dict[str, int]:
    """Return the id of each teacher, by name, that wrote or reviewed a text that counts in the exam, in their order."""
    of_exam = (
        "JOIN attempt a ON a.question_id = x.question_id AND a.exam_id = :exam"
        " AND (x.attempt_id IS NULL OR x.attempt_id = a.id)"
    )
    counting = (
        "SELECT teacher_id FROM committee_member WHERE exam_id = :exam"
        " UNION ALL SELECT id FROM teacher WHERE kind = 'person'"
    )
    texts = f"SELECT 1 FROM explanation x {of_exam} WHERE x.author_id = t.id"
    reviews = (
        f"SELECT 1 FROM review r JOIN explanation x ON x.id = r.explanation_id {of_exam}"
        f" WHERE r.reviewer_id = t.id AND x.author_id IN ({counting})"
    )
    query = (
        f"SELECT t.name, t.id FROM teacher t WHERE t.id IN ({counting}) AND (EXISTS ({texts}) OR EXISTS ({reviews}))"
        " ORDER BY t.id"
    )
    return {name: int(id_) for name, id_ in session.execute(sa.text(query), {"exam": exam_id})}


def teacher_uids(session: Session) -> dict[str, str]:
    """Return each teacher's uid, by name, in the order in which they were added."""
    return dict(session.exec(select(t.Teacher.name, t.Teacher.uid).order_by(col(t.Teacher.id))).all())


def describe_teachers(session: Session) -> dict[str, dict[str, Any]]:
    """Return what each teacher is, by name: its kind, its model and how that draws; of a folder its name alone."""
    # A path is this machine's own: it says nothing elsewhere.
    return {
        row.name: {
            "kind": row.kind,
            "simulated": row.simulated,
            "model": PurePath(row.model).name if PurePath(row.model).is_absolute() else row.model,
            "sampling": dict(row.sampling),
        }
        for row in session.exec(select(t.Teacher))
    }


def mark_stale(session: Session, judgements: Sequence[int]) -> None:
    """Mark the questions that these judgements are about, so that they are derived again before they are read."""
    question_id = sa.func.coalesce(t.Judgement.question_id, t.Explanation.question_id, t.Attempt.question_id)
    questions = (
        sa.select(question_id, sa.false())
        .select_from(t.Judgement)
        .outerjoin(t.Explanation, col(t.Judgement.explanation_id) == t.Explanation.id)
        .outerjoin(t.Attempt, col(t.Judgement.attempt_id) == t.Attempt.id)
        .where(col(t.Judgement.id).in_(judgements))
    )
    session.execute(sa.insert(t.DirtyQuestion).from_select(["question_id", "voted"], questions))


def moment(session: Session) -> datetime:
    """Return the time of an act that comes behind all acts before it, whatever the clock says."""
    # It is the database's time, and where that was set back a microsecond behind the latest: judgements stand in the
    # order of their times, and which guidelines were current, or what came behind a snapshot, their times tell too.
    tables = (t.Judgement, t.Guidelines, t.Snapshot)
    latest = session.execute(sa.select(*(select(func.max(x.created_at)).scalar_subquery() for x in tables))).one()
    earliest = max((at for at in latest if at is not None), default=datetime.min.replace(tzinfo=UTC))
    return max(db.clock(session), earliest + timedelta(microseconds=1))


def newest(session: Session, table: type[t.Row]) -> int | None:
    """Return the id of a table's newest row: what was read before is whole as long as it stays."""
    newest_id: int | None = session.exec(select(func.max(sa.inspect(table).c.id))).one()
    return newest_id


def newest_of_each(session: Session, *tables: type[t.Row]) -> tuple[int | None, ...]:
    """Return the id of each table's newest row, in one statement: pages ask at every run."""
    newest_ids = (sa.select(func.max(sa.inspect(table).c.id)).scalar_subquery() for table in tables)
    return tuple(session.execute(sa.select(*newest_ids)).one())


def free_name(name: str, used_names: Container[str]) -> str:
    """Return the name, or with a number behind it where it is taken: "smollm2 (2)"."""
    candidates = (f"{name} ({number})" for number in count(2))
    return name if name not in used_names else next(filter(lambda free: free not in used_names, candidates))


def names_like(session: Session, column: Any, name: str) -> set[str]:
    """Return what of a column begins as the name does: those that one with a number behind it may meet."""
    return set(session.exec(select(column).where(col(column).startswith(name, autoescape=True))).all())
