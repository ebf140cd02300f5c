"""The rows of a finetune: its own, one a step, and the new student; with those of one that was stopped, or went on.

    make_row(parent, snapshot, Hyperparameters(epochs=3), None).uid                       -> "9c1e…"
    make_row(parent, snapshot, Hyperparameters(epochs=3), None, Lineage(stopped_at=12))   -> "4d07…", another student
    make_row(parent, snapshot, Hyperparameters(epochs=5), None, Lineage("9c1e…"))         -> "b2aa…", it went on from it

The uid is made of all that decides the weights. What was trained to its end, what was stopped on the way, and what went
on for more epochs are three students, although their first steps are the same.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlmodel import Session, col, select

from mapd import fingerprints, students
from mapd.errors import BadInput
from mapd.finetune.asking import answer_uid
from mapd.finetune.examples import Examples
from mapd.finetune.hyperparameters import Hyperparameters, TrainingStep
from mapd.store import audit_log, queries
from mapd.store import tables as t
from mapd.store.finetunes import describe_stop


@dataclass(frozen=True, slots=True)
class Finetuned:
    """The new student (uid and name), the folder of its adapter, or of all its weights, and what it was made with;
    `seconds` are those of the steps."""

    student: str
    name: str
    adapter: str
    pairs: int
    steps: int
    seconds: float
    # Explanations that lost their end to the length limit.
    cut: int
    left_out: int  # pairs that had no room at all
    # In a line, where it was stopped before its end.
    stopped: str | None = None


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What a training gave: the folder of its adapter or model, the fingerprint of its files, whether they are new, and
    what it was taught."""

    folder: Path
    sha256: str
    trained_now: bool
    examples: Examples


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where a finetune comes from: the uid of the one that it went on from, and the step at which it was stopped."""

    continues: str | None = None
    stopped_at: int | None = None


def make_row(
    parent: t.Student,
    snapshot: t.Snapshot,
    hyperparameters: Hyperparameters,
    arm: str | None,
    lineage: Lineage = Lineage(),
) -> t.Finetune:
    """Return the row of a finetune, named by all that decides its weights."""
    settings = hyperparameters.as_dict()
    # What is neither stopped nor goes on keeps the name that it always had.
    origin = {name: value for name, value in asdict(lineage).items() if value is not None}
    content = json.dumps([parent.uid, snapshot.sha256, arm, settings, *([origin] if origin else [])], sort_keys=True)
    return t.Finetune(
        uid=hashlib.sha256(content.encode()).hexdigest()[:32],
        parent_id=queries.identity(parent),
        snapshot_id=queries.identity(snapshot),
        arm=arm,
        alpha=settings.pop("alpha"),
        seed=settings.pop("seed"),
        hyperparameters=settings,
        **asdict(lineage),
    )


def find_id(session: Session, row: t.Finetune) -> int | None:
    """Return the id of the finetune; None where it isn't begun. Raises: BadInput where it is another one."""
    namesake = session.exec(select(t.Finetune).where(t.Finetune.uid == row.uid)).first()
    if namesake is None:
        return None
    if (namesake.parent_id, namesake.snapshot_id) != (row.parent_id, row.snapshot_id):
        raise BadInput(
            f"the finetune {row.uid[:12]} has the name of this one and is another: it came with an archive; "
            "finetune in a project of its own, with MAPD_HOME=FOLDER"
        )
    return queries.identity(namesake)


def begin(session: Session, row: t.Finetune, origin: str | None = None) -> int:
    """Return the id of the row, put in unless it is there. `origin`: the finetune whose steps until then are its own.

    Raises: BadInput, as `find_id`.
    """
    finetune_id = find_id(session, row)
    if finetune_id is None:
        # A copy: a transaction that is tried again adds it anew.
        added = t.Finetune(**row.model_dump(exclude={"id"}))
        session.add(added)
        session.flush()
        finetune_id = queries.identity(added)
        if origin is not None:
            _copy_history(session, origin, added)
    return finetune_id


