"""The kinds of work that a page, a command or a job can start, each as its parameters.

    ExamWork(student="smollm2", questions="demo", split="dev").run(WorkContext(engine, home, by=owner("ann")))
    -> {"exam": "5e…", "n": 210, "correct": 12, "mistakes": 198, "no_answer": 31}

Stopped or killed, and started again with the same parameters, each does what is missing.
"""

import threading
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlmodel import Session, col, select

from mapd import committee, exam, jobs, loop, students, teacher_models, teachers
from mapd.errors import BadInput, Stopped
from mapd.finetune import run as finetuning
from mapd.finetune.hyperparameters import Hyperparameters
from mapd.jobs import JobProgress
from mapd.models.base import Sampling
from mapd.people import Person, owner
from mapd.review.queue_index import derivation
from mapd.store import claims, db, queries, queue_index
from mapd.store import tables as t
from mapd.teacher_prices import format_dollars

# Who starts what nobody asked for.
APP = owner("the app")
# Between two times that the queue index follows work which brings rows.
FOLLOW_S = 30.0
DEFAULT = Hyperparameters()
STANDARD = loop.DemoPlan()


@dataclass(frozen=True, slots=True)
class WorkContext:
    """What all work needs: the project, who does it, where to report progress, and whether to stop."""

    engine: sa.Engine
    home: Path
    by: Person
    tell: Callable[[JobProgress], None] = lambda _: None
    stopping: Callable[[], bool] = lambda: False


@contextmanager
def followed_by_index(run: WorkContext) -> Iterator[WorkContext]:
    """Yield the context of work that brings rows: the queue index follows now and then, and at the end."""
    progress, ended = JobProgress(""), threading.Event()

    def tell(now: JobProgress) -> None:
        nonlocal progress
        progress = now
        run.tell(now)

    def follow() -> None:
        # Who looks in meanwhile finds what has come in, although no page derives anything.
        while not ended.wait(FOLLOW_S):
            derivation.catch_up_all(run.engine.execution_options(patience=db.Patience(0)))

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield replace(run, tell=tell)
    finally:
        ended.set()
        thread.join()
    # Its own numbers stay: a job's pace is measured by them.
    derivation.catch_up_all(
        run.engine,
        lambda done, total: run.tell(
            replace(progress, message=f"into the queues: {done:,} of {total:,} questions", seconds_left=None)
        ),
    )


