"""Widgets that live in the address: what `bind="query-params"` leaves to do.

    settle("browse", exam_id, teacher=None, page=1)     # in a page, before its bound widgets

Streamlit keeps a bound widget's last value for the whole session and puts it back when the page comes again, also
where a link asked for something else. Here the address alone decides: a widget that it doesn't name has its default.
"""

from collections.abc import Callable, Collection, Hashable, Sequence
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from mapd.ui import text

PAGE_KEY, SCOPES = "page_at", "settled"


def enter_page(page: str) -> None:
    """Note which page runs: whoever comes from another one arrives afresh. Called by the frame before each page."""
    if st.session_state.get(PAGE_KEY) != page:
        st.session_state[SCOPES] = {}
        st.session_state[PAGE_KEY] = page


def is_history_navigation() -> bool:
    """Whether the browser's Back or Forward led here: the address is of a piece then."""
    context = get_script_run_ctx()
    return context is not None and context.is_history_navigation


def settle(part: str, scope: Hashable, anew: Collection[str] = (), **defaults: Any) -> bool:
    """Give the widgets that the address doesn't name their defaults: on arrival, and when `of` (the exam) changes.

    `anew`: these have their defaults after such a change even where the address, still the last exam's, names them.
    Returns whether it was such a change.
    """
    scopes = st.session_state.setdefault(SCOPES, {})
    if part in scopes and scopes[part] == scope:
        return False
    for key, default in defaults.items():
        if key not in st.query_params or (key in anew and part in scopes):
            if part in scopes:
                st.session_state[key] = default  # the browser holds the old value: it has to be told
            else:
                st.session_state.pop(key, None)
    is_changed = part in scopes
    scopes[part] = scope
    return is_changed


def refuse(key: str, fits: Callable[[str], bool], expected: str, default: Any = None) -> None:
    """Take what a widget can't have out of the address, and say so in one line: streamlit would drop it in silence.

    `default`: what the widget has then.
    """
    state = st.session_state
    value = state[key] if key in state else st.query_params.get_all(key)  # a callback's value is newer than the address
    values = value if isinstance(value, list) else [value]
    bad_values = [str(item) for item in values if item is not None and not fits(str(item))]
    if bad_values:
        if key in state:
            state[key] = default  # the address of a widget that has been drawn is streamlit's own to change
        else:
            st.query_params.pop(key, None)
        value = text.one_line(bad_values[0]) or "(nothing)"
        text.complain(f"this address asks for {key} {value}, which can't be: {expected}")


def refuse_unknown(key: str, choices: Collection[str], default: str | None = None) -> None:
    """Refuse what is none of the `known` values."""
    refuse(key, choices.__contains__, f"one of {', '.join(choices)}" if choices else "there is none yet", default)


def refuse_unknown_choices(key: str, choices: Collection[str], default: Sequence[str]) -> None:
    """Refuse what is none of the `known` values of a choice of several; none of them is a choice, too."""
    refuse(key, lambda value: not value or value in choices, f"one of {', '.join(choices)}", list(default))


def refuse_outside(
    key: str, low: float, high: float, kind: type[int] | type[float] = int, default: float | None = None
) -> None:
    """Refuse what is no number from `low` to `high`. A field of whole numbers shows the whole part of another then."""

    def fits(value: str) -> bool:
        try:
            return low <= kind(value) <= high
        except ValueError:
            return False

    refuse(key, fits, f"a {'whole ' * (kind is int)}number from {low:g} to {high:g}", default)


def go_to_first_page(key: str) -> None:
    """A callback for filters: what they find is read from its first page."""
    st.session_state[key] = 1
