"""What rounds of a student are to be, and where they begin: its train exam, its committee, its hyper-parameters, dev.

    student, exam = find_start(session, student="smollm2-9c1e04")     # the exam that it was taught from
    plan = RoundPlan(student, exam.uid, rounds=2, pairs="all", stop=StopRule(gain=1))
    estimate(session, plan).in_words
    -> "each round, if it has as many mistakes as …: 69 calls missing (69 feedback, 0 rationales, 0 reviews): simulated"

Nothing is asked, trained or written here: `round.py` does it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlmodel import Session

from mapd import committee, exam, rounds, students, teachers
from mapd.committee import CommitteeSettings, Estimate
from mapd.curation import saved_policies
from mapd.domain import ExamInfo
from mapd.errors import BadInput
from mapd.finetune.hyperparameters import Hyperparameters, choose, hyperparameters_of
from mapd.rounds import StopRule
from mapd.store import committees, finetunes, queries
from mapd.store import tables as t

# The pairs that a round teaches: of its own mistakes, or of all rounds of the line so far.
PAIRS = ("new", "all")
MOST_ROUNDS = 20
EVERY_ROUND = StopRule()  # none ends early


@dataclass(frozen=True, slots=True)
class RoundPlan:
    """What rounds do. `exam`: the train exam that the student's own is asked like; it may be its own.

    What is None or empty is as in the round before: teachers, and how they are asked, as at `exam`; hyper-parameters as
    those that made the student, but for `settings`. `budget`: US dollars that the calls of all these rounds' exams may
    cost. `skip_failed`: go on where calls gave no text. `dev`: the question set that students are compared on.

    Raises: BadInput, naming the value.
    """

    student: str
    exam: str
    rounds: int = 1
    pairs: str = PAIRS[0]
    stop: StopRule = EVERY_ROUND
    teachers: tuple[str, ...] = ()
    samples: int | None = None
    cut_off: bool | None = None
    adaptive: bool | None = None
    concurrency: int | None = None
    budget: float | None = None
    unknown_price: bool = False
    skip_failed: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    dev: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.rounds <= MOST_ROUNDS:
            raise BadInput(f"1 to {MOST_ROUNDS} rounds are done in one go, not {self.rounds}")
        if self.pairs not in PAIRS:
            raise BadInput(f"a round teaches pairs that are {' or '.join(PAIRS)}, not {self.pairs}")


def find_start(session: Session, *, student: str | None = None, exam: str | None = None) -> tuple[str, ExamInfo]:
    """Return who sits the next round, and the train exam that it is asked like: its own newest, or the one before it.

    Raises: NotFound; BadInput where nobody is named, the exam is not over train questions, there is none, or the
    student has no weights here.
    """
    if student is None and exam is None:
        raise BadInput("a round needs its student or its exam: name one, with --student or --exam")
    info = None if exam is None else queries.exam(session, exam)
    if info is not None and info.split != "train":
        raise BadInput(
            f"exam {info.name} asked the {info.split} questions, which are never taught; name one over train"
        )
    row = students.get(session, info.student if student is None and info is not None else str(student))
    students.require_weights(session, row)
    return row.name, _find_train_exam(session, row) if info is None else info


def _find_train_exam(session: Session, student: t.Student) -> ExamInfo:
    # The newest comes first.
    its_own = (e for e in queries.exams(session) if e.student == student.name and e.split == "train")
    if (info := next(its_own, None)) is not None:
        return info
    for row in reversed(rounds.list_line(session, queries.identity(student))):
        if exams := list_taught(session, row):
            return max(exams, key=lambda taught: taught.round)
    raise BadInput(
        f"student {student.name} sat no exam over train questions, and was taught on none here: "
        f"`mapd exam run --student {student.name} --questions SET --split train` first"
    )


def list_taught(session: Session, student: t.Student) -> list[ExamInfo]:
    """Return the exams whose mistakes a student was taught on; none where their snapshot isn't in the project."""
    snapshot = queries.find_taught_snapshot(session, student)
    return [] if snapshot is None else queries.exams_of_snapshot(session, queries.identity(snapshot))


