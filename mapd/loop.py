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

import sqlalchemy as sa

from mapd import committee, exam, results, students, teacher_models, teachers
from mapd.curation import live_set, saved_policies, snapshots
from mapd.curation.curated import Curated, drop_repairs
from mapd.curation.reviewer_stats import Reviewer, reviewers
from mapd.curation.snapshots import Pair
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


@dataclass(slots=True)
class _Stages:
    """Which stage runs, whom to tell, and whether to stop."""

    watch: Watch
    stopping: Callable[[], bool]
    seconds: dict[str, float] = field(default_factory=dict)
    name: str = ""

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Run a stage; a stage that runs again adds to its time."""
        self.name, started = name, time.monotonic()
        self.watch(JobProgress(name))
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.monotonic() - started, 1)

    def tell(self, completed: int, total: int, words: str, seconds_left: float | None, in_flight: int = 0) -> None:
        """Say how far the stage is."""
        self.watch(JobProgress(self.name, completed, total, words, seconds_left, in_flight))

    def wait(self) -> None:
        """Say that another process is at the stage."""
        self.watch(JobProgress(self.name, message=claims.WAITING))


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
    stages = _Stages(watch, stopping)
    arms = _arms(engine, plan)
    with stages("questions"):
        questions = _questions(engine, plan, by)
        student = _student(engine, by)
    with stages("exam"):
        train_exam = _examine(engine, home, student, questions, "train", plan, by, stages)
    with stages("exam before"):
        first_exam = _examine(engine, home, student, questions, "dev", plan, by, stages)
    with stages("committee"):
        _collect(engine, home, train_exam, by, stages)
    with stages("curation"):
        curated = {name: _curated(engine, train_exam, arm.policy) for name, arm in arms.items()}
        # People's repairs are no part of an arm: it stands for what the committee alone gives.
        if plan.arms:
            curated = {name: drop_repairs(c) for name, c in curated.items()}
        # Arms are compared on sets of one size, so that the difference is of quality, not of number.
        limit = min(len(snapshots.draw(c, seed=plan.seed)) for c in curated.values()) if len(arms) > 1 else None
    outcomes = []
    for name, arm in arms.items():
        alpha = plan.alpha if arm.alpha is None else arm.alpha
        with stages("curation"):
            snapshot, pairs = _freeze(engine, curated[name], plan.seed, limit, by)
        with stages("finetune"):
            arm_name = name if plan.arms else None
            tuned = _finetune(engine, home, student, snapshot, arm_name, alpha, plan.seed, by, stages)
        with stages("exam after"):
            second_exam = _examine(engine, home, tuned, questions, "dev", plan, by, stages)
        with stages("results"), db.reading(engine) as session:
            comparison = results.compare(results.load(session, first_exam), results.load(session, second_exam))
        wrong = sum(rationale.states.refuted for _, rationale, _ in pairs)
        outcomes.append(ArmOutcome(name, tuned, snapshot, alpha, len(pairs), wrong, comparison))
    any_curated = next(iter(curated.values()))
    seconds = stages.seconds | {"total": round(sum(stages.seconds.values()), 1)}
    return DemoSummary(len(any_curated.mistakes), train_exam, tuple(reviewers(any_curated)), tuple(outcomes), seconds)


def _arms(engine: sa.Engine, plan: DemoPlan) -> dict[str, Arm]:
    if plan.arms:
        return {name: ARMS[name] for name in plan.arms}
    with db.reading(engine) as session:
        return {plan.policy: Arm(saved_policies.find_policy(session, plan.policy))}


def _questions(engine: sa.Engine, plan: DemoPlan, by: Person) -> str:
    """Draw the plan's questions, in equal parts of every family; return the set's name."""
    families = len(generated.FAMILIES)
    questions = generated.draw(
        generated.FAMILIES, {"train": plan.questions // families, "dev": plan.held_out // families}, seed=plan.seed
    )
    name = f"demo-{plan.questions}-{plan.held_out}-seed-{plan.seed}"
    with db.writing(engine) as session:
        return sets.add(session, name, sets.make_rows(questions), source="generated", simulated=True, by=by).name


def _student(engine: sa.Engine, by: Person) -> str:
    with db.writing(engine) as session:
        return students.add(session, STUDENT, by=by).name


def _examine(
    engine: sa.Engine, home: Path, student: str, questions: str, split: str, plan: DemoPlan, by: Person, stages: _Stages
) -> str:
    """Hold one exam; return its uid."""
    with db.reading(engine) as session:
        model = students.open_model(engine, students.get(session, student), home)
    result = exam.run(
        engine,
        model,
        student=student,
        question_set=questions,
        split=split,
        by=by,
        seed=plan.seed,
        progress=lambda p: stages.tell(p.completed, p.total, p.in_words, p.seconds_left),
        stopping=stages.stopping,
        home=home,
    )
    if result.failed:
        raise BadInput(f"{result.failed} questions got no answer ({result.reason}); start again, only they are asked")
    return result.exam


def _collect(engine: sa.Engine, home: Path, exam_uid: str, by: Person, stages: _Stages) -> None:
    with db.writing(engine) as session:
        rows = [teachers.add(session, name, kind="simulated", model=name, by=by) for name in TEACHERS]
        models = {row.name: teacher_models.open_model(engine, row) for row in rows}
    committee.collect(
        engine,
        exam=exam_uid,
        teachers=list(TEACHERS),
        models=models,
        by=by,
        progress=lambda p: stages.tell(p.completed, p.total, p.in_words, p.seconds_left, p.in_flight),
        stopping=stages.stopping,
        home=home,
    )


def _curated(engine: sa.Engine, exam_uid: str, policy: Policy) -> Curated:
    with db.reading(engine) as session:
        return live_set.load_curated(session, queries.exam(session, exam_uid).id, policy)


def _freeze(engine: sa.Engine, curated: Curated, seed: int, limit: int | None, by: Person) -> tuple[str, list[Pair]]:
    with db.writing(engine) as session:
        sha256 = snapshots.freeze(session, curated, by=by, seed=seed, limit=limit).sha256
    return sha256, snapshots.draw(curated, seed=seed, limit=limit)


def _finetune(
    engine: sa.Engine,
    home: Path,
    student: str,
    snapshot: str,
    arm: str | None,
    alpha: float,
    seed: int,
    by: Person,
    stages: _Stages,
) -> str:
    """Run one finetune; return the new student's name."""
    setup = Hyperparameters(alpha=alpha, seed=seed)
    tuned = finetuning.find_student(engine, student=student, snapshot_sha=snapshot, hyperparameters=setup, arm=arm)
    if tuned is not None and not students.is_here(tuned, home):
        arm_option = f" --arm {arm}" if arm else ""
        raise BadInput(
            f"this demo's student {tuned.name} is here without its adapter, as an archive brings it; its results stand "
            f"on the Results page. Another --seed runs a demo of your own; or `mapd finetune --snapshot {snapshot[:12]}"
            f" --alpha {alpha:g} --seed {seed}{arm_option}` makes this adapter again"
        )
    return finetuning.run(
        engine,
        student=student,
        snapshot_sha=snapshot,
        hyperparameters=setup,
        arm=arm,
        by=by,
        home=home,
        progress=lambda s: stages.tell(s.step, s.total, s.in_words, s.seconds_left),
        waits=stages.wait,
        stopping=stages.stopping,
    ).name
