"""The one session in which a run of a page reads, so that all of it shows one moment of the database.

    with run_session.one_session():            # the frame, and a fragment that refreshes itself
        context.read(queries.exams)            # opens the session
        context.read(queries.voices, 3)        # the same session
        run_session.end_reading()              # before a long wait; the next read opens another

A commit ends it, too: whatever the run wrote, its next read sees.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import TypeVar

import sqlalchemy as sa
from sqlmodel import Session

from mapd.store import db

T = TypeVar("T")


class RunSession:
    """The session in which one run of a page reads: opened at its first read, closed at its end."""

    def __init__(self) -> None:
        self._opened = ExitStack()
        self._session: Session | None = None

    def read(self, engine: Callable[[], sa.Engine], query: Callable[[Session], T]) -> T:
        """Return what the query gives. An error closes the session; the next read opens another."""
        session, self._session = self._session or self._opened.enter_context(db.reading(engine())), None
        # The error passes through `db.reading`, which makes a fault of the database one line.
        with self._opened.pop_all() as opened:
            result = query(session)
            self._opened.enter_context(opened.pop_all())
            self._session = session
        return result

    def close(self) -> None:
        """Close the session, if it is open."""
        self._session = None
        self._opened.close()


# Each run has a thread, and so a value, of its own: two runs never share a session.
_RUN: ContextVar[RunSession | None] = ContextVar("run", default=None)


@contextmanager
def one_session() -> Iterator[None]:
    """Let everything that this run of a page reads share one session. The frame and refreshing fragments use this."""
    # A fragment that the whole page draws reads in the page's session.
    if _RUN.get() is not None:
        yield
        return
    run = RunSession()
    token = _RUN.set(run)
    try:
        yield
    # Streamlit ends a run with an exception, too.
    finally:
        _RUN.reset(token)
        run.close()


def end_reading() -> None:
    """Close the run's session until its next read, which sees what was written meanwhile. Long waits call this."""
    # PostgreSQL can't clean up behind a transaction that lies open.
    if (run := _RUN.get()) is not None:
        run.close()


def read(engine: Callable[[], sa.Engine], query: Callable[[Session], T]) -> T:
    """Return what the query gives in the run's session; outside of a run it gets one of its own."""
    with one_session():
        run = _RUN.get()
        assert run is not None, "one_session sets it"
        return run.read(engine, query)
