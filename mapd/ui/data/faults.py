"""Bad rows as a table: where each stands and what is wrong with it."""

from collections.abc import Sequence

import streamlit as st

from mapd.ui import text

HEADER = ("file", "row", "field", "what is wrong")


def count(number: int, word: str) -> str:
    """Return so many of a thing in words: "1 question", "1,319 questions"."""
    return f"{number:,} {word if number == 1 else word + 's'}"


def without_bad_rows(bad_rows: Sequence[object]) -> str:
    """Return how a button's label ends that imports all but these rows."""
    return f", without {count(len(bad_rows), 'bad row')}" if bad_rows else ""


def draw_faults(faults: Sequence[tuple[str, int, str, str]]) -> Sequence[tuple[str, ...]]:
    """Draw what is wrong with rows, a line each; return the lines."""
    lines = [
        (text.one_line(file, 120), str(row), text.one_line(field, 80), text.one_line(reason, 200))
        for file, row, field, reason in faults
    ]
    st.dataframe(
        [dict(zip(HEADER, line, strict=True)) for line in lines], hide_index=True, height="auto", key="bad_rows"
    )
    return lines
