"""Refusals as one line: of a press, or of a part of a page that refreshes itself. The page stays alive.

The frame draws what a page raises: `draw_error(error)`.
"""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import streamlit as st

from mapd.errors import Busy, MapdError
from mapd.ui.kit import run_session, text

# Session state: why the last press changed nothing.
MESSAGE = "told"
P = ParamSpec("P")


def in_next_run(callback: Callable[P, None]) -> Callable[P, None]:
    """Return the callback so that it stores its refusal for `draw_message`."""

    @wraps(callback)
    def run_guarded(*args: P.args, **options: P.kwargs) -> None:
        try:
            callback(*args, **options)
        except MapdError as error:
            st.session_state[MESSAGE] = str(error)

    return run_guarded


def in_place(fragment: Callable[P, None]) -> Callable[P, None]:
    """Return the fragment so that it reads in one session, and draws its refusal as a line.

    The next refresh tries again.
    """

    @wraps(fragment)
    def run_guarded(*args: P.args, **options: P.kwargs) -> None:
        try:
            with run_session.one_session():
                fragment(*args, **options)
        except MapdError as error:
            text.complain(str(error))

    return run_guarded


def draw_message(key: str = MESSAGE) -> None:
    """Draw why the last press changed nothing. `key`: where session state has it."""
    if message := st.session_state.pop(key, None):
        text.complain(message)


def draw_error(error: MapdError) -> None:
    """Draw what went wrong, with a button to try again where that helps."""
    text.complain(str(error))
    # Only a busy database gets better by waiting.
    if isinstance(error, Busy):
        st.button("Try again", key="try_again", icon=":material/refresh:")
