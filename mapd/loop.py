"""The whole loop in one process: exam, committee, curation, finetune, exam again. The only module that calls stages.

    demo(engine, home, DemoPlan(questions=81, seed=0), by=owner("ann"))
    -> DemoSummary(mistakes=81, outcomes=(6/210 before, 79/210 after, of 79 pairs), seconds={…, "total": 616.7})

The demo's student is SmolLM2-135M-Instruct, its questions are generated, its teachers simulated: each fails by design,
in a stated share of its texts (models/simulated.py), and is marked so wherever it is shown.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from mapd import committee, exam, results, students, teacher_models, teachers
from mapd.curation import live_set, pairs, saved_policies, snapshots
from mapd.curation.curated import Curated, drop_repairs
from mapd.curation.pairs import DrawSettings, PairDraw
from mapd.curation.reviewer_stats import Reviewer, reviewers
from mapd.errors import BadInput
from mapd.finetune import run as finetuning
from mapd.finetune.hyperparameters import Hyperparameters
from mapd.jobs import JobProgress
from mapd.people import Person
from mapd.policies import PAPER, STRICT, Check, Policy
from mapd.questions import generated, sets
from mapd.results import Results
from mapd.store import claims, db, queries

TEACHERS = ("sound", "slips", "lucky")  # each named for the profile it has
STUDENT = "smollm2"


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to curate the same committee's texts: a policy, and an alpha where it isn't the demo's own."""

    policy: Policy
    alpha: float | None = None


# An unreviewed set is one that every score lets pass: the simulated reviewers always vote.
ARMS: Mapping[str, Arm] = {
    "no-review": Arm(Policy("no review", threshold=0)),
    "gold-check": Arm(Policy("gold check", threshold=0, checks=frozenset({Check.MATCHES_GOLD}))),
    "paper": Arm(PAPER),
    "strict": Arm(STRICT),
    "paper-no-feedback": Arm(PAPER, alpha=0.0),
}


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """What a demo does. `questions` are taught from, `held_out` are examined before and after; both over all families.

    Raises: BadInput for an arm that isn't known or a number that can't be.
    """

    questions: int = 81
    held_out: int = 210
    alpha: float = 0.5
    seed: int = 0
    policy: str = "paper"
    arms: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        Hyperparameters(alpha=self.alpha, seed=self.seed)  # says what it refuses
        families = len(generated.FAMILIES)
        for name, number in (("questions", self.questions), ("held-out questions", self.held_out)):
            if number < families:
                raise BadInput(f"a demo needs at least {families} {name}, one a family, not {number}")
        if unknown := [arm for arm in self.arms if arm not in ARMS]:
            raise BadInput(f"unknown arm: {unknown[0]}; known: {', '.join(ARMS)}")


@dataclass(frozen=True, slots=True)
class ArmOutcome:
    """One arm: what it was trained on, and how its student did. `wrong`: pairs whose rationale a check refutes."""

    arm: str
    student: str
    snapshot: str
    alpha: float
    pairs: int
    wrong: int
    results: Results


@dataclass(frozen=True, slots=True)
class DemoSummary:
    """What a demo came to; `outcomes` has an entry an arm. Seconds by stage."""

    mistakes: int
    exam: str
    reviewers: tuple[Reviewer, ...]
    outcomes: tuple[ArmOutcome, ...]
    seconds: Mapping[str, float]


STAGES = ("questions", "exam", "exam before", "committee", "curation", "finetune", "exam after", "results")
Watch = Callable[[JobProgress], None]


