"""The kinds of work that a page, a command or a job can start, each as its parameters.

    ExamWork(student="smollm2", questions="demo", split="dev").run(WorkContext(engine, home, by=owner("ann")))
    -> {"exam": "5e…", "n": 210, "correct": 12, "mistakes": 198, "no_answer": 31}

Stopped or killed, and started again with the same parameters, each does what is missing.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar

import sqlalchemy as sa
from pydantic import Field, ValidationError
from sqlmodel import Session

from mapd import committee, exam, jobs, student_models, students, teacher_models, teachers
from mapd.curation import saved_policies
from mapd.errors import BadInput, Stopped
from mapd.jobs import JobProgress
from mapd.jobs.arms_work import ArmsWork
from mapd.jobs.finetune_work import FinetuneWork
from mapd.jobs.fit_work import FitWork
from mapd.jobs.refit_work import RefitWork
from mapd.jobs.round_work import RoundWork
from mapd.jobs.work import APP, Work, WorkContext, add_end, find_unended, followed_by_index
from mapd.loop import demo
from mapd.models.base import Sampling
from mapd.policies import Policy
from mapd.review.queue_index import derivation
from mapd.store import db, queries, queue_index
from mapd.store import tables as t

STANDARD = demo.DemoPlan()


# How a student is asked, by name. `paper`: the paper's inference (section 4.1 and the authors' code).
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "greedy": {"temperature": 0.0, "top_p": 1.0},
    "paper": {"temperature": 0.3, "top_p": 0.9, "max_tokens": 512},
}


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
    batch_size: int = Field(32, ge=1)
    # What a student on this machine is asked with (student_models.BACKENDS).
    backend: str = student_models.BACKENDS[0]
    open_test: str | None = None

    @classmethod
    def by_preset(cls, name: str, **settings: Any) -> "ExamWork":
        """Return the exam work of a preset's sampling (PRESETS); what is set beside it counts, None doesn't."""
        return cls(**{**PRESETS[name], **{key: value for key, value in settings.items() if value is not None}})

    @classmethod
    def like(cls, row: t.Exam, *, questions: str, student: str, **overrides: Any) -> "ExamWork":
        """Return the exam work that asks as an earlier exam did, but for `overrides`."""
        names = ("samples", "temperature", "top_p", "max_tokens", "backend")  # an import's exam lacks some
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
            student = students.get(session, self.student)
            model = student_models.open_model(run.engine, student, run.home, self.batch_size, self.backend)
            rendering = student_models.find_rendering(run.engine, student, run.home, model)
            longest = self.max_tokens or exam.default_tokens(session, self.questions, self.split, model)
        return exam.run(
            run.engine,
            model,
            **self.model_dump(exclude={"questions", "temperature", "top_p", "max_tokens", "batch_size"}),
            question_set=self.questions,
            decoding=Sampling(self.temperature, self.top_p, longest),
            rendering=rendering,
            by=run.by,
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
    overrides = {"max_tokens": max_tokens or MORE_TOKENS * row.decoding["max_tokens"], "longer_than": row.uid}
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
    adaptive: bool = False  # no review that can't change the verdict under the exam's policy
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
        way: dict[str, Any] = {"cut_off": self.cut_off, "adaptive": self.policy(session)}
        return committee.count_calls(session, self.exam, self.teachers, self.samples, **way)

    def run(self, run: WorkContext) -> dict[str, Any]:
        """Make the calls that are missing."""
        with followed_by_index(run) as followed:
            collected = self._collect(followed)
        end = committee.describe_end(collected, self.budget)
        result = asdict(collected) | {"reasons": [asdict(reason) for reason in collected.reasons]}
        if collected.saved is None:
            del result["saved"]
        return add_end(result, end)

    def policy(self, session: Session) -> Policy | None:
        """Return the policy by which reviews are left out; None where all are asked for. Raises: NotFound."""
        return saved_policies.exam_policy(session, queries.exam(session, self.exam)) if self.adaptive else None

    def _collect(self, run: WorkContext) -> committee.CollectResult:
        with db.reading(run.engine) as session:
            rows = [teachers.get(session, name) for name in self.teachers]
            models = {row.name: teacher_models.open_model(run.engine, row) for row in rows}
            policy = self.policy(session)
        return committee.collect(
            run.engine,
            **self.model_dump() | {"adaptive": policy},
            models=models,
            by=run.by,
            progress=lambda p: run.tell(
                JobProgress("committee", p.completed, p.total, p.in_words, p.seconds_left, p.in_flight)
            ),
            stopping=run.stopping,
            home=run.home,
        )


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
    def plan(self) -> demo.DemoPlan:
        """Return the loop's plan."""
        return demo.DemoPlan(**self.model_dump())

    def size(self, session: Session) -> int:  # noqa: ARG002
        """Return how many stages it has."""
        self.plan  # noqa: B018 - says what it refuses
        return len(demo.STAGES)

    def run(self, run: WorkContext) -> dict[str, Any]:
        """Run the loop once."""
        with followed_by_index(run) as run:
            summary = demo.run(run.engine, run.home, self.plan, by=run.by, watch=run.tell, stopping=run.stopping)
        overall = summary.results.overall
        return {
            "exam": summary.exam,
            "student": summary.student,
            "snapshot": summary.snapshot,
            "before": summary.results.before.uid,
            "after": summary.results.after.uid,
            "pairs": summary.pairs,
            "untuned": asdict(overall.before),
            "tuned": asdict(overall.after),
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
        exam = queries.exam(session, exam_id).uid
        if (job := find_unended(session, IndexWork.kind, exam)) is not None:
            return job.uid
        is_missing = derivation.find_state(session, exam_id) is derivation.IndexState.MISSING
        if not is_missing and any(j.status == "running" and j.kind in BRINGS_ROWS for j in jobs.list_jobs(session)):
            return None
    with db.writing(engine) as session:
        # Two pages may ask at once: the lock lets the second one find the first one's job.
        db.lock(session, jobs.LOCK)
        if (job := find_unended(session, IndexWork.kind, exam)) is None:
            job = jobs.start(session, IndexWork.kind, IndexWork(exam=exam).model_dump(), by=APP)
        return job.uid


# The kinds that the index follows while they run.
_FOLLOWED = (ExamWork, CollectWork, RoundWork, ArmsWork, DemoWork, FitWork, RefitWork)
BRINGS_ROWS = tuple(kind.kind for kind in _FOLLOWED)
_ALL = (*_FOLLOWED, FinetuneWork, IndexWork)
KINDS: Mapping[str, type[Work]] = {kind.kind: kind for kind in _ALL}


def read_job(job: t.Job) -> Work:
    """Return the work of a job. Raises: BadInput where this version doesn't know it."""
    if job.kind not in KINDS:
        raise BadInput(f"job {job.uid[:8]} is a {job.kind}, which this mapd can't do; it knows {', '.join(KINDS)}")
    try:
        return KINDS[job.kind].model_validate(job.parameters)
    except ValidationError as error:
        first = error.errors()[0]
        fault = f"its {'.'.join(map(str, first['loc']))} is wrong ({first['msg']})"
        raise BadInput(f"job {job.uid[:8]} can't be done: {fault}; start it anew") from error


def job_title(job: t.Job) -> str:
    """Return the job's title, also of one that this version doesn't know."""
    try:
        return read_job(job).title
    except BadInput:
        return f"{job.kind}, of another version"
