"""Run a finetune in the project: write its row, a row a step, and at the end the new student.

    run(engine, student="smollm2", snapshot_sha="3fa2…", hyperparameters=Hyperparameters(), by=owner("ann"), home=home)
        -> Finetuned("9c1e…", "smollm2-9c1e04", adapter="/…/finetunes/9c1e…/adapter", pairs=144, steps=54, …)

The same student, snapshot, hyper-parameters and arm are the same finetune: its uid is made of them. Started again it
goes on from its last checkpoint; a complete one is only returned. Its files lie under home/finetunes/UID. A student of
full finetuning has the model that lies there as its base, by the name "finetune:UID", and no adapter.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, select

from mapd import students
from mapd.errors import BadInput, Busy, Stopped
from mapd.finetune import asking, origins, records, trackers
from mapd.finetune.asking import Asker
from mapd.finetune.examples import Examples, check_format, examples
from mapd.finetune.hyperparameters import Hyperparameters, TrainingStep
from mapd.finetune.options import NO_OPTIONS, RunOptions
from mapd.finetune.records import Finetuned, Lineage, TrainingResult
from mapd.models import weights
from mapd.people import Person, Right, require
from mapd.store import claims, db, queries
from mapd.store import tables as t
from mapd.store.snapshots import count_taught


def run(
    engine: sa.Engine,
    *,
    snapshot_sha: str,
    student: str | None = None,
    hyperparameters: Hyperparameters,
    arm: str | None = None,
    by: Person,
    home: Path,
    continues: str | None = None,
    options: RunOptions = NO_OPTIONS,
    progress: Callable[[TrainingStep], None] = lambda _: None,
    waits: Callable[[], None] = lambda: None,
    stopping: Callable[[], bool] = lambda: False,
) -> Finetuned:
    """Finetune a student (by default the one whose exams the snapshot is of) on a snapshot; `progress` hears each step,
    and `stopping` is asked after it. `waits` is called each second that another run is at the same finetune.

    `continues`: the uid of a finetune that ended, whose weights and optimizer it goes on from, for more epochs.
    `options`: what is done besides, which changes no weight.

    Raises: Forbidden; NotFound; BadInput where the snapshot or the student can't be used, the exams are of several
    students and none is named, another project's folder got the adapter meanwhile, or the disk is full; Stopped. What
    was trained until then is kept.
    """
    person = require(by, Right.RUN_JOBS)
    snapshot, parent = load_inputs(engine, snapshot_sha, student)
    check_format(snapshot.manifest)
    trackers.require_installed(options.trackers)
    settings = (hyperparameters, arm, continues, options)
    finetune = _FinetuneRun(engine, parent, snapshot, *settings, person, home, progress, stopping)
    uid = finetune.make_row().uid
    with db.reading(engine) as session:
        records.find_id(session, finetune.make_row())

    def wait() -> None:
        waits()
        if stopping():
            raise Stopped(0, hyperparameters.steps(count_taught(snapshot.manifest, hyperparameters.alpha)))

    # One run at a time is at a finetune. A second one waits here, and finds what the first one made.
    with claims.ClaimHolder(engine, home) as claimer:
        if claims.claim_when_free(claimer, claim_key(uid), wait):
            _refuse_without_adapter(engine, uid, home)
        # Whoever asked for a stop meant a run that has ended since: it was killed before its next step.
        db.transact(engine, partial(records.withdraw_stop, uid))
        return finetune.train()


def claim_key(uid: str) -> str:
    """Return what a run of a finetune claims."""
    return f"finetune {uid}"


@dataclass
class _FinetuneRun:
    """One run at a finetune. Its row comes with its first step: a refusal before that leaves nothing behind."""

    engine: sa.Engine
    parent: t.Student
    snapshot: t.Snapshot
    hyperparameters: Hyperparameters
    arm: str | None
    continues: str | None
    options: RunOptions
    person: str
    home: Path
    progress: Callable[[TrainingStep], None]
    stopping: Callable[[], bool]
    # Somebody asked for it to end here, and its student to be kept; the step where it ended so.
    is_to_be_kept: bool = False
    stopped_at: int | None = None

    def make_row(self, stopped_at: int | None = None) -> t.Finetune:
        """Return the finetune's row, or that of what it is when it is stopped at a step."""
        lineage = Lineage(self.continues, stopped_at)
        return records.make_row(self.parent, self.snapshot, self.hyperparameters, self.arm, lineage)

    def train(self) -> Finetuned:
        """Do the steps that are missing, and put the new student in. Raises: as `run`."""
        from mapd.finetune import processes  # torch takes seconds to import

        folder = weights.finetune_folder(self.home, self.make_row().uid)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            trained_now = not weights.result_folder(folder, self.hyperparameters.method).is_dir()
            if trained_now and self.continues is not None:
                self._carry_over(folder)
            with processes.joined():
                result, taught = self._do_steps(folder, is_new=trained_now)
            training = TrainingResult(result, weights.fingerprint(result), trained_now, taught)
            return db.transact(self.engine, partial(self._end, training, folder))
        except OSError as error:
            raise BadInput(f"the finetune can't be written to {folder} ({error}); free or unlock it") from error
        except Busy as busy:
            raise BadInput(
                f"a step can't be recorded: {busy}; started again it goes on from its last checkpoint"
            ) from busy

    def _carry_over(self, folder: Path) -> None:
        """Begin where the finetune ended that this one goes on from."""
        from mapd.finetune import checkpoints  # as above

        with db.reading(self.engine) as session:
            origin = weights.finetune_folder(self.home, origins.require(session, self.make_row()).uid)
        checkpoints.carry_over(origin, weights.result_folder(origin, self.hyperparameters.method), folder)

    def _do_steps(self, folder: Path, *, is_new: bool) -> tuple[Path, Examples]:
        """Return the folder of the result, and what was taught. `is_new`: nothing of it is there yet."""
        from mapd.finetune.train import train  # as above

        with db.reading(self.engine) as session:
            is_asked = is_new and self.options.ask_every
            questions = asking.choose(session, self.snapshot, self.options.ask_questions) if is_asked else []
            session.expunge_all()
        model, tokenizer = load_model(self.engine, self.parent, self.hyperparameters, self.home)
        taught = load_examples(self.parent, self.snapshot, self.hyperparameters, tokenizer)
        row = self.make_row()
        row.taught_pairs, row.validation_pairs = len(taught.items), len(taught.validation)
        asker = Asker(self.engine, tokenizer, self.options, questions, self.parent.shots, row.uid)
        reporter = trackers.open_trackers(self.options.trackers if is_new else (), row, self.parent.name, self.home)
        with reporter as report:

            def on_step(step: TrainingStep) -> None:
                row.planned_steps = step.total
                if db.transact(self.engine, lambda session: self._record(session, row, asker, step)):
                    report(step)
                self.progress(step)

            result = train(
                model,
                taught.items,
                self.hyperparameters,
                folder,
                on_step,
                stopping=self.stopping,
                validation=taught.validation,
                ask=asker.ask,
                find_place_to_keep=self._find_place_to_keep,
                keep_optimizer=self.hyperparameters.method != "full" or self.options.keep_optimizer,
            )
        return result, taught

    def _record(self, session: Session, row: t.Finetune, asker: Asker, step: TrainingStep) -> bool:
        """Keep a step; return whether it is new. Learn whether the training is to end here."""
        finetune_id = records.begin(session, row, self.continues)
        asker.store_early(session, finetune_id)
        self.is_to_be_kept = session.get_one(t.Finetune, finetune_id).stop_requested_at is not None
        return records.record_step(session, finetune_id, step)

    def _find_place_to_keep(self, step: int) -> Path | None:
        """Return the folder of what is stopped at this step; None where it is to go on."""
        if not self.is_to_be_kept:
            return None
        self.stopped_at = step
        return weights.finetune_folder(self.home, self.make_row(step).uid)

    def _end(self, training: TrainingResult, folder: Path, session: Session) -> Finetuned:
        whole_id = records.begin(session, self.make_row(), self.continues)
        finetune_id = whole_id
        if training.folder.parent != folder:
            finetune_id = records.begin(session, self.make_row(self.stopped_at), self.make_row().uid)
            # It can go on to its end, from its checkpoint: then it is another student's.
            session.get_one(t.Finetune, whole_id).stop_requested_at = None
        return records.end(session, finetune_id, self.parent, self.snapshot.sha256, training, self.person)


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
    continues: str | None = None,
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
    row = records.make_row(parent, snapshot, hyperparameters, arm, Lineage(continues))
    folder = weights.finetune_folder(home, row.uid)
    with processes.joined():
        model, taught = load(engine, parent, snapshot, hyperparameters, home)
        train(model, taught.items, hyperparameters, folder, lambda _: None, validation=taught.validation)


def load(
    engine: sa.Engine, parent: t.Student, snapshot: t.Snapshot, hyperparameters: Hyperparameters, home: Path
) -> tuple[Any, Examples]:
    """Return the student's model, in the precision that it is trained in, and what it is taught.

    Raises: BadInput where one of them can't be used.
    """
    model, tokenizer = load_model(engine, parent, hyperparameters, home)
    return model, load_examples(parent, snapshot, hyperparameters, tokenizer)


def load_model(engine: sa.Engine, parent: t.Student, hyperparameters: Hyperparameters, home: Path) -> tuple[Any, Any]:
    """Return the student's model, in the precision that it is trained in, and its tokenizer. Raises: BadInput."""
    # Full finetuning adds small steps to the weights, which bf16 would lose.
    precision = {"full": "fp32", "qlora": "4bit"}.get(hyperparameters.method, hyperparameters.precision)
    return students.load_model(engine, parent, home, precision)


def load_examples(
    parent: t.Student, snapshot: t.Snapshot, hyperparameters: Hyperparameters, tokenizer: Any
) -> Examples:
    """Return what the student is taught. Raises: BadInput, as `examples`."""
    return examples(
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
    uid = records.make_row(parent, snapshot, hyperparameters, arm).uid
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
