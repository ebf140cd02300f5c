"""The work that compares arms, as its parameters.

ArmsWork.by_preset("default", exam="5e…", arms=("no-review", "paper"), epochs=3).run(WorkContext(engine, home, by))
-> {"exam": "5e…", "comparison": "9f3c21aa-79-0b1d22e7", "before": "7a…", "pairs": 79, "trainings": [{…}, …]}
"""

from dataclasses import asdict, fields
from typing import Any, ClassVar, Self

from pydantic import Field
from sqlmodel import Session

from mapd import arm_results
from mapd.finetune.hyperparameters import Hyperparameters, choose
from mapd.jobs.work import Work, WorkContext, followed_by_index
from mapd.loop import arms as loop
from mapd.loop.arms import ArmsPlan
from mapd.store import db, queries


class ArmsWork(Work):
    """Arms of one exam's curated sets, taught and examined; `settings`: the hyper-parameters that aren't usual."""

    kind: ClassVar[str] = "arms"
    unit: ClassVar[str] = "trainings and exams"
    awaits: ClassVar[str] = "the step, or the questions, in work are finished, and kept"
    exam: str
    arms: tuple[str, ...]
    seeds: tuple[int, ...] = (0, 1, 2)
    pairs: int | None = None
    policy: str | None = None
    before: str | None = None
    shots: int = 1
    settings: dict[str, Any] = Field(default_factory=dict)

    @classmethod
    def by_preset(cls, name: str, *, exam: str, arms: tuple[str, ...], **options: Any) -> Self:
        """Return the work with a preset's hyper-parameters; what is chosen beside it counts, None doesn't.

        Raises: BadInput, naming the value.
        """
        plan_options = {key: value for key, value in options.items() if key in cls.model_fields and value is not None}
        training, usual = choose(name, **{k: v for k, v in options.items() if k not in cls.model_fields}), choose()
        values = {field.name: getattr(training, field.name) for field in fields(training)}
        settings = {key: value for key, value in values.items() if value != getattr(usual, key)}
        work = cls(exam=exam, arms=arms, settings=settings, **plan_options)
        work.plan  # noqa: B018 - says what it refuses
        return work

    @property
    def title(self) -> str:
        """Return which arms are compared."""
        return f"Arms {', '.join(self.arms)}, seeds {', '.join(map(str, self.seeds))}"

    @property
    def plan(self) -> ArmsPlan:
        """Return the loop's plan. Raises: BadInput."""
        values = self.model_dump(exclude={"settings"})
        return ArmsPlan(**values, hyperparameters=Hyperparameters(**self.settings))

    def size(self, session: Session) -> int:
        """Return how many trainings and exams it has."""
        return loop.count_parts(session, self.plan)

    def run(self, run: WorkContext) -> dict[str, Any]:
        """Teach and examine what is missing."""
        with followed_by_index(run) as followed:
            summary = loop.run(
                followed.engine, followed.home, self.plan, by=followed.by, watch=followed.tell, stopping=run.stopping
            )
        with db.reading(run.engine) as session:
            exam = queries.exam(session, self.exam).uid
        comparison = arm_results.name_comparison(summary.before, summary.pairs, self.plan.hyperparameters.as_dict())
        trainings = [asdict(outcome) for outcome in summary.outcomes]
        result = {"exam": exam, "comparison": comparison, "before": summary.before, "pairs": summary.pairs}
        return result | {"trainings": trainings, "seconds": dict(summary.seconds)}
