"""Arms: one committee's texts curated and taught in several ways, compared at equal size, over several seeds, on dev.

    plan = ArmsPlan(exam="svamp · train", arms=("no-review", "paper", "teacher:gpt", "untaught"), seeds=(0, 1, 2))
    run(engine, home, plan, by=owner("ann"))    -> ArmsSummary(before="5e…", pairs=79, outcomes=(…), seconds={…})

Exam and calls are shared: an arm costs its training and its exam. What each arm is:

    no-review, gold-check       every rationale that was reviewed; those whose own answer is the gold one
    paper, strict, any policy   what that policy accepts, by votes and checks alone
    curated                     the exam's own policy with people's judgements and repairs
    teacher:NAME                the base policy, one teacher's texts alone
    rationale-alone             the base policy at alpha 0; `feedback-alone` at alpha 1
    gold-answers, shuffled      the same pairs, with the texts of finetune/controls.py
    untaught, few-shot          no training: the student as it was, and with worked examples in its prompt

But for `curated` an arm stands for what the committee gives: people's verdicts and repairs are left out, what they
corrected (a gold answer, a reading, a question set aside) is kept. A policy that was fitted on people's verdicts holds
them all the same (`arm_results.list_caveats` says so). A text without a valid vote is in no arm.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

import sqlalchemy as sa
from sqlmodel import Session

from mapd import exam as examining
from mapd import students
from mapd.curation import saved_policies, selection
from mapd.curation.curated import Curated, curate, drop_repairs
from mapd.curation.pairs import DrawSettings, Texts
from mapd.domain import Act, ExamInfo, JudgementRow
from mapd.errors import BadInput, NotFound
from mapd.finetune import controls
from mapd.finetune.hyperparameters import Hyperparameters
from mapd.jobs import JobProgress
from mapd.loop.stages import Asking, StageRun, Watch
from mapd.people import Person, Right, require
from mapd.policies import Check, Policy
from mapd.store import db, exam_material, judgement_log, queries

UNTAUGHT, FEW_SHOT = "untaught", "few-shot"
UNTRAINED = (UNTAUGHT, FEW_SHOT)
TEACHER = "teacher:"
SPLIT = "dev"  # choices are made on it


@dataclass(frozen=True, slots=True)
class Arm:
    """How one arm's pairs are curated, and what is taught of them. Without a policy it has the plan's base policy, or
    the exam's own where people count.

    `alpha`: where it isn't the plan's. `has_people`: people's judgements and repairs count.
    """

    policy: Policy | None = None
    teacher: str | None = None
    alpha: float | None = None
    control: str = controls.NONE
    has_people: bool = False


ARMS: Mapping[str, Arm] = {
    "no-review": Arm(Policy("no review", threshold=0)),
    "gold-check": Arm(Policy("gold check", threshold=0, checks=frozenset({Check.MATCHES_GOLD}))),
    "rationale-alone": Arm(alpha=0.0),
    "feedback-alone": Arm(alpha=1.0),
    "gold-answers": Arm(alpha=0.0, control=controls.GOLD),
    "shuffled": Arm(control=controls.SHUFFLED),
    "curated": Arm(has_people=True),
}


@dataclass(frozen=True, slots=True)
class ArmsPlan:
    """What is compared. `pairs`: of each arm; by default as many as the smallest arm gives.

    `policy`: of the arms that name none; by default the exam's own. `before`: an exam of the untaught student over dev
    questions; every arm is examined as it was, and its student is the one that is taught. By default the exam's own
    student and question set, greedily. `shots`: worked examples of the arm `few-shot`.

    Raises: BadInput for arms or seeds that are named twice, or none.
    """

    exam: str
    arms: tuple[str, ...]
    seeds: tuple[int, ...] = (0, 1, 2)
    pairs: int | None = None
    policy: str | None = None
    before: str | None = None
    shots: int = 1
    hyperparameters: Hyperparameters = field(default_factory=Hyperparameters)

    def __post_init__(self) -> None:
        for name, values in (("arm", self.arms), ("seed", self.seeds)):
            if not values:
                raise BadInput(f"a comparison has at least one {name}")
            if repeated := [value for place, value in enumerate(values) if value in values[:place]]:
                raise BadInput(f"{name} {repeated[0]} is named twice; name each once")
        for seed in self.seeds:
            replace(self.hyperparameters, seed=seed)  # says what it refuses
        students.check_shots(self.shots)
        if not self.taught_arms:
            raise BadInput(f"{' and '.join(self.arms)} are what arms are compared with: name one that is taught, too")

    @property
    def taught_arms(self) -> tuple[str, ...]:
        """Return the arms that need a training."""
        return tuple(arm for arm in self.arms if arm not in UNTRAINED)


@dataclass(frozen=True, slots=True)
class ArmOutcome:
    """One training of an arm, and its exam."""

    arm: str
    seed: int
    student: str
    snapshot: str
    exam: str


@dataclass(frozen=True, slots=True)
class ArmsSummary:
    """What a run came to: the exam before, the pairs of each arm, and a training each; seconds by stage."""

    before: str
    pairs: int
    outcomes: tuple[ArmOutcome, ...]
    seconds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Inputs:
    """What a plan's words stand for: its exam, the student, the dev questions, how they are asked, and its arms."""

    exam: ExamInfo
    student: str
    questions: str
    asking: Asking
    arms: Mapping[str, Arm]


