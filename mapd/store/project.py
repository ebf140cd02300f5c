"""What a project holds, an exam a row, and when it came in; what a deletion has to know of the rows around it.

holdings(session)[0] -> Holding("svamp · Llama-2-7b-chat-hf · round 0", mistakes=387, teachers=("gpt", …), …)
count_calls(session, {3})            -> (2322, 3.2): the calls of these exams, and what they cost
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from mapd.store import queries
from mapd.store import tables as t
from mapd.store.removal import BLOCK


@dataclass(frozen=True, slots=True)
class Holding:
    """One exam. `mistakes` as recorded, before people's corrections."""

    uid: str
    name: str
    student: str
    question_set: str
    mistakes: int
    teachers: tuple[str, ...]
    snapshots: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ImportRecord:
    """One act of importing, from the audit: who, when, and which exam it gave."""

    person: str
    at: datetime
    kind: str
    exam: str
    mistakes: int


def holdings(session: Session) -> list[Holding]:
    """Return every exam, the newest first."""
    mistakes = (
        sa.select(sa.func.count())
        .where(col(t.Attempt.exam_id) == t.Exam.id, col(t.Attempt.outcome) != "correct")
        .scalar_subquery()
    )
    snapshots = _count_snapshots(session)
    query = (
        sa.select(
            col(t.Exam.id),
            col(t.Exam.uid),
            col(t.Exam.name),
            col(t.Student.name),
            col(t.QuestionSet.name),
            mistakes,
            col(t.Exam.created_at),
        )
        .join(t.Student, col(t.Exam.student_id) == t.Student.id)
        .join(t.QuestionSet, col(t.Exam.set_id) == t.QuestionSet.id)
        .order_by(col(t.Exam.id).desc())
    )
    return [
        Holding(uid, name, student, questions, count, tuple(queries.voices(session, id_)), snapshots[id_], created_at)
        for id_, uid, name, student, questions, count, created_at in session.execute(query).all()
    ]


def _count_snapshots(session: Session) -> Counter[int]:
    """Return how many snapshots are of an exam, by its id: one of several exams is counted with each."""
    pairs = [*session.exec(select(t.Snapshot.id, t.Snapshot.exam_id)).all()]
    pairs += session.exec(select(t.SnapshotExam.snapshot_id, t.SnapshotExam.exam_id)).all()
    return Counter(exam_id for _, exam_id in set(pairs))


def imports(session: Session) -> list[ImportRecord]:
    """Return every import there was, the newest first."""
    query = select(t.Audit).where(col(t.Audit.action).startswith("import ")).order_by(col(t.Audit.id).desc())
    return [
        ImportRecord(
            a.person,
            a.created_at,
            a.action.removeprefix("import "),
            a.target.removeprefix("exam "),
            a.detail.get("mistakes", 0),
        )
        for a in session.exec(query).all()
    ]


def list_ids(session: Session, table: str) -> set[int]:
    """Return the ids of all rows of a table."""
    return set(session.scalars(sa.select(t.metadata.tables[table].c.id)))


def list_mere_authors(session: Session) -> set[int]:
    """Return the ids of the teachers that can't be asked, and that no call of the ledger names."""
    of_ledger = select(t.Call.teacher_id).where(col(t.Call.teacher_id).is_not(None))
    cannot_be_asked = col(t.Teacher.kind).in_(("imported", "person")) & col(t.Teacher.id).not_in(of_ledger)
    return {row_id for row_id in session.exec(select(t.Teacher.id).where(cannot_be_asked)) if row_id is not None}


def count_exams(session: Session, set_id: int) -> int:
    """Return how many exams ask the questions of a set."""
    return session.exec(select(func.count()).select_from(t.Exam).where(t.Exam.set_id == set_id)).one()


def count_rationales(session: Session, set_id: int) -> int:
    """Return how many rationales the questions of a set have."""
    query = select(func.count()).select_from(t.Explanation).join(t.Question)
    return session.exec(query.where(t.Explanation.kind == "rationale", t.Question.set_id == set_id)).one()


def is_needed_elsewhere(session: Session, exam: t.Exam) -> bool:
    """Return whether the exam's student sat another exam, or another student was made from it."""
    other_users = (
        select(t.Exam.id).where(t.Exam.student_id == exam.student_id, t.Exam.id != exam.id),
        select(t.Student.id).where(t.Student.parent_id == exam.student_id),
    )
    return any(session.exec(query).first() is not None for query in other_users)


def count_texts(session: Session, ids: Collection[int]) -> Counter[str]:
    """Return how many of these explanations there are, by kind."""
    counts, texts = Counter[str](), sorted(ids)
    for start in range(0, len(texts), BLOCK):
        query = select(t.Explanation.kind, func.count()).where(col(t.Explanation.id).in_(texts[start : start + BLOCK]))
        counts.update(dict(session.exec(query.group_by(t.Explanation.kind)).all()))
    return counts


def count_calls(session: Session, exam_ids: Collection[int]) -> tuple[int, float | None]:
    """Return how many calls were made for these exams, and what they cost."""
    return session.exec(select(func.count(), func.sum(t.Call.cost_usd)).where(col(t.Call.exam_id).in_(exam_ids))).one()


def list_tuned_students(session: Session, finetune_ids: Collection[int]) -> Sequence[str]:
    """Return the names of the students that these finetunes made."""
    query = select(t.Student.name).join(t.Finetune, col(t.Finetune.student_id) == t.Student.id)
    return session.exec(query.where(col(t.Finetune.id).in_(finetune_ids)).order_by(t.Student.name)).all()
