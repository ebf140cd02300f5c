"""Ask students one question, all at once, and tell each of them how far it is.

    await ask(StudentModels(engine, home), ["smollm2", "qwen"], question, Decoding(), tell, stopping)
    tell(0, PlaygroundAnswer("smollm2", AnswerStage.ANSWERING, text="3 + 4", tokens=4, seconds=0.3))
    -> [PlaygroundAnswer("smollm2", AnswerStage.DONE, text="3 + 4 = 7. Answer: 7", answer="7", outcome="correct"), …]

A student that can't be asked is an answer with one line of why and what to do: the other one answers all the same.
"""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa

from mapd import attempts, event_loops, exam, prompts, student_models, students
from mapd.characters import storable
from mapd.errors import BadInput, MapdError
from mapd.models import base
from mapd.models.base import AnswerSoFar, Completion, Finish, Model, Request, Sampling
from mapd.people import Person, Right, require
from mapd.playground.question import PlaygroundQuestion
from mapd.store import db
from mapd.store import tables as t

# Of one answer: however slow a student is, somebody else may wait.
LONGEST_S = 600.0
MOST_TOKENS = 8192
MOST_STUDENTS = 2
# Local models that are kept in memory: those of one question.
KEPT = MOST_STUDENTS
# For a server that somebody waits for.
TRIES = 2
POLL_S = 0.05
# Of a student's row: what may change while its model is in memory.
IDLE_FIELDS = ("name", "learned", "created_at")


class AnswerStage(StrEnum):
    """How far an answer is; the words are those that are shown."""

    WAITING = "waits for another question"
    LOADING = "is being loaded"
    ANSWERING = "answers"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def is_over(self) -> bool:
        """Return whether nothing more comes."""
        return self in (AnswerStage.DONE, AnswerStage.STOPPED, AnswerStage.FAILED)


@dataclass(frozen=True, slots=True)
class Decoding:
    """How an answer is drawn: by default as an exam does. `max_tokens`: None is as its task and its template need."""

    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    max_tokens: int | None = None

    def sampling(self, question: PlaygroundQuestion, model: Model) -> Sampling:
        """Return the sampling of an exam's first sample."""
        longest = self.max_tokens or exam.longest_answer([question.task], model)
        return Sampling(self.temperature, self.top_p, longest, exam.seed_of_sample(self.seed, 0))


@dataclass(frozen=True, slots=True)
class PlaygroundAnswer:
    """One student's answer, up to now or whole.

    `answer`, `why`: what is read as its final answer, and how; `outcome`: beside the gold answer, where there is one.
    `rendering`: who writes a served student's prompt.
    """

    student: str
    stage: AnswerStage = AnswerStage.WAITING
    text: str = ""
    thought: str | None = None
    tokens: int | None = None
    seconds: float | None = None
    finish: str | None = None
    answer: str | None = None
    outcome: str | None = None
    why: str | None = None
    rendering: str | None = None
    error: str | None = None

    @property
    def pace(self) -> float | None:
        """Return its tokens a second, once there are a few."""
        return self.tokens / self.seconds if self.tokens and self.seconds else None

    def as_json(self) -> dict[str, Any]:
        """Return its fields, and its pace, for scripts."""
        return {**asdict(self), "tokens_per_s": None if self.pace is None else round(self.pace, 2)}

    @classmethod
    def read(cls, fields: dict[str, Any]) -> Self:
        """Return the answer of such fields."""
        values = {name: value for name, value in fields.items() if name in cls.__dataclass_fields__}
        return cls(**{**values, "stage": AnswerStage(values["stage"])})


Tell = Callable[[int, PlaygroundAnswer], None]


@dataclass(frozen=True, slots=True)
class OpenStudent:
    """A student that can be asked."""

    row: t.Student
    model: Model
    rendering: str | None


class StudentModels:
    """The students' models of a process: of those here the last two stay loaded.

    Two students of one base don't share its memory: an exam lays an adapter into the weights, and so is it done here.
    """

    def __init__(self, engine: sa.Engine, home: Path) -> None:
        self.engine, self.home = engine, home
        self._models: OrderedDict[tuple[Any, ...], Model] = OrderedDict()
        self._lock = threading.Lock()

    def open(self, ref: str) -> OpenStudent:
        """Return the student by name, uid or id. Raises: NotFound; BadInput where it can't be asked, with the cure."""
        with db.reading(self.engine) as session:
            row = students.get(session, ref)
            session.expunge_all()
        with self._lock:
            model = self._load(row)
        # Each time: its server may have been started anew, with another template.
        return OpenStudent(row, model, student_models.find_rendering(self.engine, row, self.home, model))

    def _load(self, row: t.Student) -> Model:
        # Weights that were loaded are those that were checked; what else changes is another key.
        key = tuple(str(value) for name, value in row.model_dump().items() if name not in IDLE_FIELDS)
        if key in self._models:
            self._models.move_to_end(key)
            return self._models[key]
        while len(self._models) >= KEPT:
            self._models.popitem(last=False)
        model = student_models.open_model(self.engine, row, self.home)
        if students.is_served(row):
            model.limits, model.tries = replace(model.limits, concurrency=1), TRIES  # type: ignore[attr-defined]
        self._models[key] = model
        return model


