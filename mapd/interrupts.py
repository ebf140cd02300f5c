"""End the process in good order on Ctrl+C, SIGTERM, or a closed terminal: one line and code 130, at any moment.

    listen()                                   # imports: nothing is under way, so it ends at once
    allow()                                    # a short command: its transaction is rolled back, its files are cleared
    with stopping(awaits, lost) as stop:       # long work: the first one stops it in good order, the second at once
        work(stopping=stop.is_set)

Nothing is imported here that takes time: before `listen` is called, Ctrl+C shows Python's own traceback.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

from mapd.characters import visible

# The code that a shell gives to a program that Ctrl+C ended.
CODE = 130
NOTHING = "interrupted before anything was begun"
HALF = "interrupted: what was finished is kept, and nothing half-done"


def say(line: str) -> None:
    """Write one line to standard error, also where nobody reads it any more."""
    with suppress(OSError):
        os.write(2, f"mapd: {visible(line)}\n".encode(errors="replace"))


class StopRequest:
    """The end of a piece of long work, in good order."""

    def __init__(self, awaits: Callable[[], str], lost: Callable[[], str], tell: Callable[[str], None]) -> None:
        self.awaits, self.lost, self.tell = awaits, lost, tell
        self.is_requested = False

    def is_set(self) -> bool:
        """Return whether the work is to stop."""
        return self.is_requested

    def hear(self) -> None:
        """Stop the work the first time; end it the second time."""
        if self.is_requested:
            _end(f"ended at once: {self.lost()}")
        self.is_requested = True
        self.tell(f"stopping: {self.awaits()}; press Ctrl+C again to end at once")


class _State:
    """What is under way in this process."""

    was_interrupted = False
    # Set once all imports are done: from then on an interrupt may be raised.
    may_raise = False
    work: StopRequest | None = None  # long work, which is stopped instead


def listen() -> None:
    """Take the signals, but those that whoever started this process had it ignore."""
    _State.was_interrupted, _State.may_raise, _State.work = False, False, None
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _hear)
    sys.excepthook, sys.unraisablehook, threading.excepthook = _hook_exception, _hook_unraisable, _hook_thread


def allow() -> None:
    """Let an interrupt be raised from now on, where the work at hand takes it as an error."""
    _State.may_raise = True


def was_heard() -> bool:
    """Return whether there was an interrupt."""
    return _State.was_interrupted


def leave() -> None:
    """Let the system end the process at a signal: all is done."""
    for name in ("SIGINT", "SIGTERM"):
        if signal.getsignal(getattr(signal, name)) is _hear:
            signal.signal(getattr(signal, name), signal.SIG_DFL)


@contextmanager
def stopping(
    awaits: Callable[[], str], lost: Callable[[], str], tell: Callable[[str], None] = say
) -> Iterator[StopRequest]:
    """Let the first interrupt stop a piece of work in good order, and the second end it at once.

    `awaits` says what is awaited, `lost` what an end at once comes to, both at that moment.
    """
    _State.work = StopRequest(awaits, lost, tell)
    try:
        yield _State.work
    finally:
        _State.work = None


def _hear(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler's arguments
    again, _State.was_interrupted = _State.was_interrupted, True
    if _State.work is not None:
        _State.work.hear()
    elif again or not _State.may_raise:
        _end(HALF if _State.may_raise else NOTHING)
    else:
        raise KeyboardInterrupt


def _end(line: str) -> NoReturn:
    # The database rolls back what was not committed.
    if sys.stderr.isatty():
        with suppress(OSError):
            os.write(2, b"\r\x1b[2K\x1b[?25h")  # a progress bar hides the cursor
    say(line)
    os._exit(CODE)


# Ctrl+C can be raised in the middle of anything: in an import, which makes another error of it, or in a callback whose
# errors Python only prints. It comes to the same line.


def _hook_exception(kind: type[BaseException], error: BaseException, at: Any) -> None:
    if _State.was_interrupted:
        _end(HALF)
    sys.__excepthook__(kind, error, at)


def _hook_unraisable(unraisable: Any) -> None:
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        _end(HALF)
    sys.__unraisablehook__(unraisable)


def _hook_thread(error: Any) -> None:
    if not _State.was_interrupted:
        threading.__excepthook__(error)
