"""Run a finetune in the project: write its row, a row a step, and at the end the new student.

    run(engine, student="smollm2", snapshot_sha="3fa2…", hyperparameters=Hyperparameters(), by=owner("ann"), home=home)
        -> Finetuned("9c1e…", "smollm2-9c1e04", adapter="/…/finetunes/9c1e…/adapter", pairs=144, steps=54, …)

The same student, snapshot, hyper-parameters and arm are the same finetune: its uid is made of them. Started again it
goes on from its last checkpoint; a complete one is only returned. Its files lie under home/finetunes/UID. A student of
full finetuning has the model that lies there as its base, by the name "finetune:UID", and no adapter.
"""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, select

from mapd import fingerprints, students
from mapd.errors import BadInput, Busy, Stopped
from mapd.finetune.examples import Examples, check_format, examples
from mapd.finetune.hyperparameters import Hyperparameters, TrainingStep
from mapd.models import weights
from mapd.people import Person, Right, require
from mapd.store import audit_log, claims, db, queries
from mapd.store import tables as t
from mapd.store.snapshots import count_taught


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


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What a training gave: the folder of its adapter or model, the fingerprint of its files, whether they are new, and
    what it was taught."""

    folder: Path
    sha256: str
    trained_now: bool
    examples: Examples


def run(
    engine: sa.Engine,
    *,
    snapshot_sha: str,
    student: str | None = None,
    hyperparameters: Hyperparameters,
    arm: str | None = None,
    by: Person,
    home: Path,
    progress: Callable[[TrainingStep], None] = lambda _: None,
    waits: Callable[[], None] = lambda: None,
    stopping: Callable[[], bool] = lambda: False,
) -> Finetuned:
    """Finetune a student (by default the one whose exams the snapshot is of) on a snapshot; `progress` hears each step,
    and `stopping` is asked after it. `waits` is called each second that another run is at the same finetune.

    Raises: Forbidden; NotFound; BadInput where the snapshot or the student can't be used, the exams are of several
    students and none is named, another project's folder got the adapter meanwhile, or the disk is full; Stopped. What
    was trained until then is kept.
    """
    person = require(by, Right.RUN_JOBS)
    snapshot, parent = load_inputs(engine, snapshot_sha, student)
    check_format(snapshot.manifest)
    make_row = partial(_make_row, parent, snapshot, hyperparameters, arm)
    uid = make_row().uid
    with db.reading(engine) as session:
        _id_of(session, make_row())

    def wait() -> None:
        waits()
        if stopping():
            raise Stopped(0, hyperparameters.steps(count_taught(snapshot.manifest, hyperparameters.alpha)))

    # One run at a time is at a finetune. A second one waits here, and finds what the first one made.
    with claims.ClaimHolder(engine, home) as claimer:
        if claims.claim_when_free(claimer, f"finetune {uid}", wait):
            _refuse_without_adapter(engine, uid, home)
        return _train(engine, parent, snapshot, make_row, hyperparameters, person, home, progress, stopping)


def _train(
    engine: sa.Engine,
    parent: t.Student,
    snapshot: t.Snapshot,
    make_row: Callable[[], t.Finetune],
    hyperparameters: Hyperparameters,
    person: str,
    home: Path,
    progress: Callable[[TrainingStep], None],
    stopping: Callable[[], bool],
) -> Finetuned:
    """Do the steps that are missing, and put the new student in."""
    from mapd.finetune import processes  # torch takes seconds to import
    from mapd.finetune.train import train

    folder = weights.finetune_folder(home, make_row().uid)
    try:
        folder.mkdir(parents=True, exist_ok=True)

        # The finetune's row comes with its first step: a refusal before that leaves nothing behind.
        def on_step(step: TrainingStep) -> None:
            row = make_row()
            row.planned_steps = step.total
            row.taught_pairs, row.validation_pairs = len(taught.items), len(taught.validation)
            db.transact(engine, lambda session: _record_step(session, _begin(session, row), step))
            progress(step)

        trained_now = not weights.result_folder(folder, hyperparameters.method).is_dir()
        with processes.joined():
            model, taught = load(engine, parent, snapshot, hyperparameters, home)
            result = train(
                model, taught.items, hyperparameters, folder, on_step, stopping=stopping, validation=taught.validation
            )
        training, sha256 = TrainingResult(result, weights.fingerprint(result), trained_now, taught), snapshot.sha256
        return db.transact(
            engine, lambda session: _end(session, _begin(session, make_row()), parent, sha256, training, person)
        )
    except OSError as error:
        raise BadInput(f"the finetune can't be written to {folder} ({error}); free or unlock it") from error
    except Busy as busy:
        raise BadInput(f"a step can't be recorded: {busy}; started again it goes on from its last checkpoint") from busy


def is_helper() -> bool:
    """Return whether a launcher started this process beside the first one: it computes, and the first one writes."""
    return int(os.environ.get("RANK", "0")) > 0


def help_training(
    engine: sa.Engine,
    *,
    snapshot_sha: str,
    student: str | None = None,
    hyperparameters: Hyperparameters,
    arm: str | None = None,
    by: Person,
    home: Path,
) -> None:
    """Compute a share of each step of a finetune that another process runs; nothing is written here.

    Raises: as `run`.
    """
    require(by, Right.RUN_JOBS)
    from mapd.finetune import processes  # as above
    from mapd.finetune.train import train

    snapshot, parent = load_inputs(engine, snapshot_sha, student)
    folder = weights.finetune_folder(home, _make_row(parent, snapshot, hyperparameters, arm).uid)
    with processes.joined():
        model, taught = load(engine, parent, snapshot, hyperparameters, home)
        train(model, taught.items, hyperparameters, folder, lambda _: None, validation=taught.validation)


def load(
    engine: sa.Engine, parent: t.Student, snapshot: t.Snapshot, hyperparameters: Hyperparameters, home: Path
) -> tuple[Any, Examples]:
    """Return the student's model, in the precision that it is trained in, and what it is taught.

    Raises: BadInput where one of them can't be used.
    """
    # Full finetuning adds small steps to the weights, which bf16 would lose.
    precision = {"full": "fp32", "qlora": "4bit"}.get(hyperparameters.method, hyperparameters.precision)
    model, tokenizer = students.load_model(engine, parent, home, precision)
    return model, examples(
        snapshot.manifest,
        snapshot.lines,
        tokenizer,
        alpha=hyperparameters.alpha,
        shots=parent.shots,
        max_length=hyperparameters.max_length,
        validation=hyperparameters.validation,
        seed=hyperparameters.seed,
        control=hyperparameters.control,
    )


def _refuse_without_adapter(engine: sa.Engine, uid: str, home: Path) -> None:
    # Another run made the student while this one waited: its adapter must lie in this folder, too.
    with db.reading(engine) as session:
        new = session.exec(select(t.Student).where(t.Student.uid == uid)).first()
        if new is not None and not students.is_here(new, home):
            raise BadInput(
                f"another machine made student {new.name} meanwhile, and its adapter is there; the same command again "
                "makes it here, too"
            )


def find_student(
    engine: sa.Engine, *, snapshot_sha: str, student: str, hyperparameters: Hyperparameters, arm: str | None
) -> t.Student | None:
    """Return the student that this very finetune made, here or in the project of an imported archive."""
    snapshot, parent = load_inputs(engine, snapshot_sha, student)
    uid = _make_row(parent, snapshot, hyperparameters, arm).uid
    with db.reading(engine) as session:
        return session.exec(select(t.Student).where(t.Student.uid == uid)).first()


def load_inputs(engine: sa.Engine, snapshot_sha: str, student: str | None) -> tuple[t.Snapshot, t.Student]:
    """Return the snapshot, and the student that is taught. Raises: NotFound; BadInput, as `find_parent`."""
    with db.reading(engine) as session:
        snapshot = queries.snapshot(session, snapshot_sha)
        parent = students.get(session, find_parent(session, snapshot) if student is None else student)
        session.expunge_all()
    return snapshot, parent


def find_parent(session: Session, snapshot: t.Snapshot) -> str:
    """Return the name of the student whose exams a snapshot is of. Raises: BadInput where they are of several."""
    exams = queries.exams_of_snapshot(session, queries.identity(snapshot))
    names = sorted({exam.student for exam in exams})
    if len(names) > 1:
        raise BadInput(
            f"snapshot {snapshot.sha256[:12]} is of exams of {', '.join(names)}: name the student to be taught, with "
            "--student"
        )
    return names[0]


def _make_row(parent: t.Student, snapshot: t.Snapshot, hyperparameters: Hyperparameters, arm: str | None) -> t.Finetune:
    settings = hyperparameters.as_dict()
    content = json.dumps([parent.uid, snapshot.sha256, arm, settings], sort_keys=True)
    return t.Finetune(
        uid=hashlib.sha256(content.encode()).hexdigest()[:32],
        parent_id=queries.identity(parent),
        snapshot_id=queries.identity(snapshot),
        arm=arm,
        alpha=settings.pop("alpha"),
        seed=settings.pop("seed"),
        hyperparameters=settings,
    )


def _id_of(session: Session, row: t.Finetune) -> int | None:
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


def _begin(session: Session, row: t.Finetune) -> int:
    """Return the id of the row, put in unless it is there. Raises: BadInput, as `_id_of`."""
    finetune_id = _id_of(session, row)
    if finetune_id is None:
        session.add(row)
        session.flush()
        finetune_id = queries.identity(row)
    return finetune_id


def _record_step(session: Session, finetune_id: int, step: TrainingStep) -> None:
    # Steps after the last checkpoint are done again on resume, with the same losses: the first row stays.
    if session.get(t.FinetuneStep, (finetune_id, step.step)) is None:
        session.add(t.FinetuneStep.model_validate(asdict(step), update={"finetune_id": finetune_id}))


def _end(
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
        audit_log.audit(session, person, "finetune", f"student {new.uid}", finetune=row.uid, **counts)
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
    seconds = round(sum(step.seconds for step in steps), 1)
    return Finetuned(new.uid, new.name, str(training.folder), seconds=seconds, **counts)


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
