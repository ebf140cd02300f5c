"""Every finetune with its steps, and every student that was trained elsewhere, for the pages.

finetunes(session)[0] -> Training(parent="smollm2", student="smollm2-f3a1", pairs=101, alpha=0.5, steps_done=39, …)
list_added(session)   -> (AddedStudent(name="mine", parent="smollm2", snapshot="3f2a…", person="ann", …), …)
steps(session, 1)[0]  -> FinetuneStep(step=1, loss_feedback=2.91, loss_rationale=1.74, …)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from mapd.errors import NotFound
from mapd.store import tables as t
from mapd.store.queries import is_of_exam, shared_values
from mapd.store.snapshots import count_taught, is_named

ADDED = "adapters"  # the folder of what was trained elsewhere, under MAPD_HOME; finetunes have another


@dataclass(frozen=True, slots=True)
class Training:
    """One finetune: `student` is None until it is done; `steps_done` counts its steps so far.

    `adapter`: the folder of what it trained, under the project's; None where its student isn't there.
    """

    id: int
    uid: str
    parent: str
    student: str | None
    adapter: str | None  # the student's, under the project's folder
    snapshot: str
    exam: str
    pairs: int
    simulated: bool
    arm: str | None
    alpha: float
    seed: int
    hyperparameters: dict[str, Any]
    planned_steps: int | None  # None where that isn't known
    validation_pairs: int | None
    stopped_at: int | None
    continues: str | None
    stop_requested_at: datetime | None
    steps_done: int
    seconds: float
    created_at: datetime


@dataclass(frozen=True, slots=True)
class AddedStudent:
    """A student that was trained elsewhere. Who added it is None where it came with an archive.

    `exam`: of the snapshot, where the project holds that.
    """

    uid: str
    name: str
    parent: str | None
    round: int
    snapshot: str | None
    exam: str | None
    adapter: str
    person: str | None
    created_at: datetime


def list_added(session: Session) -> list[AddedStudent]:
    """Return every student whose adapter no finetune here made, the newest first."""
    parent = sa.orm.aliased(t.Student)
    person = (
        sa.select(col(t.Audit.person))
        .where(col(t.Audit.action) == "add student", col(t.Audit.target) == sa.literal("student ") + col(t.Student.uid))
        .order_by(col(t.Audit.id))
        .limit(1)
        .scalar_subquery()
    )
    query = (
        sa.select(t.Student, col(parent.name), col(t.Exam.uid), person)
        .outerjoin(parent, col(t.Student.parent_id) == parent.id)
        .outerjoin(t.Snapshot, col(t.Student.snapshot_sha256) == t.Snapshot.sha256)
        .outerjoin(t.Exam, col(t.Snapshot.exam_id) == t.Exam.id)
        .where(col(t.Student.adapter).startswith(f"{ADDED}/"))
        .order_by(col(t.Student.id).desc())
    )
    rows: Sequence[Any] = session.execute(query).all()
    return [
        AddedStudent(
            row.uid, row.name, parent_, row.round, row.snapshot_sha256, exam, row.adapter, person_, row.created_at
        )
        for row, parent_, exam, person_ in rows
    ]


def finetunes(session: Session) -> list[Training]:
    """Return every finetune of the project, the newest first."""
    parent, student = sa.orm.aliased(t.Student), sa.orm.aliased(t.Student)
    step = t.FinetuneStep
    columns = select(step.finetune_id, func.count().label("done"), func.sum(step.seconds).label("seconds"))
    step_counts = columns.group_by(col(step.finetune_id)).subquery()
    query = (
        sa.select(
            t.Finetune,
            col(parent.name),
            col(student.name),
            col(student.adapter),
            t.Snapshot,
            col(t.Exam.uid),
            col(t.QuestionSet.simulated),
            step_counts.c.done,
            step_counts.c.seconds,
        )
        .join(parent, col(t.Finetune.parent_id) == parent.id)
        .outerjoin(student, col(t.Finetune.student_id) == student.id)
        .join(t.Snapshot, col(t.Finetune.snapshot_id) == t.Snapshot.id)
        .join(t.Exam, col(t.Snapshot.exam_id) == t.Exam.id)
        .join(t.QuestionSet, col(t.Exam.set_id) == t.QuestionSet.id)
        .outerjoin(step_counts, step_counts.c.finetune_id == t.Finetune.id)
        .options(sa.orm.defer(t.Snapshot.lines))  # type: ignore[arg-type]
        .order_by(col(t.Finetune.id).desc())
    )
    rows: Sequence[Any] = session.execute(query).all()
    return [
        Training(
            **shared_values(Training, f),
            parent=parent_name,
            student=student_name,
            adapter=adapter,
            snapshot=snapshot.sha256,
            exam=exam,
            pairs=_count_pairs(f, snapshot),
            simulated=simulated,
            steps_done=steps_done or 0,
            seconds=seconds or 0.0,
        )
        for f, parent_name, student_name, adapter, snapshot, exam, simulated, steps_done, seconds in rows
    ]


@dataclass(frozen=True, slots=True)
class ArmTraining:
    """A finished training of a named arm. `size`: the pairs of its snapshot, the same in each arm of a comparison."""

    arm: str
    parent_id: int
    student_id: int
    snapshot: str
    size: int
    alpha: float
    seed: int
    hyperparameters: dict[str, Any]


def list_arms(session: Session, exam_id: int) -> list[ArmTraining]:
    """Return the trainings of arms on snapshots of an exam, the oldest first."""
    query = (
        sa.select(t.Finetune, col(t.Snapshot.sha256), col(t.Snapshot.pairs))
        .join(t.Snapshot, col(t.Finetune.snapshot_id) == t.Snapshot.id)
        .where(is_of_exam(exam_id), col(t.Finetune.arm).is_not(None), col(t.Finetune.student_id).is_not(None))
        # What was stopped, or went on, was taught more or less than its arm's others.
        .where(col(t.Finetune.stopped_at).is_(None), col(t.Finetune.continues).is_(None))
        .order_by(col(t.Finetune.id))
    )
    rows: Sequence[Any] = session.execute(query).all()
    return [ArmTraining(**shared_values(ArmTraining, f), snapshot=sha256, size=pairs) for f, sha256, pairs in rows]


def _count_pairs(finetune: t.Finetune, snapshot: t.Snapshot) -> int:
    """Return how many pairs are taught, the validation slice's left out."""
    if finetune.taught_pairs is not None:
        return finetune.taught_pairs
    return count_taught(snapshot.manifest, finetune.alpha) if is_named(snapshot) else snapshot.pairs


