"""Ask students one question, all at once, and tell each of them how far it is.

    await ask(StudentModels(engine, home), ["smollm2", "qwen"], question, Decoding(), tell, stopping)
    tell(0, PlaygroundAnswer("smollm2", AnswerStage.ANSWERING, text="3 + 4", tokens=4, seconds=0.3))
    -> [PlaygroundAnswer("smollm2", AnswerStage.DONE, text="3 + 4 = 7. Answer: 7", answer="7", outcome="correct"), …]

A student that can't be asked is an answer with one line of why and what to do: the other one answers all the same.
"""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Self, cast

import sqlalchemy as sa

from mapd import attempts, event_loops, prompts, student_models, students
from mapd.characters import storable
from mapd.errors import BadInput, MapdError, in_a_line
from mapd.models.base import Completion, Finish, Model, PartialAnswer, Request, Sampling, WatchedModel
from mapd.people import Person, Right, require
from mapd.playground.question import PlaygroundQuestion
from mapd.store import db
from mapd.store import tables as t

# Of one answer: however slow a student is, somebody else may wait.
LONGEST_S = 600.0
MOST_TOKENS = 8192
MOST_STUDENTS = 2
# Local models in memory: those of one question.
MOST_LOADED = MOST_STUDENTS
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
        longest = self.max_tokens or attempts.longest_answer(question.split_tasks or [question.task], model)
        return Sampling(self.temperature, self.top_p, longest, attempts.seed_of_sample(self.seed, 0))


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

    @property
    def measures(self) -> str:
        """Return its tokens, seconds and pace in words, as far as they are known."""
        numbers = [
            None if self.tokens is None else f"{self.tokens:,} tokens",
            None if self.seconds is None else f"{self.seconds:.1f} s",
            None if self.pace is None else f"{self.pace:.1f} tokens/s",
        ]
        return " · ".join(filter(None, numbers))

    def as_json(self) -> dict[str, Any]:
        """Return its fields, and its pace, for scripts."""
        return {**asdict(self), "tokens_per_s": None if self.pace is None else round(self.pace, 2)}

    @classmethod
    def read(cls, fields: dict[str, Any]) -> Self:
        """Return the answer of such fields."""
        values = {name: value for name, value in fields.items() if name in cls.__dataclass_fields__}
        return cls(**{**values, "stage": AnswerStage(values["stage"])})


TellAnswer = Callable[[int, PlaygroundAnswer], None]


@dataclass(frozen=True, slots=True)
class OpenStudent:
    """A student that can be asked."""

    row: t.Student
    model: WatchedModel
    rendering: str | None


class StudentModels:
    """The students of a process as models: of those here the last two stay loaded.

    Two students of one base don't share its memory: an exam lays an adapter into the weights, and so is it done here.
    """

    def __init__(self, engine: sa.Engine, home: Path) -> None:
        self.engine, self.home = engine, home
        self._models: OrderedDict[tuple[Any, ...], WatchedModel] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, ref: str) -> t.Student:
        """Return the row of the student of this name, uid or id. Raises: NotFound."""
        with db.reading(self.engine) as session:
            row = students.get(session, ref)
            session.expunge_all()
        return row

    def open(self, ref: str) -> OpenStudent:
        """Return the student by name, uid or id. Raises: NotFound; BadInput where it can't be asked, with the cure."""
        row = self.find(ref)
        model = self._open_served(row) if students.is_served(row) else self._open_local(row)
        return OpenStudent(row, model, student_models.find_rendering(self.engine, row, self.home, model))

    def _open_served(self, row: t.Student) -> WatchedModel:
        # A new one for each question: a model counts its own faults and calls, and its key and form may be others now.
        model = self._open(row)
        model.limits, model.tries = replace(model.limits, concurrency=1), TRIES  # type: ignore[attr-defined]
        return model

    def _open_local(self, row: t.Student) -> WatchedModel:
        # Weights that were loaded are those that were checked; what else changes is another key.
        key = tuple(str(value) for name, value in row.model_dump().items() if name not in IDLE_FIELDS)
        with self._lock:
            if key not in self._models:
                while len(self._models) >= MOST_LOADED:
                    self._models.popitem(last=False)
                self._models[key] = self._open(row)
            self._models.move_to_end(key)
            return self._models[key]

    def _open(self, row: t.Student) -> WatchedModel:
        # Only vLLM's, which isn't asked for, can't be watched.
        return cast(WatchedModel, student_models.open_model(self.engine, row, self.home))