def count_parts(session: Session, plan: ArmsPlan) -> int:
    """Return how many trainings and exams a plan has. Raises: NotFound; BadInput where it can't be run as it is."""
    inputs = _read_plan(session, plan)
    # The untaught student's exam, the one with worked examples, and a training an arm and seed.
    return 1 + (FEW_SHOT in plan.arms) + len(inputs.arms) * len(plan.seeds)


def run(
    engine: sa.Engine,
    home: Path,
    plan: ArmsPlan,
    *,
    by: Person,
    watch: Watch = lambda _: None,
    stopping: Callable[[], bool] = lambda: False,
) -> ArmsSummary:
    """Teach and examine each arm with each seed, seed by seed.

    Stopped or killed, and started again with the same plan, it does what is missing; arms and seeds may be added.

    Raises: Forbidden; NotFound; BadInput, where arms or their size can't be had; Stopped.
    """
    require(by, Right.RUN_JOBS)
    with db.reading(engine) as session:
        total, inputs = count_parts(session, plan), _read_plan(session, plan)
    progress = _Progress(total, watch)
    arms_run = _ArmsRun(engine, home, by, progress.tell, stopping, plan=plan, inputs=inputs)
    size = arms_run.find_size()
    with progress.of("untaught"), arms_run.stage("exam before"):
        before = arms_run.examine(inputs.student, inputs.questions, SPLIT, inputs.asking)
    if FEW_SHOT in plan.arms:
        with progress.of(FEW_SHOT), arms_run.stage("exam, few-shot"):
            arms_run.examine(arms_run.add_few_shot(), inputs.questions, SPLIT, inputs.asking)
    outcomes = []
    for seed in plan.seeds:
        for name in inputs.arms:
            with progress.of(f"{name}, seed {seed}"):
                outcomes.append(arms_run.teach(name, seed, size))
    return ArmsSummary(before, size, tuple(outcomes), dict(arms_run.seconds))


def _read_plan(session: Session, plan: ArmsPlan) -> _Inputs:
    info = queries.exam(session, plan.exam)
    if info.split != "train":
        raise BadInput(f"exam {info.name} asked {info.split} questions, which are never taught: name one over train")
    own_policy = saved_policies.exam_policy(session, info)
    base = own_policy if plan.policy is None else saved_policies.find_policy(session, plan.policy)
    arms = {name: _read_arm(session, name, base, own_policy) for name in plan.taught_arms}
    student, questions, asking = info.student, info.question_set, Asking()
    if plan.before is not None:
        before = queries.exam(session, plan.before)
        student, questions, asking = before.student, before.question_set, _read_asking(session, before)
    students.require_weights(session, students.get(session, student))
    examining.count_questions(session, questions, SPLIT)
    return _Inputs(info, student, questions, asking, arms)


def _read_arm(session: Session, name: str, base: Policy, own_policy: Policy) -> Arm:
    """Return an arm by its name, with its policy. Raises: NotFound, naming the known ones."""
    if name.startswith(TEACHER):
        return Arm(base, teacher=name.removeprefix(TEACHER))
    if name in ARMS:
        arm = ARMS[name]
        return replace(arm, policy=arm.policy or (own_policy if arm.has_people else base))
    try:
        return Arm(saved_policies.find_policy(session, name))
    except NotFound as error:
        arm_names = ", ".join([*ARMS, f"{TEACHER}NAME", *UNTRAINED])
        raise NotFound(f"unknown arm: {name}; it is one of {arm_names}, or a policy ({error})") from error


def _read_asking(session: Session, before: ExamInfo) -> Asking:
    """Return how every arm is asked: as at the exam before. Raises: BadInput where that can't be done again."""
    if before.split != SPLIT:
        raise BadInput(f"arms are compared on {SPLIT} questions alone: {before.name} asked the {before.split} ones")
    asking = Asking.like(queries.exam_row(session, before.id))
    if asking is None:
        raise BadInput(f"the student of exam {before.name} was asked elsewhere: examine it here, over dev questions")
    return asking


