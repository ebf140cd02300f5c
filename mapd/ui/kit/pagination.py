"""Pages: of a list by number, and of a query's rows by key.

    turn = pagination.read_turn(4)                        # /browse?…&after=350,12,17,40
    pagination.draw_links("pages/review/browse.py", rows, 25, 826, verdict="accepted", …)

A page by key begins after the last row of the page before, not at a number: it costs the same at any depth, and
judgements made meanwhile move no row from one page to the next.
"""

from collections.abc import Sequence
from typing import TypeVar

import streamlit as st

from mapd.store import browse
from mapd.store.browse import BrowseRow, PageStart
from mapd.ui.kit import context, text

T = TypeVar("T")
AFTER, BEFORE = "after", "before"
# Session state: the turn in the browser's address.
LAST_TURN = "turned"


def take_page(items: Sequence[T], size: int = browse.PAGE, key: str = "page") -> Sequence[T]:
    """Draw the numbers of a list's pages; return the items of the chosen page."""
    start = choose_start(len(items), size, key)
    return items[start : start + size]


def choose_start(item_count: int, size: int = browse.PAGE, key: str = "page") -> int:
    """Draw the numbers of pages; return how many items stand before the chosen page."""
    pages = max(1, -(-item_count // size))
    return (min(st.pagination(pages, key=key, bind="query-params"), pages) - 1) * size


def read_turn(length: int) -> PageStart | None:
    """Return where the address turns, by a key of so many numbers. Another key is named in one line and left out."""
    for name in (AFTER, BEFORE):
        if (value := st.query_params.get(name)) is None:
            continue
        parts = value.split(",")
        if st.session_state.get(LAST_TURN) != (name, value):
            # A link to the same page doesn't change the address that the browser shows.
            st.query_params[name] = value
        st.session_state[LAST_TURN] = name, value
        # At most 15 digits: SQLite's integers have 64 bits.
        if len(parts) == length and all(part.lstrip("-").isdecimal() and len(part) < 16 for part in parts):
            return PageStart(tuple(map(int, parts)), back=name == BEFORE)
        del st.query_params[name]
        text.complain(
            f"this address asks for the rows {name} {value}, which is no row of this order; the first rows are shown"
        )
    st.session_state.pop(LAST_TURN, None)
    return None


def go_to_first() -> None:
    """Start again at the first row: a callback of the filters."""
    for name in (AFTER, BEFORE):
        st.query_params.pop(name, None)


def draw_links(page: str, rows: Sequence[BrowseRow], offset: int, row_count: int, **params: object) -> None:
    """Draw which rows these are of how many, and the links to the others.

    `offset`: how many rows stand before them. `params`: the page's address without exam and turn.
    """
    end = offset + len(rows)
    with st.container(horizontal=True, vertical_alignment="center", key="mapd_turn"):
        st.html(f'<span class="mapd-note">{offset + 1:,}–{end:,} of {row_count:,}</span>', width="content")
        if offset:
            context.link(page, "Previous", icon=":material/chevron_left:", **params, before=_key(rows[0]))
        if end < row_count:
            context.link(page, "Next", icon=":material/chevron_right:", **params, after=_key(rows[-1]))


def draw_first_link(page: str, **params: object) -> None:
    """Draw the link to the first row where no row is left."""
    st.info("These rows are no longer there.", icon=":material/search_off:")
    context.link(page, "To the first", icon=":material/first_page:", **params)


def _key(row: BrowseRow) -> str:
    return ",".join(map(str, row.key))