class Work(BaseModel):
    """One piece of work. Its fields are a job's parameters, and the options of its command."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: ClassVar[str]
    unit: ClassVar[str]  # what its progress counts
    awaits: ClassVar[str]  # what is awaited where it is stopped

    @property
    @abstractmethod
    def title(self) -> str:
        """Return one line that says what it is."""

    @abstractmethod
    def size(self, session: Session) -> int:
        """Return how many units it has in all, those that are done already too.

        Raises: NotFound, BadInput, where it can't be done as it is described.
        """

    @abstractmethod
    def run(self, run: WorkContext) -> dict[str, Any]:
        """Do what is missing; return the result as its command prints it.

        Where a rule ended it early (a budget, a teacher's fault), the result says so in one line, as "stopped".

        Raises: Stopped where it was told to stop; MapdError where it can't be done.
        """


class ExamWork(Work):
    """A student over one split of a question set."""

    kind: ClassVar[str] = "exam"
    unit: ClassVar[str] = "questions"
    awaits: ClassVar[str] = "the questions in work are answered, and kept"
    student: str
    questions: str
    split: str
    samples: int = 1
    seed: int = 0
    temperature: float = 0.0
    top_p: float = 1.0
    # Tokens of an answer; by default as its task and the student's template need.
    max_tokens: int | None = None
    longer_than: str | None = None  # the exam whose whole answers it takes over
    batch_size: int = 32
    open_test: str | None = None

    @classmethod
    def like(cls, row: t.Exam, *, questions: str, student: str, **overrides: Any) -> "ExamWork":
        """Return the exam work that asks as an earlier exam did, but for `overrides`."""
        names = ("samples", "temperature", "top_p", "max_tokens")  # an import's exam lacks some
        sampling = {name: row.decoding[name] for name in names if name in row.decoding}
        settings = {"split": row.split, "seed": row.seed or 0} | sampling | overrides
        return cls(student=student, questions=questions, **settings)

    @property
    def title(self) -> str:
        """Return the exam's name, as its row will have it."""
        return f"Exam of {self.student} over {self.questions}, {self.split}"

    def size(self, session: Session) -> int:
        """Return how many answers it asks for."""
        students.get(session, self.student)
        return exam.count_questions(session, self.questions, self.split) * self.samples

    def run(self, run: WorkContext) -> dict[str, Any]:
        """Ask what has no answer yet."""
        with followed_by_index(run) as followed:
            result = asdict(self._ask(followed))
        failed, reason = result.pop("failed"), result.pop("reason")
        if failed:
            raise BadInput(f"{failed} answers failed ({reason}); what came is kept, the same again asks for the rest")
        return result

    def _ask(self, run: WorkContext) -> exam.ExamResult:
        run.tell(JobProgress("loading the student"))
        with db.reading(run.engine) as session:
            model = students.open_model(run.engine, students.get(session, self.student), run.home, self.batch_size)
            longest = self.max_tokens or exam.default_tokens(session, self.questions, self.split, model)
        decoding = Sampling(self.temperature, self.top_p, longest)
        return exam.run(
            run.engine,
            model,
            student=self.student,
            question_set=self.questions,
            split=self.split,
            by=run.by,
            decoding=decoding,
            seed=self.seed,
            samples=self.samples,
            open_test=self.open_test,
            longer_than=self.longer_than,
            batch_size=self.batch_size,
            progress=lambda p: run.tell(JobProgress("exam", p.completed, p.total, p.in_words, p.seconds_left)),
            stopping=run.stopping,
            home=run.home,
        )


# Times the tokens of the first exam, where its cut-off answers are asked again.
MORE_TOKENS = 4


def ask_again(session: Session, ref: str | int, max_tokens: int | None = None) -> ExamWork:
    """Return the work that asks an exam's cut-off answers again, with more tokens.

    Raises: NotFound; BadInput where none was cut off, or the student can't be asked here.
    """
    row = exam.require_cut_off(session, ref)
    info = queries.exam(session, row.uid)
    longest = max_tokens or MORE_TOKENS * row.decoding["max_tokens"]
    overrides = {"max_tokens": longest, "longer_than": row.uid}
    return ExamWork.like(row, questions=info.question_set, student=info.student, **overrides)


class CollectWork(Work):
    """The committee's work on an exam's mistakes."""

    kind: ClassVar[str] = "collect"
    unit: ClassVar[str] = "calls"
    awaits: ClassVar[str] = "nothing is in flight"
    exam: str
    teachers: tuple[str, ...]
    samples: int = 1
    cut_off: bool = False  # also responses that were cut off
    concurrency: int | None = None
    # US dollars that all of the exam's calls may cost.
    budget: float | None = None
    unknown_price: bool = False  # yes, also teachers whose price nobody knows

    @property
    def title(self) -> str:
        """Return who is asked."""
        return f"Committee of {', '.join(self.teachers)}"

    def size(self, session: Session) -> int:
        """Return how many calls it has."""
        committee.check_budget([teachers.get(session, name) for name in self.teachers], self.budget, self.unknown_price)
        return committee.count_calls(session, self.exam, self.teachers, self.samples, cut_off=self.cut_off)

    def run(self, run: WorkContext) -> dict[str, Any]:
        """Make the calls that are missing."""
        with followed_by_index(run) as followed:
            collected = self._collect(followed)
        ends = [self._end_at_budget(collected)] if collected.not_made else []
        ends += [f"{r.teacher} was stopped: {r.reason}; {r.cure}" for r in collected.reasons if r.stopped]
        result = asdict(collected) | {"reasons": [asdict(reason) for reason in collected.reasons]}
        return result | ({"stopped": "; ".join(ends)} if ends else {})

    def _collect(self, run: WorkContext) -> committee.CollectResult:
        with db.reading(run.engine) as session:
            models = {
                name: teacher_models.open_model(run.engine, teachers.get(session, name)) for name in self.teachers
            }
        return committee.collect(
            run.engine,
            exam=self.exam,
            teachers=self.teachers,
            models=models,
            by=run.by,
            samples=self.samples,
            cut_off=self.cut_off,
            concurrency=self.concurrency,
            budget=self.budget,
            unknown_price=self.unknown_price,
            progress=lambda p: run.tell(
                JobProgress("committee", p.completed, p.total, p.in_words, p.seconds_left, p.in_flight)
            ),
            stopping=run.stopping,
            home=run.home,
        )

    def _end_at_budget(self, result: committee.CollectResult) -> str:
        return (
            f"stopped at the budget of {format_dollars(self.budget or 0)} ({format_dollars(result.spent_usd)} spent), "
            f"{result.not_made:,} calls not made; raise it and start again"
        )


class FinetuneWork(Work):
    """A student taught with a snapshot. Fields below `student` are the hyper-parameters."""

    kind: ClassVar[str] = "finetune"
    unit: ClassVar[str] = "steps"
    awaits: ClassVar[str] = "the step in work is finished, and kept as a checkpoint"
    snapshot: str
    student: str | None = None
    arm: str | None = None
    alpha: float = DEFAULT.alpha
    epochs: int = DEFAULT.epochs
    learning_rate: float = DEFAULT.learning_rate
    batch: int = DEFAULT.batch
    rank: int = DEFAULT.rank
    seed: int = DEFAULT.seed
    max_length: int = DEFAULT.max_length

    @property
    def title(self) -> str:
        """Return the snapshot, and alpha."""
        return f"Finetune on snapshot {self.snapshot[:12]}, alpha {self.alpha:g}"

    @property
    def hyperparameters(self) -> Hyperparameters:
        """Return those that can be chosen; the others are the defaults."""
        values = self.model_dump(exclude={"snapshot", "student", "arm"})
        return Hyperparameters(**values)

    def size(self, session: Session) -> int:
        """Return how many optimizer steps it has."""
        if self.student is not None:
            students.get(session, self.student)
        return self.hyperparameters.steps(queries.snapshot(session, self.snapshot).pairs)

    def run(self, run: WorkContext) -> dict[str, Any]:
        """Train from the last checkpoint on."""
        run.tell(JobProgress("loading the student"))
        finetuned = finetuning.run(
            run.engine,
            snapshot_sha=self.snapshot,
            student=self.student,
            hyperparameters=self.hyperparameters,
            arm=self.arm,
            by=run.by,
            home=run.home,
            progress=lambda step: run.tell(
                JobProgress("finetune", step.step, step.total, step.in_words, step.seconds_left)
            ),
            waits=lambda: run.tell(JobProgress("finetune", message=claims.WAITING)),
            stopping=run.stopping,
        )
        return asdict(finetuned)


class DemoWork(Work):
    """The whole loop, with the packaged student and simulated teachers."""

    kind: ClassVar[str] = "demo"
    unit: ClassVar[str] = "stages"
    awaits: ClassVar[str] = "what is in work is finished, and kept"
    questions: int = STANDARD.questions
    held_out: int = STANDARD.held_out
    alpha: float = STANDARD.alpha
    seed: int = STANDARD.seed
    policy: str = STANDARD.policy

    @property
    def title(self) -> str:
        """Return how large it is."""
        return f"Demo: {self.questions} questions, {self.held_out} held out, seed {self.seed}"

    @property
    def plan(self) -> loop.DemoPlan:
        """Return the loop's plan."""
        return loop.DemoPlan(self.questions, self.held_out, self.alpha, self.seed, self.policy)

    def size(self, session: Session) -> int:  # noqa: ARG002
        """Return how many stages it has."""
        self.plan  # noqa: B018 - says what it refuses
        return len(loop.STAGES)

    def run(self, run: WorkContext) -> dict[str, Any]:
        """Run the loop once."""
        with followed_by_index(run) as run:
            summary = loop.demo(run.engine, run.home, self.plan, by=run.by, watch=run.tell, stopping=run.stopping)
        first = summary.outcomes[0]
        return {
            "exam": summary.exam,
            "student": first.student,
            "snapshot": first.snapshot,
            "before": first.results.before.uid,
            "after": first.results.after.uid,
            "pairs": first.pairs,
            "untuned": asdict(first.results.overall.before),
            "tuned": asdict(first.results.overall.after),
        }


class IndexWork(Work):
    """An exam's queue index, where what brought its rows was killed, or other rules derived it."""

    kind: ClassVar[str] = "index"
    unit: ClassVar[str] = "questions"
    awaits: ClassVar[str] = "the questions in work are in the queues, and stay there"
    exam: str

    @property
    def title(self) -> str:
        """Return what it prepares."""
        return "Queues and filters of an exam"

    def size(self, session: Session) -> int:
        """Return how many questions the exam has."""
        return queue_index.count_asked(session, queries.exam(session, self.exam).id)

    def run(self, run: WorkContext) -> dict[str, Any]:
        """Derive what is missing."""
        with db.reading(run.engine) as session:
            exam_id, questions = queries.exam(session, self.exam).id, self.size(session)

        def tell(done: int, total: int) -> None:
            run.tell(JobProgress("queues", done, total))
            if run.stopping() and done < total:
                raise Stopped(done, total)

        derivation.catch_up(run.engine, exam_id, tell)
        return {"exam": self.exam, "questions": questions}


def prepare_index(engine: sa.Engine, exam_id: int) -> str | None:
    """See that a job derives the exam's queue index, one at a time; return its uid.

    None where work at hand has the index follow. A job that failed, or that somebody cancelled, is returned as it is: a
    person resumes it. Raises: NotFound, Busy.
    """
    with db.reading(engine) as session:
        # Most look on while a job is there, and take no lock for it.
        if (job := _find_index_job(session, exam_id)) is not None:
            return job.uid
        is_missing = derivation.find_state(session, exam_id) is derivation.IndexState.MISSING
        if not is_missing and any(j.status == "running" and j.kind in BRINGS_ROWS for j in jobs.list_jobs(session)):
            return None
    with db.writing(engine) as session:
        # Two pages may ask at once: the lock lets the second one find the first one's job.
        db.lock(session, jobs.LOCK)
        if (job := _find_index_job(session, exam_id)) is None:
            parameters = IndexWork(exam=queries.exam(session, exam_id).uid).model_dump()
            job = jobs.start(session, IndexWork.kind, parameters, by=APP)
        return job.uid


def _find_index_job(session: Session, exam_id: int) -> t.Job | None:
    """Return the exam's latest job of its index, if it isn't done."""
    of_index = select(t.Job).where(t.Job.kind == IndexWork.kind, col(t.Job.origin).is_(None))
    uid, rows = queries.exam(session, exam_id).uid, session.exec(of_index.order_by(col(t.Job.id).desc()))
    latest = next((job for job in rows if job.parameters.get("exam") == uid), None)
    return None if latest is None or latest.status == "done" else latest


# The kinds that the index follows while they run.
BRINGS_ROWS = (ExamWork.kind, CollectWork.kind, DemoWork.kind)
KINDS: Mapping[str, type[Work]] = {
    kind.kind: kind for kind in (ExamWork, CollectWork, FinetuneWork, DemoWork, IndexWork)
}


def read_job(job: t.Job) -> Work:
    """Return the work of a job. Raises: BadInput where this version doesn't know it."""
    if job.kind not in KINDS:
        raise BadInput(f"job {job.uid[:8]} is a {job.kind}, which this mapd can't do; it knows {', '.join(KINDS)}")
    try:
        return KINDS[job.kind].model_validate(job.parameters)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise BadInput(
            f"job {job.uid[:8]} can't be done: its {where} is wrong ({first['msg']}); start it anew"
        ) from error


def job_title(job: t.Job) -> str:
    """Return the job's title, also of one that this version doesn't know."""
    try:
        return read_job(job).title
    except BadInput:
        return f"{job.kind}, of another version"
