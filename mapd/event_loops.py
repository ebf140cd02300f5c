"""Run a coroutine to its end, in a script and in a notebook alike.

    event_loops.run(model.answer())      # asyncio.run, or the same in a thread where a loop runs already

Jupyter runs each cell inside an event loop, in which `asyncio.run` refuses to start another one.
"""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from typing import Any, TypeVar

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Return what the coroutine returns. Ctrl+C cancels it, and is raised when its own clean-up is done."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    return _run_in_thread(work)


def _run_in_thread(work: Coroutine[Any, Any, T]) -> T:
    # The caller's loop stands still meanwhile.
    start: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = Future()

    async def cancellable() -> T:
        task = asyncio.current_task()
        assert task is not None, "a coroutine that asyncio.run runs is a task"
        start.set_result((asyncio.get_running_loop(), task))
        return await work

    with ThreadPoolExecutor(max_workers=1) as thread:
        result = thread.submit(copy_context().run, asyncio.run, cancellable())
        try:
            return result.result()
        except KeyboardInterrupt:
            loop, task = start.result()
            # It ended in this moment, and its loop is closed.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(task.cancel)
            raise
