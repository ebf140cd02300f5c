"""Buttons of what is kept under a name. Who has given none at this browser is asked at the button, and then it is done.

if acting.button("Freeze", key="freeze"): snapshots.freeze(session, curated, by=current.acting_person())
acting.button("Save view", key="view_save", on_click=_save, args=(name,))
acting.ask("triage")           # the field alone, in place of a whole row of buttons
"""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from mapd.errors import BadInput
from mapd.people import LONGEST_NAME
from mapd.ui import current, text

PRESSED_BUTTON = "acting_pressed"  # session state: the key of the button that a name was given at
REFUSAL = "acting_refused"  # session state: the key of what was asked, and why the answer is no name


def button(
    label: str, *, key: str, on_click: Callable[..., None] | None = None, args: Sequence[object] = (), **options: Any
) -> bool:
    """Draw the button of an act, as `st.button` does; return whether it was pressed."""
    if current.current_person().name:
        is_pressed = st.button(label, key=key, on_click=on_click, args=tuple(args), **options)
        return st.session_state.pop(PRESSED_BUTTON, None) == key or is_pressed
    with st.popover(label, key=f"{key}_asks", **options):
        _form(key, label, *((on_click, args) if on_click else (_press, (key,))))
    return False


def ask(key: str, label: str = "Continue") -> None:
    """Draw the field for the name where a person would act."""
    _form(key, label, _go_on, ())


def _form(key: str, label: str, act: Callable[..., None], args: Sequence[object]) -> None:
    refused_key, reason = st.session_state.get(REFUSAL, (None, ""))
    if refused_key == key:
        text.complain(reason)
    with (
        st.form(f"{key}_name_form", border=False),
        st.container(horizontal=True, vertical_alignment="bottom", gap="small"),
    ):
        field = f"{key}_name_field"
        st.text_input("Your name, kept with what you do here", key=field, max_chars=LONGEST_NAME, width=280)
        st.form_submit_button(label, type="primary", on_click=_take, args=(key, field, act, tuple(args)))


# -- callbacks --------------------------------------------------------------------------------------------------------


def _take(key: str, field: str, act: Callable[..., None], args: Sequence[object]) -> None:
    """Take the name, and do what the button is for."""
    try:
        current.take_name(st.session_state[field])
    except BadInput as error:
        st.session_state[REFUSAL] = key, str(error)
        return
    act(*args)


def _press(key: str) -> None:
    """Let the run that follows find the button pressed."""
    st.session_state[PRESSED_BUTTON] = key


def _go_on() -> None:
    """Do nothing: the page draws its buttons now."""