def choose_committee(session: Session, plan: RoundPlan, exam: ExamInfo | None = None) -> CommitteeSettings:
    """Return whom a round asks, and how: as its own `exam` was asked before, or else the exam before it.

    Raises: NotFound; BadInput where nobody of that committee can be asked.
    """
    earlier = queries.exam(session, plan.exam)
    settings = None if exam is None else committee.find_settings(session, exam.uid)
    settings = settings or find_committee(session, earlier)
    names = plan.teachers or settings.teachers
    if not names:
        raise BadInput(
            f"nobody of the committee of exam {earlier.name} can be asked here: name teachers, with --teachers"
        )
    rows = [teachers.get(session, name) for name in names]
    return CommitteeSettings(
        teachers=tuple(row.name for row in rows),
        samples=plan.samples or settings.samples,
        cut_off=settings.cut_off if plan.cut_off is None else plan.cut_off,
        adaptive=settings.adaptive if plan.adaptive is None else plan.adaptive,
        concurrency=plan.concurrency or settings.concurrency,
        budget=plan.budget,
    )


def find_committee(session: Session, exam: ExamInfo) -> CommitteeSettings:
    """Return the committee of an exam, as far as it can be asked here, and how it was asked."""
    if (settings := committee.find_settings(session, exam.uid)) is not None:
        return settings
    # Of an import nobody was asked here.
    ids = committees.members(session, exam.id)
    rows = [row for row in teachers.list_teachers(session) if row.id in ids]
    names = tuple(row.name for row in rows if row.kind in teachers.KINDS and not row.disabled)
    return CommitteeSettings(names, 1, False, None, None)


@dataclass(frozen=True, slots=True)
class RoundEstimate:
    """What a round's committee may cost, and what that rests on."""

    calls: Estimate
    basis: str

    @property
    def in_words(self) -> str:
        """Return both in one line."""
        return f"{self.basis}: {self.calls.in_words}"


def estimate(session: Session, plan: RoundPlan) -> RoundEstimate:
    """Return what a round's committee may cost: exactly, where its exam is sat; otherwise by the exam before.

    Raises: NotFound, BadInput, as `choose_committee`.
    """
    info = queries.exam(session, plan.exam)
    settings = choose_committee(session, plan)
    way: Any = {"teachers": settings.teachers, "samples": settings.samples, "cut_off": settings.cut_off}
    if info.student == plan.student and info.id not in queries.unfinished(session):
        way |= {"adaptive": saved_policies.exam_policy(session, info) if settings.adaptive else None}
        calls, basis = committee.estimate(session, info.uid, **way), f"for the mistakes of {info.name}"
        return RoundEstimate(calls, basis if plan.rounds == 1 else f"the first round, {basis}")
    calls = committee.estimate_ahead(session, info.uid, **way)
    return RoundEstimate(
        calls, f"{'the' if plan.rounds == 1 else 'each'} round, with as many mistakes as {info.name} has"
    )


def find_hyperparameters(session: Session, student: str, settings: Mapping[str, Any]) -> Hyperparameters:
    """Return those that made the student, with these changed; of one that no finetune here made, the usual ones.

    Raises: BadInput, naming the value.
    """
    trainings = (x for x in finetunes.finetunes(session) if x.student == student)
    if (training := next(trainings, None)) is None:
        return choose(**settings)
    # Another method has a rate of its own.
    if "method" in settings and "learning_rate" not in settings:
        settings = {**settings, "learning_rate": choose(method=settings["method"]).learning_rate}
    return replace(hyperparameters_of(training), **settings)


def check_plan(session: Session, plan: RoundPlan) -> None:
    """See that the rounds can be begun as they are described. Raises: NotFound; BadInput, also for an unknown price."""
    student, info = find_start(session, student=plan.student, exam=plan.exam)
    names = choose_committee(session, plan).teachers
    committee.check_budget([teachers.get(session, name) for name in names], plan.budget, plan.unknown_price)
    find_hyperparameters(session, student, plan.settings)
    exam.count_questions(session, info.question_set, "train")
    find_dev(session, students.get(session, student), info, plan.dev)


@dataclass(frozen=True, slots=True)
class DevExam:
    """The questions that students are compared on, and the exam that is asked like; it may be the student's own."""

    question_set: str
    like: ExamInfo


def find_dev(session: Session, student: t.Student, train: ExamInfo, question_set: str | None) -> DevExam:
    """Return the newest dev exam of the student, or of the nearest that it was taught from; else one like `train`.

    Raises: NotFound, BadInput, where there are no dev questions.
    """
    names = [row.name for row in reversed(rounds.list_line(session, queries.identity(student)))]
    exams = [
        info
        for info in queries.exams(session)
        if info.split == "dev" and info.graded_by != "import" and question_set in (None, info.question_set)
    ]
    for name in names:
        for info in exams:
            if info.student == name:
                return DevExam(info.question_set, info)
    name = question_set or train.question_set
    try:
        exam.count_questions(session, name, "dev")
    except BadInput as error:
        raise BadInput(
            f"{error}; students are compared on dev questions: name a set that has some, with --dev"
        ) from error
    return DevExam(name, train)
