"""Widgets whose values live in the address: what `bind="query-params"` leaves to do.

Streamlit keeps a bound widget's last value for the whole session. It restores that value when the page comes again,
even where a link asks for another one. Here the address alone decides: a widget that it doesn't name has its default.
"""

from collections.abc import Callable, Collection, Hashable, Sequence
from typing import Any, TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from mapd.ui.kit import text

Default = TypeVar("Default", str, None)
# Session state: the page that runs, and by part of a page the exam (or else) that its widgets were set for.
PAGE_KEY, SCOPES = "page_at", "settled"
# Arguments of a widget whose value lives in the address.
BOUND: dict[str, Any] = {"bind": "query-params"}


def enter_page(page: str) -> None:
    """Note which page runs, so that its widgets start afresh after another page. The frame calls this."""
    if st.session_state.get(PAGE_KEY) != page:
        st.session_state[SCOPES] = {}
        st.session_state[PAGE_KEY] = page


def is_history_navigation() -> bool:
    """Return whether the browser's Back or Forward caused this run: the address is complete then."""
    context = get_script_run_ctx()
    return context is not None and context.is_history_navigation


def settle(part: str, scope: Hashable, /, **defaults: Any) -> bool:
    """Set the widgets that the address doesn't name to their defaults: on arrival, and when `scope` (the exam) changes.

    Returns whether the scope changed.
    """
    # Two parts of one page may have different scopes: browse's filters and the changes of a comparison.
    scopes = st.session_state.setdefault(SCOPES, {})
    if part in scopes and scopes[part] == scope:
        return False
    for key, default in defaults.items():
        if key not in st.query_params:
            if part in scopes:
                # Now the browser shows the old value: only a value set here replaces it.
                st.session_state[key] = default
            else:
                st.session_state.pop(key, None)
    is_changed = part in scopes
    scopes[part] = scope
    return is_changed


def refuse(key: str, fits: Callable[[str], bool], expected: str, default: Any = None) -> None:
    """Remove a value from the address that the widget can't have, and say so: streamlit would drop it in silence.

    `default`: the value that the widget has instead.
    """
    state = st.session_state
    # A callback's value is newer than the address.
    value = state[key] if key in state else st.query_params.get_all(key)
    values = value if isinstance(value, list) else [value]
    bad_values = [str(item) for item in values if item is not None and not fits(str(item))]
    if bad_values:
        if key in state:
            # Streamlit itself writes the address of a widget that was drawn before.
            state[key] = default
        else:
            st.query_params.pop(key, None)
        value = text.one_line(bad_values[0]) or "(nothing)"
        text.complain(f"this address asks for {key} {value}, which can't be: {expected}")


def refuse_unknown(key: str, choices: Collection[str], default: str | None = None) -> None:
    """Refuse a value that is none of `choices`."""
    refuse(key, choices.__contains__, f"one of {', '.join(choices)}" if choices else "there is none yet", default)


def refuse_unknown_choices(key: str, choices: Collection[str], default: Sequence[str]) -> None:
    """Refuse values that are none of `choices`, for a widget with several values. An empty selection is allowed."""
    refuse(key, lambda value: not value or value in choices, f"one of {', '.join(choices)}", list(default))


def refuse_outside(
    key: str, low: float, high: float, kind: type[int] | type[float] = int, default: float | None = None
) -> None:
    """Refuse a value that is no number from `low` to `high`."""

    def fits(value: str) -> bool:
        try:
            return low <= kind(value) <= high
        except ValueError:
            return False

    refuse(key, fits, f"a {'whole ' * (kind is int)}number from {low:g} to {high:g}", default)


def round_number(key: str, default: float) -> float:
    """Return the number that a choice of numbers has now, in hundredths. `refuse_outside` comes first."""
    state = st.session_state
    if key in state:
        return round(float(state[key]), 2)
    if (value := st.query_params.get(key)) is None:
        return default
    number = round(float(value), 2)
    # Streamlit goes by the text: to it 3.50 is no 3.5.
    if value != f"{number:g}":
        state[key] = number
    return number


def choose_group(key: str, groups: Sequence[str], default: Default) -> str | Default:
    """Draw the choice of one group of rows; return it. Another group starts at its first page."""
    options: dict[str, Any] = {"label_visibility": "collapsed", "on_change": _go_to_first_page, **BOUND}
    is_required = default is not None
    return st.segmented_control("Show", groups, key=key, required=is_required, default=default, **options) or default


def _go_to_first_page() -> None:
    st.session_state["page"] = 1
