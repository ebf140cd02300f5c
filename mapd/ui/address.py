"""Widgets that live in the address: what `bind="query-params"` leaves to do.

    settle("browse", exam_id, teacher=None, page=1)     # in a page, before its bound widgets

Streamlit keeps a bound widget's last value for the whole session and puts it back when the page comes again, also
where a link asked for something else. Here the address alone decides: a widget that it doesn't name has its default.
"""

from collections.abc import Hashable
from typing import Any

import streamlit as st

PAGE, SETTLED = "page_at", "settled"


def turn_to(page: str) -> None:
    """Note which page runs: whoever comes from another one arrives afresh. Called by the frame before each page."""
    if st.session_state.get(PAGE) != page:
        st.session_state[SETTLED] = {}
        st.session_state[PAGE] = page


def settle(what: str, of: Hashable, **defaults: Any) -> None:
    """Give the widgets that the address doesn't name their defaults: on arrival, and when `of` (the exam) changes."""
    settled = st.session_state.setdefault(SETTLED, {})
    if what in settled and settled[what] == of:
        return
    for key, default in defaults.items():
        if key not in st.query_params:
            if what in settled:
                st.session_state[key] = default  # the browser holds the old value: it has to be told
            else:
                st.session_state.pop(key, None)
    settled[what] = of


def first_page(key: str) -> None:
    """A callback for filters: what they find is read from its first page."""
    st.session_state[key] = 1
