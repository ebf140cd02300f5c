"""Pages by key: which rows an address asks for, and the links to those before and behind.

    turn = turning.asked(4)                               # /browse?…&after=350,12,17,40
    turning.links("pages/review/browse.py", rows, before=25, of=826, verdict="accepted", …)

A page begins behind the last row of the one before, not at a number: it costs the same at any depth, and what is judged
meanwhile moves no row from one page to the next.
"""

from collections.abc import Sequence

import streamlit as st

from mapd.store.listing import Row, Turn
from mapd.ui import current, text

AFTER, BEFORE = "after", "before"
LAST_TURN = "turned"  # session state: the turn that the browser's address has


def read_turn(length: int) -> Turn | None:
    """Where the address turns, by a key of so many numbers; what is none is said in one line and left out."""
    for name in (AFTER, BEFORE):
        if (value := st.query_params.get(name)) is None:
            continue
        parts = value.split(",")
        if st.session_state.get(LAST_TURN) != (name, value):
            st.query_params[name] = value  # a link to the same page doesn't change what the browser shows as address
        st.session_state[LAST_TURN] = name, value
        if len(parts) == length and all(part.lstrip("-").isdecimal() and len(part) < 16 for part in parts):
            return Turn(tuple(map(int, parts)), back=name == BEFORE)
        del st.query_params[name]
        text.complain(f"this address goes on {name} {value}, which is no row of this order: it begins at the first")
    st.session_state.pop(LAST_TURN, None)
    return None


def go_to_first() -> None:
    """A callback for filters: what they find is read from its beginning."""
    for name in (AFTER, BEFORE):
        st.query_params.pop(name, None)


def draw_links(page: str, rows: Sequence[Row], rows_before: int, row_count: int, **params: object) -> None:
    """Which rows these are of how many, and the links to the others.

    `before`: how many stand before them. `params`: the page's address without exam and turn.
    """
    end = rows_before + len(rows)
    with st.container(horizontal=True, vertical_alignment="center", key="mapd_turn"):
        st.html(f'<span class="mapd-note">{rows_before + 1:,}–{end:,} of {row_count:,}</span>', width="content")
        if rows_before:
            current.link(page, "Previous", icon=":material/chevron_left:", **params, before=_key(rows[0]))
        if end < row_count:
            current.link(page, "Next", icon=":material/chevron_right:", **params, after=_key(rows[-1]))


def draw_first_link(page: str, **params: object) -> None:
    """The way back where no row stands any more."""
    st.info("No row stands there any more.", icon=":material/search_off:")
    current.link(page, "To the first", icon=":material/first_page:", **params)


def _key(row: Row) -> str:
    return ",".join(map(str, row.key))