def check(refs: Sequence[str], decoding: Decoding) -> None:
    """See that so many students can be asked in this way. Raises: BadInput."""
    if not 1 <= len(refs) <= MOST_STUDENTS:
        raise _refuse_students(refs)
    if decoding.max_tokens is not None and not 1 <= decoding.max_tokens <= MOST_TOKENS:
        raise BadInput(f"an answer here has 1 to {MOST_TOKENS:,} tokens, not {decoding.max_tokens:,}")
    if not 0 <= decoding.temperature <= 2 or not 0 < decoding.top_p <= 1:
        raise BadInput(
            f"a temperature is 0 to 2, a top p above 0 up to 1; not {decoding.temperature:g} and {decoding.top_p:g}"
        )


def _refuse_students(refs: Sequence[str]) -> BadInput:
    return BadInput(f"one or two students are asked, each once; not {', '.join(refs) or 'none'}")


def ask_here(
    models: StudentModels,
    refs: Sequence[str],
    question: PlaygroundQuestion,
    decoding: Decoding,
    *,
    by: Person,
    tell: TellAnswer = lambda *_: None,
    stopping: Callable[[], bool] = lambda: False,
) -> list[PlaygroundAnswer]:
    """Ask the students in this process; return their answers. Raises: Forbidden; BadInput, as `check` and `ask`."""
    require(by, Right.RUN_JOBS)
    check(refs, decoding)
    return event_loops.run(ask(models, refs, question, decoding, tell, stopping))


async def ask(
    models: StudentModels,
    refs: Sequence[str],
    question: PlaygroundQuestion,
    decoding: Decoding,
    tell: TellAnswer,
    stopping: Callable[[], bool],
    turn: AbstractAsyncContextManager[Any] | None = None,
) -> list[PlaygroundAnswer]:
    """Ask the students at once; return their answers, in their order. What they can't is said in the answer.

    `turn`: what is awaited before, and held while, students of this machine are asked.

    Raises: BadInput where both are one student.
    """
    writers = [_Writer(models, ref, question, decoding, partial(tell, place)) for place, ref in enumerate(refs)]
    for writer in writers:
        await writer.find()
    # By uid: one student may be named in several ways.
    if len({writer.row.uid if writer.row else writer.ref for writer in writers}) < len(writers):
        raise _refuse_students(refs)
    is_local = any(writer.row is not None and not students.is_served(writer.row) for writer in writers)
    work = asyncio.create_task(_write_all(writers, turn if turn and is_local else nullcontext()))
    try:
        while not work.done():
            await asyncio.wait([work], timeout=POLL_S)
            if stopping():
                work.cancel()
    finally:
        work.cancel()
    for writer in writers:
        writer.stop()
    if not work.cancelled():
        work.result()
    return [writer.last for writer in writers]


async def _write_all(writers: Sequence["_Writer"], turn: AbstractAsyncContextManager[Any]) -> None:
    async with turn, asyncio.TaskGroup() as group:
        for writer in writers:
            group.create_task(writer.write())


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
        self.row: t.Student | None = None
        self.last = PlaygroundAnswer(ref)

    async def find(self) -> None:
        """Read who it is; that it isn't there is told."""
        with self._noting_faults():
            self.row = await asyncio.to_thread(self.models.find, self.ref)
            self.last = replace(self.last, student=self.row.name)

    async def write(self) -> None:
        """Load the student and have it answer; whatever ends that is told."""
        if self.row is not None:
            with self._noting_faults():
                async with asyncio.timeout(LONGEST_S):
                    await self._answer()

    def stop(self) -> None:
        """Note that nothing more comes."""
        if not self.last.stage.is_over:
            self._note(stage=AnswerStage.STOPPED)

    @contextmanager
    def _noting_faults(self) -> Iterator[None]:
        """Make an answer of what a student, its weights or its server end in: the other student answers all the same.

        What came before stays.
        """
        try:
            yield
        except TimeoutError:
            self._note(stage=AnswerStage.STOPPED, error=f"it took longer than {LONGEST_S:,.0f} s; ask for fewer tokens")
        except MapdError as error:
            self._note(stage=AnswerStage.FAILED, error=str(error))
        # A file that can't be read, and what torch raises where memory runs out or a device fails.
        except (OSError, RuntimeError, MemoryError) as error:
            reason = f"it can't be asked here ({in_a_line(error)}); ask again, or see to its files and the memory"
            self._note(stage=AnswerStage.FAILED, error=reason)

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
        self._end(await student.model.answer(request, self._take), student.row)

    def _take(self, part: PartialAnswer) -> None:
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
