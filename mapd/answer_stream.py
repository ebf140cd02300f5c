"""Ask a student in one stream, and keep its answers as they come.

    ending = await ask(model, requests, keep, stopping)
    -> StreamEnd(failures=["HTTP 500: overloaded"], sent=7473, stopped=False)

`keep` gets a few answers at a time, each once, in a thread: what it has written is never asked for again, whenever the
process is killed. Told to stop, nothing more is sent, and what is in flight is awaited for GRACE_S seconds.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from mapd.models.base import Completion, Finish, Model, Request

# So long answers gather behind the first one, to be written in one transaction.
GATHER_S = 0.1
# Less than a job is given to stop (jobs/worker.py).
GRACE_S = 60.0
POLL_S = 0.5


@dataclass
class StreamEnd:
    """How a stream ended: why calls failed, how many requests were sent, and whether it was told to stop."""

    failures: list[str] = field(default_factory=list)
    sent: int = 0
    stopped: bool = False


async def ask(
    model: Model,
    requests: Sequence[Request],
    keep: Callable[[Sequence[Completion]], None],
    stopping: Callable[[], bool],
) -> StreamEnd:
    """Ask all requests and keep what comes; a failed call is kept by nobody. Raises: what `keep` and the model do."""
    arrivals: asyncio.Queue[Completion | None] = asyncio.Queue()
    ending = StreamEnd()

    async def take() -> AsyncIterator[Request]:
        for request in requests:
            ending.stopped = ending.stopped or stopping()
            if ending.stopped:
                return
            ending.sent += 1
            yield request

    async def receive() -> None:
        try:
            async for completion in model.generate(take()):
                arrivals.put_nowait(completion)
        finally:
            arrivals.put_nowait(None)

    receiver = asyncio.create_task(receive())
    try:
        await _write(arrivals, receiver, keep, stopping, ending)
        # What the model itself raised.
        with suppress(asyncio.CancelledError):
            await receiver
    finally:
        receiver.cancel()
        # Interrupted, what has come is kept all the same.
        keep(_read_waiting(arrivals, ending))
    return ending


async def _write(
    arrivals: asyncio.Queue[Completion | None],
    receiver: asyncio.Task[None],
    keep: Callable[[Sequence[Completion]], None],
    stopping: Callable[[], bool],
    ending: StreamEnd,
) -> None:
    """Keep the answers, a group a transaction, until the model has no more."""
    stopped_at: float | None = None
    while True:
        if stopped_at is None and stopping():
            stopped_at, ending.stopped = time.monotonic(), True
        if stopped_at is not None and time.monotonic() - stopped_at > GRACE_S:
            receiver.cancel()
        try:
            first = await asyncio.wait_for(arrivals.get(), POLL_S)
        except TimeoutError:
            continue
        if first is None:
            return
        await asyncio.sleep(GATHER_S)
        answers = [*_sort_out([first], ending), *_read_waiting(arrivals, ending)]
        # Shielded: a transaction that has begun is finished, also where this task is cancelled.
        await asyncio.shield(asyncio.to_thread(keep, answers))


def _read_waiting(arrivals: asyncio.Queue[Completion | None], ending: StreamEnd) -> list[Completion]:
    completions = [arrivals.get_nowait() for _ in range(arrivals.qsize())]
    # The mark of the end stays the last.
    if None in completions:
        arrivals.put_nowait(None)
    return _sort_out([completion for completion in completions if completion is not None], ending)


def _sort_out(completions: Sequence[Completion], ending: StreamEnd) -> list[Completion]:
    """Return the answers; note why the other calls failed."""
    ending.failures += [c.error or "no reason given" for c in completions if c.finish is Finish.FAILED]
    return [completion for completion in completions if completion.finish is not Finish.FAILED]