def demo(
    engine: sa.Engine,
    home: Path,
    plan: DemoPlan,
    *,
    by: Person,
    watch: Watch = lambda _: None,
    stopping: Callable[[], bool] = lambda: False,
) -> DemoSummary:
    """Run the loop once, in this process; with arms once for each from the finetune on.

    Stopped or killed, and started again with the same plan, it goes on where it was: every stage knows what it has.

    Raises: Forbidden; BadInput, NotFound, Stopped, as the stages do.
    """
    run = _DemoRun(engine, home, plan, by, watch, stopping)
    arms = run.choose_arms()
    with run.stage("questions"):
        questions, student = run.draw_questions(), run.add_student()
    with run.stage("exam"):
        train_exam = run.examine(student, questions, "train")
    with run.stage("exam before"):
        first_exam = run.examine(student, questions, "dev")
    with run.stage("committee"):
        run.collect(train_exam)
    with run.stage("curation"):
        curated = {name: run.curate(train_exam, arm.policy) for name, arm in arms.items()}
        # People's repairs are no part of an arm: it stands for what the committee alone gives.
        if plan.arms:
            curated = {name: drop_repairs(c) for name, c in curated.items()}
        # Arms are compared on sets of one size, so that the difference is of quality, not of number.
        limit = min(len(run.draw(c, None).pairs) for c in curated.values()) if len(arms) > 1 else None
    outcomes = []
    for name, arm in arms.items():
        alpha = plan.alpha if arm.alpha is None else arm.alpha
        with run.stage("curation"):
            snapshot, pair_draw = run.freeze(curated[name], limit)
        with run.stage("finetune"):
            tuned = run.finetune(student, snapshot, name if plan.arms else None, alpha)
        with run.stage("exam after"):
            second_exam = run.examine(tuned, questions, "dev")
        with run.stage("results"), db.reading(engine) as session:
            comparison = results.compare(results.load(session, first_exam), results.load(session, second_exam))
        wrong = sum(x.states.refuted for _, x, _ in pair_draw.pairs if x is not None)
        outcomes.append(ArmOutcome(name, tuned, snapshot, alpha, len(pair_draw.pairs), wrong, comparison))
    any_curated = next(iter(curated.values()))
    seconds = run.seconds | {"total": round(sum(run.seconds.values()), 1)}
    return DemoSummary(len(any_curated.mistakes), train_exam, tuple(reviewers(any_curated)), tuple(outcomes), seconds)


@dataclass(slots=True)
class _DemoRun:
    """One run of a demo: where it runs and for whom, which stage is under way, and what each stage does."""

    engine: sa.Engine
    home: Path
    plan: DemoPlan
    by: Person
    watch: Watch
    stopping: Callable[[], bool]
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

    def choose_arms(self) -> dict[str, Arm]:
        """Return the plan's arms, or the one of its policy."""
        if self.plan.arms:
            return {name: ARMS[name] for name in self.plan.arms}
        with db.reading(self.engine) as session:
            return {self.plan.policy: Arm(saved_policies.find_policy(session, self.plan.policy))}

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

    def examine(self, student: str, questions: str, split: str) -> str:
        """Hold one exam; return its uid."""
        with db.reading(self.engine) as session:
            model = students.open_model(self.engine, students.get(session, student), self.home)
        result = exam.run(
            self.engine,
            model,
            student=student,
            question_set=questions,
            split=split,
            by=self.by,
            seed=self.plan.seed,
            progress=lambda p: self.tell(p.completed, p.total, p.in_words, p.seconds_left),
            stopping=self.stopping,
            home=self.home,
        )
        if result.failed:
            raise BadInput(
                f"{result.failed} questions got no answer ({result.reason}); start again, only they are asked"
            )
        return result.exam

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

    def curate(self, exam_uid: str, policy: Policy) -> Curated:
        """Return the exam's texts as the policy curates them."""
        with db.reading(self.engine) as session:
            return live_set.load_curated(session, queries.exam(session, exam_uid).id, policy)

    def draw(self, curated: Curated, limit: int | None) -> PairDraw:
        """Return the pairs that a snapshot of at most so many would hold."""
        with db.reading(self.engine) as session:
            sealed = snapshots.find_sealed(session)
        return pairs.draw(curated, settings=DrawSettings(self.plan.seed, limit=limit), sealed=sealed)

    def freeze(self, curated: Curated, limit: int | None) -> tuple[str, PairDraw]:
        """Freeze a snapshot of at most so many pairs; return its sha256 and its pairs."""
        with db.writing(self.engine) as session:
            sha256 = snapshots.freeze(session, curated, by=self.by, seed=self.plan.seed, limit=limit).sha256
        return sha256, self.draw(curated, limit)

    def finetune(self, student: str, snapshot: str, arm: str | None, alpha: float) -> str:
        """Run one finetune; return the new student's name."""
        setup = Hyperparameters(alpha=alpha, seed=self.plan.seed)
        inputs: dict[str, Any] = {"student": student, "snapshot_sha": snapshot, "hyperparameters": setup, "arm": arm}
        tuned = finetuning.find_student(self.engine, **inputs)
        if tuned is not None and not students.is_here(tuned, self.home):
            arm_option = f" --arm {arm}" if arm else ""
            raise BadInput(
                f"this demo's student {tuned.name} is here without its adapter, as an archive brings it; its results "
                f"stand on the Results page. Another --seed runs a demo of your own; or `mapd finetune --snapshot "
                f"{snapshot[:12]} --alpha {alpha:g} --seed {setup.seed}{arm_option}` makes this adapter again"
            )
        return finetuning.run(
            self.engine,
            **inputs,
            by=self.by,
            home=self.home,
            progress=lambda s: self.tell(s.step, s.total, s.in_words, s.seconds_left),
            waits=lambda: self.watch(JobProgress(self.name, message=claims.WAITING)),
            stopping=self.stopping,
        ).name