def check(refs: Sequence[str], decoding: Decoding) -> None:
    """See that so many students can be asked in this way. Raises: BadInput."""
    if not 1 <= len(refs) <= MOST_STUDENTS or len(set(refs)) < len(refs):
        raise BadInput(f"one or two students are asked, each once; not {', '.join(refs) or 'none'}")
    if decoding.max_tokens is not None and not 1 <= decoding.max_tokens <= MOST_TOKENS:
        raise BadInput(f"an answer here has 1 to {MOST_TOKENS:,} tokens, not {decoding.max_tokens:,}")
    if not 0 <= decoding.temperature <= 2 or not 0 < decoding.top_p <= 1:
        raise BadInput(
            f"a temperature is 0 to 2, a top p above 0 up to 1; not {decoding.temperature:g} and {decoding.top_p:g}"
        )


def ask_here(
    models: StudentModels,
    refs: Sequence[str],
    question: PlaygroundQuestion,
    decoding: Decoding,
    *,
    by: Person,
    tell: Tell = lambda *_: None,
    stopping: Callable[[], bool] = lambda: False,
) -> list[PlaygroundAnswer]:
    """Ask the students in this process; return their answers. Raises: Forbidden; BadInput, as `check`."""
    require(by, Right.RUN_JOBS)
    check(refs, decoding)
    return event_loops.run(ask(models, refs, question, decoding, tell, stopping))


async def ask(
    models: StudentModels,
    refs: Sequence[str],
    question: PlaygroundQuestion,
    decoding: Decoding,
    tell: Tell,
    stopping: Callable[[], bool],
) -> list[PlaygroundAnswer]:
    """Ask the students at once; return their answers, in their order. What they can't is said in the answer."""
    writers = [_Writer(models, ref, question, decoding, partial(tell, place)) for place, ref in enumerate(refs)]
    tasks = [asyncio.create_task(writer.write()) for writer in writers]
    try:
        while pending := [task for task in tasks if not task.done()]:
            await asyncio.wait(pending, timeout=POLL_S)
            if stopping():
                for task in pending:
                    task.cancel()
    finally:
        for task in tasks:
            task.cancel()
    for task in tasks:
        if not task.cancelled() and (fault := task.exception()) is not None:
            raise fault
    return [writer.last for writer in writers]


class _Writer:
    """One student at one question."""

    def __init__(
        self,
        models: StudentModels,
        ref: str,
        question: PlaygroundQuestion,
        decoding: Decoding,
        tell: Callable[[PlaygroundAnswer], None],
    ) -> None:
        self.models, self.ref, self.question, self.decoding, self.tell = models, ref, question, decoding, tell
        self.last = PlaygroundAnswer(ref)

    async def write(self) -> None:
        """Load the student and have it answer; whatever ends that is told."""
        try:
            async with asyncio.timeout(LONGEST_S):
                await self._answer()
        except asyncio.CancelledError:
            self._note(stage=AnswerStage.STOPPED)
        except TimeoutError:
            self._note(stage=AnswerStage.STOPPED, error=f"it took longer than {LONGEST_S:,.0f} s; ask for fewer tokens")
        except MapdError as error:
            self._note(stage=AnswerStage.FAILED, error=str(error))

    def _note(self, **changes: Any) -> None:
        self.last = replace(self.last, **changes)
        self.tell(self.last)

    async def _answer(self) -> None:
        self._note(stage=AnswerStage.LOADING)
        student = await asyncio.to_thread(self.models.open, self.ref)
        self._note(stage=AnswerStage.ANSWERING, student=student.row.name, rendering=student.rendering)
        q = self.question
        block = prompts.question_block(q.text, q.context, q.options)
        messages = prompts.exam_messages(block, q.task, student.row.shots)
        request = Request("playground", messages, self.decoding.sampling(q, student.model))
        completion = base.split_thought(await base.answer(student.model, request, self._take))
        self._end(completion, student.row)

    def _take(self, part: AnswerSoFar) -> None:
        self._note(text=part.text, thought=part.thought or None, tokens=part.tokens, seconds=part.seconds)

    def _end(self, completion: Completion, row: t.Student) -> None:
        text, finish = storable(completion.text), completion.finish
        changes: dict[str, Any] = {"text": text, "thought": completion.thought and storable(completion.thought)}
        changes |= {"finish": finish.value, "error": completion.error, "tokens": completion.tokens_out}
        changes["seconds"] = completion.latency_s or self.last.seconds
        if finish is Finish.FAILED:
            error = completion.error or "no reason was given"
            if students.is_served(row) and "; " not in error:
                error += f"; check its server at {row.base_url}"
            self._note(**changes | {"stage": AnswerStage.FAILED, "error": error})
            return
        q = self.question
        if q.gold is None:
            answer = attempts.read_response(text, finish, q.task, q.options)
            self._note(**changes, stage=AnswerStage.DONE, answer=answer.value, why=answer.why)
            return
        grade = attempts.grade_response(text, finish, q.gold, q.task, q.options)
        self._note(**changes, stage=AnswerStage.DONE, answer=grade.answer, why=grade.why, outcome=grade.outcome.value)
