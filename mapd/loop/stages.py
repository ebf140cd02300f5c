"""One run over several stages: where it runs and for whom, and each stage as one call.

    run = StageRun(engine, home, owner("ann"))
    exam_uid = run.examine("smollm2", "svamp", "dev")               -> "5e…"
    student = run.finetune("smollm2", "3fa2…", Hyperparameters())   -> "smollm2-9c1e04"

Each stage knows what it has: a run that was stopped or killed, and is started again, does what is missing.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from mapd import exam, student_models, students
from mapd.curation import live_set, snapshots
from mapd.curation.curated import Curated
from mapd.curation.pairs import DrawSettings, PairDraw
from mapd.errors import BadInput
from mapd.finetune import run as finetuning
from mapd.finetune.hyperparameters import Hyperparameters
from mapd.jobs import JobProgress
from mapd.models.base import Sampling
from mapd.people import Person
from mapd.policies import Policy
from mapd.store import claims, db, queries
from mapd.store import tables as t

Watch = Callable[[JobProgress], None]


@dataclass(frozen=True, slots=True)
class Asking:
    """How a student is asked at an exam; without a sampling it is asked greedily."""

    decoding: Sampling | None = None
    samples: int = 1
    seed: int = 0
    backend: str = student_models.BACKENDS[0]

    @classmethod
    def like(cls, row: t.Exam) -> "Asking | None":
        """Return how an exam's student was asked; None where it was asked elsewhere, and nobody knows."""
        names = ("temperature", "top_p", "max_tokens")
        if not all(isinstance(row.decoding.get(name), int | float) for name in names):
            return None
        decoding = Sampling(**{name: row.decoding[name] for name in names})
        backend = row.decoding.get("backend", student_models.BACKENDS[0])
        return cls(decoding, row.decoding.get("samples", 1), row.seed or 0, backend)


@dataclass(slots=True)
class StageRun:
    """One run: the project, who runs it, which stage is under way, and what each stage does."""

    engine: sa.Engine
    home: Path
    by: Person
    watch: Watch = lambda _: None
    stopping: Callable[[], bool] = lambda: False
    seconds: dict[str, float] = field(default_factory=dict)
    name: str = ""  # of the stage

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Run a stage; a stage that runs again adds to its time."""
        self.name, started = name, time.monotonic()
        self.watch(JobProgress(name))
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.monotonic() - started, 1)

    def tell(self, completed: int, total: int, words: str, seconds_left: float | None, in_flight: int = 0) -> None:
        """Say how far the stage is."""
        self.watch(JobProgress(self.name, completed, total, words, seconds_left, in_flight))

    def examine(self, student: str, questions: str, split: str, asking: Asking) -> str:
        """Hold one exam; return its uid. Raises: BadInput where a question got no answer."""
        with db.reading(self.engine) as session:
            row = students.get(session, student)
        model = student_models.open_model(self.engine, row, self.home, backend=asking.backend)
        result = exam.run(
            self.engine,
            model,
            student=student,
            question_set=questions,
            split=split,
            by=self.by,
            decoding=asking.decoding,
            samples=asking.samples,
            seed=asking.seed,
            backend=asking.backend,
            rendering=student_models.find_rendering(self.engine, row, self.home, model),
            progress=lambda p: self.tell(p.completed, p.total, p.in_words, p.seconds_left),
            stopping=self.stopping,
            home=self.home,
        )
        if result.failed:
            raise BadInput(
                f"{result.failed} questions got no answer ({result.reason}); start again, only they are asked"
            )
        return result.exam

    def curate(self, exam_uid: str, policy: Policy) -> Curated:
        """Return the exam's texts as the policy curates them."""
        with db.reading(self.engine) as session:
            return live_set.load_curated(session, queries.exam(session, exam_uid).id, policy)

    def draw(self, curated: Curated, settings: DrawSettings) -> PairDraw:
        """Return the pairs that a snapshot would hold."""
        with db.reading(self.engine) as session:
            return snapshots.draw_pairs(session, [curated], settings.without_leaks).pair_draw

    def freeze(self, curated: Curated, settings: DrawSettings) -> str:
        """Freeze a snapshot; return its sha256."""
        with db.writing(self.engine) as session:
            return snapshots.freeze(
                session,
                curated,
                by=self.by,
                seed=settings.seed,
                everything=settings.everything,
                limit=settings.limit,
                texts=settings.texts,
                trimming=settings.without_leaks.trimming,
            ).sha256

    def finetune(self, student: str, snapshot: str, hyperparameters: Hyperparameters, arm: str | None = None) -> str:
        """Run one finetune; return the new student's name.

        Raises: BadInput where this finetune's student is here without its adapter, or somebody stopped it and kept its
        student, and as `finetune.run`.
        """
        inputs: dict[str, Any] = {"student": student, "snapshot_sha": snapshot, "arm": arm}
        inputs |= {"hyperparameters": hyperparameters}
        tuned = finetuning.find_student(self.engine, **inputs)
        if tuned is not None and not students.is_here(tuned, self.home):
            arm_option = f" --arm {arm}" if arm else ""
            raise BadInput(
                f"the student {tuned.name} is here without its adapter, as an archive brings it; its results stand on "
                f"the Results page. Another --seed makes one of your own; or `mapd finetune --snapshot {snapshot[:12]} "
                f"--alpha {hyperparameters.alpha:g} --seed {hyperparameters.seed}{arm_option}` makes this adapter again"
            )
        finetuned = finetuning.run(
            self.engine,
            **inputs,
            by=self.by,
            home=self.home,
            progress=lambda s: self.tell(s.step, s.total, s.in_words, s.seconds_left),
            waits=lambda: self.watch(JobProgress(self.name, message=claims.WAITING)),
            stopping=self.stopping,
        )
        if finetuned.stopped is not None:
            # A part of a training is never counted as the whole.
            raise BadInput(
                f"the training of {finetuned.name} was {finetuned.stopped}; start again, and the whole one is trained"
            )
        return finetuned.name
