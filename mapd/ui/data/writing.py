"""Long writing behind a progress bar.

    writing.run(lambda session, progress: sets.add(session, …, progress=progress), "questions")

It has a thread of its own, which the `with` waits for: a click meanwhile ends this run of the page, not the writing.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

import streamlit as st
from sqlmodel import Session

from mapd.store import db
from mapd.ui import current

Progress = Callable[[int, int], None]
T = TypeVar("T")


def write_all(write: Callable[[Session, Progress], T], noun: str) -> T:
    """Write in one transaction, all of it or nothing, and return what came of it."""
    engine = current.engine()

    def commit(progress: Progress) -> T:
        with db.writing(engine) as session:
            return write(session, progress)

    return follow_progress(commit, noun)


def follow_progress(work: Callable[[Progress], T], noun: str) -> T:
    """Do the work, which tells how far it is, and return what came of it."""
    written, total = 0, 1

    def note(number: int, expected: int) -> None:
        nonlocal written, total
        written, total = number, expected

    bar = st.progress(0.0, "Importing …")
    with ThreadPoolExecutor(max_workers=1) as pool:
        future = pool.submit(work, note)
        while not future.done():
            wait([future], timeout=0.1)
            bar.progress(written / total if total else 1.0, f"{written:,} of {total:,} {noun}")
        return future.result()
