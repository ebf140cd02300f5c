"""What a press, or a part that draws itself anew, couldn't do: one line, and the page stays alive.

    st.number_input(…, on_change=telling.in_next_run(_want))      # a callback: the line stands in the page drawn then
    @st.fragment(run_every=1)
    @telling.in_place                                              # a fragment: the line stands in its place
    def _live(uid: str) -> None: ...

What a page raises while it is drawn, the frame draws: `line(error)`.
"""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import streamlit as st

from mapd.errors import Busy, MapdError
from mapd.ui import text

MESSAGE = "told"  # session state: why the last press changed nothing
P = ParamSpec("P")


def in_next_run(callback: Callable[P, None]) -> Callable[P, None]:
    """Return the callback, which keeps what it refuses for `show`."""

    @wraps(callback)
    def guarded(*args: P.args, **options: P.kwargs) -> None:
        try:
            callback(*args, **options)
        except MapdError as error:
            st.session_state[MESSAGE] = str(error)

    return guarded


def in_place(fragment: Callable[P, None]) -> Callable[P, None]:
    """Return the fragment, which draws what it can't do as a line; drawn anew, it tries again."""

    @wraps(fragment)
    def guarded(*args: P.args, **options: P.kwargs) -> None:
        try:
            fragment(*args, **options)
        except MapdError as error:
            text.complain(str(error))

    return guarded


def draw_message() -> None:
    """Draw what the last press was told."""
    if (words := st.session_state.pop(MESSAGE, "")) != "":
        text.complain(words)


def draw_error(error: MapdError) -> None:
    """Draw what went wrong; with a button to draw the page again where that passes."""
    text.complain(str(error))
    if isinstance(error, Busy):
        st.button("Try again", key="try_again", icon=":material/refresh:")
