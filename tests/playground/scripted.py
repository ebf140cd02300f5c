"""Students that answer from a script, and a stand-in for the process that answers: a thread of the tests' own."""

import threading
import time
from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from mapd import student_models
from mapd.models.base import Completion, Finish, Limits, Request, TellPart, split_partial, split_thought
from mapd.people import Person, owner
from mapd.playground import asking
from mapd.playground.asking import Decoding, StudentModels
from mapd.playground.helper import PlaygroundInquiry
from mapd.playground.question import PlaygroundQuestion
from mapd.questions import sets
from mapd.questions.rows import QuestionRow, Task
from mapd.store import db
from mapd.store import tables as t

ANN = owner("ann")
ROWS = (
    QuestionRow("p-1", "train", Task.NUMERIC, "Ann has 3 pens and finds 4. How many pens has she?", "7"),
    QuestionRow("p-2", "dev", Task.CHOICE, "What grows on a stone?", "B", options=("a cup", "moss")),
    QuestionRow("p-3", "test", Task.NUMERIC, "A sealed sum: 20 + 22?", "42"),
    QuestionRow("p-4", "dev", Task.NUMERIC, "How many cups hold 100 % of it, if each holds half?", ""),
)


class Watched:
    """A student that says its text a word at a time, `pause` seconds apart."""

    def __init__(self, text: str, pause: float = 0.0) -> None:
        self.name, self.text, self.pause, self.limits = "scripted", text, pause, Limits()
        self.requests: list[Request] = []

    async def answer(self, request: Request, tell: TellPart) -> Completion:
        import asyncio

        self.requests.append(request)
        words = self.text.split(" ")
        for number in range(1, len(words) + 1):
            await asyncio.sleep(self.pause)
            tell(split_partial(" ".join(words[:number]), tokens=number, seconds=number / 10))
        completion = Completion(request.key, self.text, Finish.OK, tokens_out=len(words), latency_s=len(words) / 10)
        return split_thought(completion)

    async def generate(self, requests: AsyncIterable[Request]) -> AsyncIterator[Completion]:
        async for request in requests:
            yield await self.answer(request, lambda _: None)


def fill(engine: sa.Engine, names: Sequence[str] = ("before", "after")) -> dict[str, str]:
    """Add a set of four questions and students without weights; return the questions' uids by number."""
    with db.writing(engine) as session:
        sets.add(session, "pens", ROWS, source="made", simulated=True, by=ANN)
        parent = None
        for name in names:
            row = t.Student(name=name, base=f"path:/nowhere/{name}", parent_id=parent)
            session.add(row)
            session.flush()
            parent = row.id
        return {row.source_id: row.uid for row in session.exec(sa.select(t.Question)).scalars()}


def script(monkeypatch: pytest.MonkeyPatch, models: Mapping[str, Watched]) -> None:
    """Let these models answer for the students of these names."""
    monkeypatch.setattr(student_models, "open_model", lambda _, row, *__: models[row.name])


@dataclass
class AnswerThread:
    """Answers as the process does, in this one."""

    engine: sa.Engine
    home: Path

    def __post_init__(self) -> None:
        self.stops: dict[str, threading.Event] = {}
        self.models = StudentModels(self.engine, self.home)

    def ask(
        self, students: Mapping[str, str], question: PlaygroundQuestion, decoding: Decoding, *, by: Person
    ) -> PlaygroundInquiry:
        refs = tuple(students)
        inquiry = PlaygroundInquiry(
            question, decoding, refs, [asking.PlaygroundAnswer(name) for name in students.values()]
        )
        stop = self.stops[inquiry.uid] = threading.Event()

        def work() -> None:
            asking.ask_here(
                self.models, refs, question, decoding, by=by, tell=inquiry.answers.__setitem__, stopping=stop.is_set
            )
            inquiry.is_over = True

        threading.Thread(target=work, daemon=True).start()
        return inquiry

    def stop(self, inquiry: PlaygroundInquiry) -> None:
        self.stops[inquiry.uid].set()


def wait(inquiry: PlaygroundInquiry, seconds: float = 120) -> None:
    """Look at it until it is over."""
    until = time.monotonic() + seconds
    while not inquiry.is_over:
        assert time.monotonic() < until, inquiry.answers
        inquiry.look()
        time.sleep(0.02)