@dataclass(slots=True)
class _Progress:
    """How many trainings and exams are done; the stage within the one at work is said in words."""

    total: int
    watch: Watch
    done: int = 0
    name: str = ""
    # Of those that weren't done before this run: only they say how long the next one takes.
    seconds: list[float] = field(default_factory=list)
    is_at_work: bool = False

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Count what is done within."""
        self.name, self.is_at_work, started = name, False, time.monotonic()
        self.tell(JobProgress(""))
        yield
        self.done += 1
        if self.is_at_work:
            self.seconds.append(time.monotonic() - started)

    def tell(self, progress: JobProgress) -> None:
        """Say how far the stage of the training at work is, and the whole."""
        self.is_at_work = self.is_at_work or progress.total > 0
        words = f"{self.name}: {progress.in_words}" if progress.stage else self.name
        seconds_left = median(self.seconds) * (self.total - self.done) if self.seconds else None
        self.watch(JobProgress("arms", self.done, self.total, words, seconds_left))


@dataclass(slots=True, kw_only=True)
class _ArmsRun(StageRun):
    """One run of a plan."""

    plan: ArmsPlan
    inputs: _Inputs
    # By arm its curated set, which no seed changes.
    curated: dict[str, Curated] = field(default_factory=dict)

    @property
    def texts(self) -> tuple[Texts, ...]:
        """Return what a pair has: both texts, or where no arm teaches feedback also a rationale alone."""
        alphas = map(self.find_alpha, self.inputs.arms.values())
        return (Texts.BOTH,) if any(alphas) else (Texts.BOTH, Texts.RATIONALE)

    def find_alpha(self, arm: Arm) -> float:
        """Return an arm's alpha, or the plan's."""
        return self.plan.hyperparameters.alpha if arm.alpha is None else arm.alpha

    def find_size(self) -> int:
        """Curate each arm's set, and return how many pairs each teaches.

        Raises: BadInput where an arm has none, or fewer than the plan's.
        """
        arms = self.inputs.arms
        with db.reading(self.engine) as session:
            material = exam_material.material(session, self.inputs.exam.id)
            judgements = judgement_log.judgements(session, self.inputs.exam.id)
        facts = [row for row in judgements if _is_fact(row)]
        for name, arm in arms.items():
            assert arm.policy is not None, "_read_arm sets it"
            curated = curate(material, judgements if arm.has_people else facts, arm.policy)
            curated = curated if arm.has_people else drop_repairs(curated)
            self.curated[name] = curated if arm.teacher is None else selection.narrow(curated, (arm.teacher,))
        sizes = {name: len(self.draw(c, DrawSettings(texts=self.texts)).pairs) for name, c in self.curated.items()}
        if small := [name for name, size in sizes.items() if size < (self.plan.pairs or 1)]:
            shortage = "none" if self.plan.pairs is None else f"{sizes[small[0]]:,}, not {self.plan.pairs:,}"
            raise BadInput(f"arm {small[0]} gives {shortage} of the pairs to be taught: leave it out, or take fewer")
        return self.plan.pairs or min(sizes.values(), default=0)

    def add_few_shot(self) -> str:
        """Add the student that is shown worked examples; return its name."""
        with db.writing(self.engine) as session:
            return students.add_with_examples(session, self.inputs.student, self.plan.shots, by=self.by).name

    def teach(self, name: str, seed: int, size: int) -> ArmOutcome:
        """Teach one arm with one seed, and examine its student."""
        arm, plan = self.inputs.arms[name], self.plan
        # Every arm is limited, the smallest too: so each snapshot says of how many pairs the comparison was.
        settings = DrawSettings(seed, limit=size, texts=self.texts)
        with self.stage("curation"):
            snapshot = self.freeze(self.curated[name], settings)
        setup = replace(plan.hyperparameters, seed=seed, alpha=self.find_alpha(arm), control=arm.control)
        with self.stage("finetune"):
            student = self.finetune(self.inputs.student, snapshot, setup, name)
        with self.stage("exam after"):
            exam_uid = self.examine(student, self.inputs.questions, SPLIT, self.inputs.asking)
        return ArmOutcome(name, seed, student, snapshot, exam_uid)


def _is_fact(row: JudgementRow) -> bool:
    """Return whether a judgement is no verdict on a text: it corrects something, or is about the question."""
    return row.judged.decision in (Act.CORRECT, Act.WITHDRAW) or row.target not in ("rationale", "feedback")
