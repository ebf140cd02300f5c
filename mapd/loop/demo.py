"""The whole loop in one process, as a demo: exam, committee, curation, finetune, exam again.

    run(engine, home, DemoPlan(questions=81, seed=0), by=owner("ann"))
    -> DemoSummary(mistakes=81, pairs=79, results=6/210 before, 79/210 after, seconds={…, "total": 616.7})

The demo's student is SmolLM2-135M-Instruct, its questions are generated, its teachers simulated: each fails by design,
in a stated share of its texts (models/simulated.py), and is marked so wherever it is shown.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from mapd import committee, results, students, teacher_models, teachers
from mapd.curation import saved_policies
from mapd.curation.pairs import DrawSettings
from mapd.curation.reviewer_stats import Reviewer, reviewers
from mapd.curation.score_table import tabulate_curated
from mapd.errors import BadInput
from mapd.finetune.hyperparameters import Hyperparameters
from mapd.loop.stages import Asking, StageRun, Watch
from mapd.people import Person
from mapd.policies import Policy
from mapd.questions import generated, sets
from mapd.results import Results
from mapd.store import db

TEACHERS = ("sound", "slips", "lucky")  # each named for the profile it has
STUDENT = "smollm2"


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """What a demo does. `questions` are taught from, `held_out` are examined before and after; both over all families.

    Raises: BadInput for a number that can't be.
    """

    questions: int = 81
    held_out: int = 210
    alpha: float = 0.5
    seed: int = 0
    policy: str = "paper"

    def __post_init__(self) -> None:
        Hyperparameters(alpha=self.alpha, seed=self.seed)  # says what it refuses
        families = len(generated.FAMILIES)
        for name, number in (("questions", self.questions), ("held-out questions", self.held_out)):
            if number < families:
                raise BadInput(f"a demo needs at least {families} {name}, one a family, not {number}")


@dataclass(frozen=True, slots=True)
class DemoSummary:
    """What a demo came to: its exam, its snapshot of so many pairs, how the taught student did; seconds by stage."""

    mistakes: int
    exam: str
    reviewers: tuple[Reviewer, ...]
    student: str
    snapshot: str
    pairs: int
    results: Results
    seconds: Mapping[str, float]


STAGES = ("questions", "exam", "exam before", "committee", "curation", "finetune", "exam after", "results")


def run(
    engine: sa.Engine,
    home: Path,
    plan: DemoPlan,
    *,
    by: Person,
    watch: Watch = lambda _: None,
    stopping: Callable[[], bool] = lambda: False,
) -> DemoSummary:
    """Run the loop once, in this process.

    Stopped or killed, and started again with the same plan, it goes on where it was: every stage knows what it has.

    Raises: Forbidden; BadInput, NotFound, Stopped, as the stages do.
    """
    demo = _DemoRun(engine, home, by, watch, stopping, plan=plan)
    with demo.stage("questions"):
        questions, student = demo.draw_questions(), demo.add_student()
    with demo.stage("exam"):
        train_exam = demo.examine(student, questions, "train", demo.asking)
    with demo.stage("exam before"):
        first_exam = demo.examine(student, questions, "dev", demo.asking)
    with demo.stage("committee"):
        demo.collect(train_exam)
    with demo.stage("curation"):
        curated, settings = demo.curate(train_exam, demo.find_policy()), DrawSettings(plan.seed)
        snapshot, pair_draw = demo.freeze(curated, settings), demo.draw(curated, settings)
    with demo.stage("finetune"):
        tuned = demo.finetune(student, snapshot, Hyperparameters(alpha=plan.alpha, seed=plan.seed))
    with demo.stage("exam after"):
        second_exam = demo.examine(tuned, questions, "dev", demo.asking)
    with demo.stage("results"), db.reading(engine) as session:
        comparison = results.compare(results.load(session, first_exam), results.load(session, second_exam))
    return DemoSummary(
        mistakes=len(curated.mistakes),
        exam=train_exam,
        reviewers=tuple(reviewers(tabulate_curated(curated))),
        student=tuned,
        snapshot=snapshot,
        pairs=len(pair_draw.pairs),
        results=comparison,
        seconds=demo.seconds | {"total": round(sum(demo.seconds.values()), 1)},
    )


@dataclass(slots=True, kw_only=True)
class _DemoRun(StageRun):
    """One run of a demo: its questions, its student and its committee."""

    plan: DemoPlan

    @property
    def asking(self) -> Asking:
        """Return how its student is asked: greedily."""
        return Asking(seed=self.plan.seed)

    def find_policy(self) -> Policy:
        """Return the plan's policy."""
        with db.reading(self.engine) as session:
            return saved_policies.find_policy(session, self.plan.policy)

    def draw_questions(self) -> str:
        """Draw the plan's questions, in equal parts of every family; return the set's name."""
        plan, families = self.plan, len(generated.FAMILIES)
        numbers = {"train": plan.questions // families, "dev": plan.held_out // families}
        rows = sets.make_rows(generated.draw(generated.FAMILIES, numbers, seed=plan.seed))
        name = f"demo-{plan.questions}-{plan.held_out}-seed-{plan.seed}"
        with db.writing(self.engine) as session:
            return sets.add(session, name, rows, source="generated", simulated=True, by=self.by).name

    def add_student(self) -> str:
        """Add the packaged student; return its name."""
        with db.writing(self.engine) as session:
            return students.add(session, STUDENT, by=self.by).name

    def collect(self, exam_uid: str) -> None:
        """Add the teachers, and ask them about the exam's mistakes."""
        with db.writing(self.engine) as session:
            rows = [teachers.add(session, name, kind="simulated", model=name, by=self.by) for name in TEACHERS]
            models = {row.name: teacher_models.open_model(self.engine, row) for row in rows}
        committee.collect(
            self.engine,
            exam=exam_uid,
            teachers=list(TEACHERS),
            models=models,
            by=self.by,
            progress=lambda p: self.tell(p.completed, p.total, p.in_words, p.seconds_left, p.in_flight),
            stopping=self.stopping,
            home=self.home,
        )
