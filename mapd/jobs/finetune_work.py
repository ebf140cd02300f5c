"""The work that teaches a student, as its parameters: every hyper-parameter can be chosen, or taken from a preset.

FinetuneWork.by_preset("paper", snapshot="3f2a", seed=3)
    -> FinetuneWork(snapshot="3f2a", method="full", epochs=10, learning_rate=1e-05, seed=3, …)
"""

from dataclasses import asdict, fields
from typing import Any, ClassVar, Self

from sqlmodel import Session

from mapd import students
from mapd.errors import BadInput
from mapd.finetune import asking, origins, preflight, records, trackers
from mapd.finetune import run as finetuning
from mapd.finetune.hyperparameters import Hyperparameters, choose, hyperparameters_of
from mapd.finetune.options import NO_OPTIONS, RunOptions
from mapd.finetune.preflight import Preflight
from mapd.jobs import JobProgress
from mapd.jobs.work import Work, WorkContext, add_end
from mapd.store import claims, queries
from mapd.store.finetunes import Training
from mapd.store.snapshots import count_taught

DEFAULT = Hyperparameters()
# The fields that change no weight.
OPTIONS = tuple(field.name for field in fields(RunOptions))
MOST_EPOCHS = 1000


class FinetuneWork(Work):
    """A student taught with a snapshot. Fields below `arm` are the hyper-parameters."""

    kind: ClassVar[str] = "finetune"
    unit: ClassVar[str] = "steps"
    awaits: ClassVar[str] = "the step in work is finished, and kept as a checkpoint"
    snapshot: str
    student: str | None = None
    arm: str | None = None
    method: str = DEFAULT.method
    alpha: float = DEFAULT.alpha
    epochs: int = DEFAULT.epochs
    # By default the method's.
    learning_rate: float | None = None
    schedule: str = DEFAULT.schedule
    warmup: float = DEFAULT.warmup
    batch: int = DEFAULT.batch
    batch_tokens: int = DEFAULT.batch_tokens
    rank: int = DEFAULT.rank
    lora_alpha: int | None = DEFAULT.lora_alpha
    targets: str = DEFAULT.targets
    dropout: float = DEFAULT.dropout
    seed: int = DEFAULT.seed
    weight_decay: float = DEFAULT.weight_decay
    clip_norm: float = DEFAULT.clip_norm
    max_length: int = DEFAULT.max_length
    tokens_at_once: int = DEFAULT.tokens_at_once
    precision: str = DEFAULT.precision
    checkpointing: bool = DEFAULT.checkpointing
    validation: float = DEFAULT.validation
    validate_every: int = DEFAULT.validate_every
    patience: int = DEFAULT.patience
    control: str = DEFAULT.control
    # The uid of a finetune that ended, and goes on for more epochs; below, what is done besides.
    continues: str | None = None
    ask_every: int = NO_OPTIONS.ask_every
    ask_questions: int = NO_OPTIONS.ask_questions
    report_to: str = NO_OPTIONS.report_to
    keep_optimizer: bool = NO_OPTIONS.keep_optimizer

    @classmethod
    def by_preset(
        cls, name: str, *, snapshot: str, student: str | None, arm: str | None = None, **choices: Any
    ) -> Self:
        """Return the work of a preset's hyper-parameters; what is chosen beside it counts, None doesn't.

        Raises: BadInput, naming the value.
        """
        options = RunOptions(**{name_: choices.pop(name_) for name_ in OPTIONS if name_ in choices})
        settings = choose(name, **choices)
        return cls(snapshot=snapshot, student=student, arm=arm, **asdict(settings), **asdict(options))

    @classmethod
    def of_training(cls, training: Training, options: RunOptions = NO_OPTIONS) -> Self:
        """Return the work that this very training is: started again, it goes on from its checkpoint."""
        settings = asdict(hyperparameters_of(training)) | asdict(options)
        inputs = {"student": training.parent, "arm": training.arm, "continues": training.continues}
        return cls(snapshot=training.snapshot, **inputs, **settings)

    @classmethod
    def of_more_epochs(cls, training: Training, epochs: int, options: RunOptions = NO_OPTIONS) -> Self:
        """Return the work that goes on from a finetune for so many more epochs.

        Raises: BadInput where it hasn't ended, or the number can't be.
        """
        origins.require_ended(training.uid, training.student)
        if not 1 <= epochs <= MOST_EPOCHS:
            raise BadInput(f"a finetune goes on for 1 to {MOST_EPOCHS} more epochs, not {epochs}")
        work = cls.of_training(training, options)
        return work.model_copy(update={"epochs": work.epochs + epochs, "continues": training.uid})

    @property
    def title(self) -> str:
        """Return the snapshot, alpha, and the method where it isn't the usual one."""
        method = "" if self.method == DEFAULT.method else f", {self.method}"
        origin = "" if self.continues is None else f", goes on from {self.continues[:12]} to {self.epochs} epochs"
        return f"Finetune on snapshot {self.snapshot[:12]}, alpha {self.alpha:g}{method}{origin}"

    @property
    def hyperparameters(self) -> Hyperparameters:
        """Return them. Raises: BadInput, naming the value."""
        return choose(**self.model_dump(exclude={"snapshot", "student", "arm", "continues", *OPTIONS}))

    @property
    def options(self) -> RunOptions:
        """Return what is done besides. Raises: BadInput, naming the value."""
        return RunOptions(**self.model_dump(include=set(OPTIONS)))

    @property
    def words(self) -> list[str]:
        """Return the options of `mapd finetune` that describe what it teaches."""
        options = {"learning_rate": "lr", "checkpointing": "gradient_checkpointing"}
        values = self.model_dump(exclude={"checkpointing", "continues", *OPTIONS}, exclude_none=True)
        words = [f"--{options.get(name, name).replace('_', '-')}={value}" for name, value in values.items()]
        # An option of its own, without a value.
        return [*words, *(["--gradient-checkpointing"] if self.checkpointing else [])]

    def size(self, session: Session) -> int:
        """Return how many optimizer steps it has."""
        snapshot = queries.snapshot(session, self.snapshot)
        parent = finetuning.find_parent(session, snapshot) if self.student is None else self.student
        student = students.get(session, parent)
        students.require_weights(session, student)
        trackers.require_installed(self.options.trackers)
        if self.options.ask_every:
            asking.require_questions(session, snapshot)
        if self.continues is not None:
            lineage = records.Lineage(self.continues)
            row = records.make_row(student, snapshot, self.hyperparameters, self.arm, lineage)
            origins.require(session, row)
        return self.hyperparameters.steps(count_taught(snapshot.manifest, self.alpha))

    def check(self, run: WorkContext) -> Preflight:
        """Return what it would take: time and memory of a step that is tried, and what to change."""
        return preflight.check(run.engine, **self._inputs(run))

    def help(self, run: WorkContext) -> None:
        """Compute a share of each step, for the process that a launcher made the first one."""
        finetuning.help_training(run.engine, **self._inputs(run), arm=self.arm, continues=self.continues)

    def run(self, run: WorkContext) -> dict[str, Any]:
        """Train from the last checkpoint on."""
        run.tell(JobProgress("loading the student"))
        finetuned = finetuning.run(
            run.engine,
            **self._inputs(run),
            arm=self.arm,
            continues=self.continues,
            options=self.options,
            progress=lambda step: run.tell(
                JobProgress("finetune", step.step, step.total, step.in_words, step.seconds_left)
            ),
            waits=lambda: run.tell(JobProgress("finetune", message=claims.WAITING)),
            stopping=run.stopping,
        )
        result = asdict(finetuned)
        end = result.pop("stopped")
        return add_end(result, end)

    def _inputs(self, run: WorkContext) -> dict[str, Any]:
        settings = {"student": self.student, "hyperparameters": self.hyperparameters}
        return {"snapshot_sha": self.snapshot, **settings, "by": run.by, "home": run.home}
