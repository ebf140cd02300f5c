"""Buttons of acts that are stored under a person's name. A button asks for the name where this browser has none yet."""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st
from sqlmodel import Session

from mapd.errors import BadInput, MapdError
from mapd.people import LONGEST_NAME, Person
from mapd.ui.kit import context, text

# Session state: the key of the button at which a name was entered.
PRESSED_BUTTON = "acting_pressed"
# Session state: the key of the field, and why its text can't be a name.
REFUSAL = "acting_refused"


def button(
    label: str, *, key: str, on_click: Callable[..., None] | None = None, args: Sequence[object] = (), **options: Any
) -> bool:
    """Draw the button of an act, as `st.button` does; return whether it was pressed."""
    if context.current_person().name:
        is_pressed = st.button(label, key=key, on_click=on_click, args=tuple(args), **options)
        # The first clause: a press that came together with the name.
        return st.session_state.pop(PRESSED_BUTTON, None) == key or is_pressed
    with st.popover(label, key=f"{key}_asks", **options):
        _form(key, label, *((on_click, args) if on_click else (_press, (key,))))
    return False


def ask(key: str, label: str = "Continue") -> None:
    """Draw the field for the name, in place of buttons that need one."""
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
        st.text_input("Your name, stored with what you do here", key=field, max_chars=LONGEST_NAME, width=280)
        st.form_submit_button(label, type="primary", on_click=_take_name, args=(key, field, act, tuple(args)))


def write(act: Callable[[Session, Person], object], refusal_key: str, name: str = "") -> bool:
    """Run the act in one transaction for the acting person; return whether it succeeded.

    Session state gets the refusal at `refusal_key`. `name`: see `current.acting_person`.
    """
    try:
        context.write(act, context.acting_person(name))
    except MapdError as error:
        st.session_state[refusal_key] = str(error)
        return False
    return True


def write_and_rerun(act: Callable[[Session, Person], object]) -> None:
    """Run the act in one transaction for the acting person, and draw the page again; draw a refusal as a line."""
    try:
        context.write(act, context.acting_person())
    # What the button is about ended meanwhile, or the database is busy.
    except MapdError as error:
        text.complain(str(error))
        return
    st.rerun()


# -- callbacks --------------------------------------------------------------------------------------------------------


def _take_name(key: str, field: str, act: Callable[..., None], args: Sequence[object]) -> None:
    """Store the name, then do what the button is for."""
    try:
        context.take_name(st.session_state[field])
    except BadInput as error:
        st.session_state[REFUSAL] = key, str(error)
        return
    act(*args)


def _press(key: str) -> None:
    """Let the next run find the button pressed."""
    st.session_state[PRESSED_BUTTON] = key


def _go_on() -> None:
    """Do nothing: with a name the page draws its buttons."""