def _copy_history(session: Session, origin: str, row: t.Finetune) -> None:
    """Copy the steps and answers of another finetune, until the step at which the row's was stopped."""
    source = session.exec(select(t.Finetune).where(t.Finetune.uid == origin)).first()
    if source is None:
        return
    if row.stopped_at is not None:
        for name in ("planned_steps", "taught_pairs", "validation_pairs"):
            setattr(row, name, getattr(source, name))
    target_id, until = queries.identity(row), row.stopped_at
    steps = select(t.FinetuneStep).where(t.FinetuneStep.finetune_id == source.id)
    answers = select(t.FinetuneAnswer, t.Question.uid).where(t.FinetuneAnswer.finetune_id == source.id)
    answers = answers.join(t.Question, col(t.FinetuneAnswer.question_id) == t.Question.id)
    for step in session.exec(steps).all():
        if until is None or step.step <= until:
            session.add(t.FinetuneStep(**step.model_dump() | {"finetune_id": target_id}))
    for answer, question in session.exec(answers).all():
        if until is None or answer.step <= until:
            values = answer.model_dump(exclude={"id"})
            uid = answer_uid(row.uid, question, answer.step)
            session.add(t.FinetuneAnswer(**values | {"uid": uid, "finetune_id": target_id}))


def withdraw_stop(uid: str, session: Session) -> None:
    """Forget that somebody asked for the finetune to be stopped."""
    for row in session.exec(select(t.Finetune).where(t.Finetune.uid == uid)):
        row.stop_requested_at = None


def record_step(session: Session, finetune_id: int, step: TrainingStep) -> bool:
    """Keep a step; return whether it is new. Steps after the last checkpoint are done again on resume, with the same
    losses: the first row stays."""
    is_new = session.get(t.FinetuneStep, (finetune_id, step.step)) is None
    if is_new:
        session.add(t.FinetuneStep.model_validate(asdict(step), update={"finetune_id": finetune_id}))
    return is_new


def end(
    session: Session, finetune_id: int, parent: t.Student, sha256: str, training: TrainingResult, person: str
) -> Finetuned:
    """Put the new student in, unless it is there, and return what was made. Raises: BadInput for other weights."""
    row = session.exec(select(t.Finetune).where(t.Finetune.id == finetune_id)).one()
    steps = session.exec(select(t.FinetuneStep).where(t.FinetuneStep.finetune_id == finetune_id)).all()
    taught = training.examples
    counts = {"pairs": len(taught.items), "steps": len(steps), "cut": taught.cut, "left_out": taught.left_out}
    new = session.get(t.Student, row.student_id) if row.student_id is not None else None
    # The student stays where its finetune was deleted with the exam: it is found by uid then.
    if new is None:
        new = session.exec(select(t.Student).where(t.Student.uid == row.uid)).first()
        row.student_id = None if new is None else new.id
    if new is None:
        new = _make_student(row.uid, parent, sha256, training)
        session.add(new)
        session.flush()
        row.student_id = new.id
        lineage = {name: getattr(row, name) for name in ("continues", "stopped_at") if getattr(row, name) is not None}
        audit_log.audit(session, person, "finetune", f"student {new.uid}", finetune=row.uid, **counts, **lineage)
    # The student's row came with an archive, or its folder was removed: the new adapter is the one that counts.
    elif training.trained_now and new.adapter is not None:
        new.adapter_sha256 = training.sha256
    elif new.adapter is not None and new.adapter_sha256 != training.sha256:
        raise BadInput(
            f"the adapter of student {new.name} is not the one that its finetune wrote: {new.adapter}; put the files "
            "back, or remove the folder and start again"
        )
    if new.adapter is None:
        fingerprints.record(session, new.base, training.sha256, is_made_now=training.trained_now)
    row.stop_requested_at = None
    seconds = round(sum(step.seconds for step in steps), 1)
    stopped = describe_stop(row.stopped_at, row.planned_steps)
    return Finetuned(new.uid, new.name, str(training.folder), seconds=seconds, stopped=stopped, **counts)


def _make_student(uid: str, parent: t.Student, sha256: str, training: TrainingResult) -> t.Student:
    """Return the row of the new student, of an adapter on its parent's base or of weights of its own."""
    student = t.Student(
        uid=uid,
        # In place of what its parent's finetune put there: a name stays short, however many rounds there are.
        name=f"{parent.name.removesuffix(f'-{parent.uid[:6]}')}-{uid[:6]}",
        **parent.model_dump(include={"base", "revision", "template", "shots"}),
        parent_id=parent.id,
        snapshot_sha256=sha256,
        round=parent.round + 1,
    )
    if training.folder.name == "model":
        student.base, student.revision = students.source_of_finetune(uid), None
    else:
        student.adapter, student.adapter_sha256 = f"finetunes/{uid}/adapter", training.sha256
    return student
