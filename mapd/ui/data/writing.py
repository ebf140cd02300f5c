"""Long writes with a progress bar.

    writing.write_all(lambda session, progress: sets.add(session, …, progress=progress), "questions")

The write runs in its own thread, and leaving the `with` waits for it: a click meanwhile ends this run of the page
but not the write.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

import streamlit as st
from sqlmodel import Session

from mapd.review.queue_index import derivation
from mapd.store import db
from mapd.ui.kit import context, run_session

Progress = Callable[[int, int], None]
T = TypeVar("T")


def write_all(write: Callable[[Session, Progress], T], noun: str) -> T:
    """Write in one transaction, everything or nothing; return the result."""
    # Taken here: the thread has no streamlit context.
    engine = context.engine()

    def commit(progress: Progress) -> T:
        with db.writing(engine) as session:
            return write(session, progress)

    return follow_progress(commit, noun)


def follow_progress(work: Callable[[Progress], T], noun: str) -> T:
    """Do the work, which reports its progress, and have the queue index follow; return the work's result."""
    written, total = 0, 1

    def note(number: int, expected: int) -> None:
        nonlocal written, total
        written, total = number, expected

    run_session.end_reading()
    bar, engine = st.progress(0.0, "Importing …"), context.engine()

    def work_and_derive() -> T:
        nonlocal noun
        result = work(note)
        noun = "questions, into queues and filters"
        derivation.catch_up_all(engine, note)
        return result

    with ThreadPoolExecutor(max_workers=1) as pool:
        future = pool.submit(work_and_derive)
        while not future.done():
            wait([future], timeout=0.1)
            bar.progress(written / total if total else 1.0, f"{written:,} of {total:,} {noun}")
        return future.result()
