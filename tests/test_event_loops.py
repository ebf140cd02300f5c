"""In a notebook an event loop runs already: whatever waits for a model works there as it does in a script."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest
import sqlalchemy as sa

from mapd import event_loops, exam, teacher_models, teachers
from mapd.store import db, queries
from mapd.store import tables as t
from tests import looped
from tests.test_house import MODULES, ROOT


def in_a_notebook(work: Callable[[], Any]) -> Any:
    """What a notebook's cell gives: the work is called where a loop runs."""

    async def cell() -> Any:
        return work()

    return asyncio.run(cell())


async def fail() -> None:
    await asyncio.sleep(0)
    raise LookupError("no such thing")


def test_a_coroutine_ends_there_with_its_value_or_its_error() -> None:
    room = ContextVar("room", default="")

    async def add(number: int) -> tuple[int, str]:
        await asyncio.sleep(0)
        return number + 1, room.get()

    room.set("a cell")
    assert event_loops.run(add(1)) == in_a_notebook(lambda: event_loops.run(add(1))) == (2, "a cell")
    with pytest.raises(LookupError, match="no such thing"):
        in_a_notebook(lambda: event_loops.run(fail()))


def test_ctrl_c_in_a_cell_ends_it_in_good_order() -> None:
    ended: list[str] = []

    async def wait() -> None:
        try:
            threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
            await asyncio.sleep(60)
        finally:
            ended.append("cleaned up")

    def cell() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # as a kernel has it
        with pytest.raises(KeyboardInterrupt):
            event_loops.run(wait())

    before = signal.getsignal(signal.SIGINT)
    try:
        in_a_notebook(cell)
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended == ["cleaned up"]


def test_the_whole_loop_and_a_teachers_test_work_in_a_cell(engine: sa.Engine) -> None:
    def cell() -> bool:
        looped.go_round(engine)
        with db.reading(engine) as session:
            row = teachers.get(session, "sound")
        return teacher_models.test(engine, row).ok

    assert in_a_notebook(cell)
    with db.reading(engine) as session:
        assert session.exec(sa.select(sa.func.count()).select_from(t.Review)).scalar_one() > 0  # type: ignore[call-overload]
        assert all(exam.count_outcomes(session, info.id).n for info in queries.exams(session))


def test_nothing_starts_a_loop_past_it() -> None:
    words = ("asyncio.run(", "run_until_complete")
    starts = [path for path in MODULES if any(word in path.read_text() for word in words)]
    # The process that answers for the playground is its own: nothing in it runs a loop yet.
    assert sorted(starts) == [ROOT / "mapd" / "event_loops.py", ROOT / "mapd" / "playground" / "process.py"]
