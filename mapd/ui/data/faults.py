"""Bad rows as a table: the place of each row and its fault."""

from collections.abc import Sequence

import streamlit as st

from mapd.questions import imports
from mapd.questions.imports import BadRow
from mapd.ui.kit import text

HEADER = ("file", "row", "field", "what is wrong")


def count(number: int, word: str) -> str:
    """Return a number with its noun: "1 question", "1,319 questions"."""
    return f"{number:,} {word if number == 1 else word + 's'}"


def without_bad_rows(bad_rows: Sequence[object]) -> str:
    """Return the end of a button's label that imports all rows but these."""
    return f", without {count(len(bad_rows), 'bad row')}" if bad_rows else ""


def draw_faults(faults: Sequence[tuple[str, int, str, str]]) -> Sequence[tuple[str, ...]]:
    """Draw the faults of rows, a line each; return the lines."""
    lines = [
        (text.one_line(file, 120), str(row), text.one_line(field, 80), text.one_line(reason, 200))
        for file, row, field, reason in faults
    ]
    st.dataframe(
        [dict(zip(HEADER, line, strict=True)) for line in lines], hide_index=True, height="auto", key="bad_rows"
    )
    return lines


def draw_download(bad_rows: Sequence[BadRow], key: str) -> None:
    """Draw the button that downloads bad rows as the command writes them."""
    lines, icon = imports.format_bad_rows(bad_rows), ":material/download:"
    st.download_button(
        "Download the bad rows", lines, "bad-rows.jsonl", "application/jsonl", icon=icon, on_click="ignore", key=key
    )
