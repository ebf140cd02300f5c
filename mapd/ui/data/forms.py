"""What the data page's forms share: refusals, bad rows, the same command in a terminal, and long writes.

    forms.write_all(lambda session, progress: sets.add(session, …, progress=progress), "questions")

A write runs in its own thread, and leaving the `with` waits for it: a click meanwhile ends this run of the page but
not the write.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TypeVar

import streamlit as st
from sqlmodel import Session
from streamlit.runtime.uploaded_file_manager import UploadedFile

from mapd.errors import BadInput, BadRows, Undecided
from mapd.exchange import spreadsheets
from mapd.questions import imports
from mapd.questions.imports import BadRow
from mapd.review.queue_index import derivation
from mapd.store import db
from mapd.ui.kit import context, run_session, text, uploads

# So long parsed files stay in memory for somebody who only looks.
CACHE_TTL = "15m"
HEADER = ("file", "row", "field", "what is wrong")
Progress = Callable[[int, int], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class UploadRefusal:
    """Why files can't be read: cached without the exception, whose frames hold the files' bytes.

    `option`, `choices`: what a person has to decide. `faults`: those of rows.
    """

    message: str
    option: str | None = None
    choices: tuple[str, ...] = ()
    faults: tuple[tuple[str, int, str, str], ...] = ()


def read_or_refuse(read: Callable[[], T]) -> T | UploadRefusal:
    """Return what was read, or why it can't be."""
    try:
        return read()
    except Undecided as error:
        return UploadRefusal(str(error), error.option, error.choices)
    except BadRows as error:
        return UploadRefusal(str(error), faults=tuple(error.faults))
    except BadInput as error:
        return UploadRefusal(str(error))


def read_once(key: str, question: object, spinner: str, read: Callable[[], T]) -> T | UploadRefusal:
    """Return what is read for this question, or why it can't be. Session state keeps the latest answer under `key`."""
    preview: tuple[object, T | UploadRefusal] | None = st.session_state.get(key)
    if preview is None or preview[0] != question:
        run_session.end_reading()
        with st.spinner(spinner):
            preview = question, read_or_refuse(read)
        st.session_state[key] = preview
    return preview[1]


def find_refusal(*checks: Callable[[], object]) -> str | None:
    """Return why one of the checks refuses the import; None where none does."""
    for check in checks:
        if isinstance(refusal := read_or_refuse(check), UploadRefusal):
            return refusal.message
    return None


def button_label(verb: str, number: int, noun: str, bad_rows: Sequence[object]) -> str:
    """Return the label of a button that imports all rows but the bad ones: "Add 12 questions, without 1 bad row"."""
    without = f", without {count_noun(len(bad_rows), 'bad row')}" if bad_rows else ""
    return f"{verb} {count_noun(number, noun)}{without}"


def count_noun(number: int, noun: str) -> str:
    """Return a number with its noun: "1 judgement", "12 judgements"."""
    return f"{number:,} {noun if number == 1 else noun + 's'}"


def draw_faults(faults: Iterable[tuple[str, int, str, str]]) -> Sequence[tuple[str, ...]]:
    """Draw the faults of rows, a line each; return the lines."""
    lines = [
        (text.one_line(file, 120), str(row), text.one_line(field, 80), text.one_line(reason, 200))
        for file, row, field, reason in faults
    ]
    st.dataframe(
        [dict(zip(HEADER, line, strict=True)) for line in lines], hide_index=True, height="auto", key="bad_rows"
    )
    return lines


def draw_bad_rows(bad_rows: Sequence[BadRow], key: str) -> None:
    """Draw each bad row with its reasons, and a file with all of them, as the command writes it."""
    draw_faults((row.file, row.number, name, reason) for row in bad_rows for name, reason in row.faults)
    lines, icon = imports.format_bad_rows(bad_rows), ":material/download:"
    with st.container(horizontal=True):
        st.download_button(
            "Download the bad rows", lines, "bad-rows.jsonl", "application/jsonl", icon=icon, on_click="ignore", key=key
        )
        table = spreadsheets.format_table(HEADER, map(_bad_row, bad_rows))
        st.download_button("As CSV", table, "bad-rows.csv", "text/csv", icon=icon, on_click="ignore", key=f"{key}_csv")


def _bad_row(row: BadRow) -> dict[str, str]:
    """Return a bad row as a line of a table for people."""
    fields = ", ".join(name for name, _ in row.faults)
    problems = "; ".join(f"{name}: {reason}" for name, reason in row.faults)
    return dict(zip(HEADER, (row.file, str(row.number), fields, problems), strict=True))


def show_command(command: str) -> None:
    """Show the command that does the same in a terminal."""
    st.caption("The same in a terminal:")
    st.code(command, language=None, wrap_lines=True)


def empty_uploader(key: str, files: Iterable[UploadedFile]) -> None:
    """Empty an uploader from the next run on, and free its memory. `key`: of the number in the uploader's own key."""
    uploads.give_back(files)
    st.session_state[key] = st.session_state.get(key, 0) + 1


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