def steps(session: Session, finetune_id: int) -> Sequence[t.FinetuneStep]:
    """Return the steps of one finetune, in order."""
    query = select(t.FinetuneStep).where(t.FinetuneStep.finetune_id == finetune_id)
    return session.exec(query.order_by(col(t.FinetuneStep.step))).all()


def find(session: Session, ref: str) -> Training:
    """Return the finetune by the beginning of its uid (four digits or more), or by its student's name.

    Raises: NotFound.
    """
    trainings = finetunes(session)
    named = [training for training in trainings if training.student == ref]
    begun = [training for training in trainings if len(ref) >= 4 and training.uid.startswith(ref.lower())]
    if len(named or begun) == 1:
        return (named or begun)[0]
    problem = f"{len(begun)} finetunes begin with {ref[:40]!r}" if begun else f"no finetune is named {ref[:40]!r}"
    raise NotFound(f"{problem}: give more of its uid, or its student; `mapd finetunes list` lists them")


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A held-out question that was asked while a student was trained, with its answers by step."""

    question: t.Question
    answers: dict[int, t.FinetuneAnswer]


def list_asked(session: Session, finetune_id: int) -> list[AskedQuestion]:
    """Return the held-out questions of a finetune, in order, each with the answers that there are so far."""
    query = select(t.FinetuneAnswer, t.Question).where(t.FinetuneAnswer.finetune_id == finetune_id)
    query = query.join(t.Question, col(t.FinetuneAnswer.question_id) == t.Question.id)
    questions: dict[int, AskedQuestion] = {}
    for answer, question in session.exec(query.order_by(col(t.Question.position), col(t.FinetuneAnswer.step))).all():
        questions.setdefault(answer.question_id, AskedQuestion(question, {})).answers[answer.step] = answer
    return list(questions.values())


def describe_stop(stopped_at: int | None, planned_steps: int | None) -> str | None:
    """Say where a finetune was stopped; None of any other."""
    if stopped_at is None:
        return None
    return f"stopped at step {stopped_at:,} of {planned_steps or 0:,}: its student is of what it had learned until then"


def describe_training(session: Session, student: str) -> str | None:
    """Say that a student's training was stopped, or went on from another one; None of any other student."""
    query = select(t.Finetune).join(t.Student, col(t.Finetune.student_id) == t.Student.id)
    row = session.exec(query.where(t.Student.name == student)).first()
    if row is None:
        return None
    origin = None if row.continues is None else f"it went on from finetune {row.continues[:12]}, for more epochs"
    return "; ".join(filter(None, (describe_stop(row.stopped_at, row.planned_steps), origin))) or None


def list_taught(session: Session, snapshot: t.Snapshot) -> Sequence[t.Student]:
    """Return the students that were taught on a snapshot, here or elsewhere, the first first."""
    trained = select(t.Finetune.student_id).where(t.Finetune.snapshot_id == snapshot.id)
    is_taught = (col(t.Student.snapshot_sha256) == snapshot.sha256) | col(t.Student.id).in_(trained)
    return session.exec(select(t.Student).where(is_taught).order_by(col(t.Student.id))).all()
