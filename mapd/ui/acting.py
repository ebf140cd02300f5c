"""Buttons of what is kept under a name. Who has given none at this browser is asked at the button, and then it is done.

if acting.button("Freeze", key="freeze"): snapshots.freeze(session, curated, by=current.acting_person())
acting.button("Save view", key="view_save", on_click=_save, args=(name,))
acting.ask("triage")           # the field alone, in place of a whole row of buttons
acting.write(lambda session, person: views.remove(session, uid, by=person), "views_refusal")   # -> True: it is done
"""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st
from sqlmodel import Session

from mapd.errors import BadInput, MapdError
from mapd.people import LONGEST_NAME, Person
from mapd.store import db
from mapd.ui import current, text

PRESSED = "acting_pressed"  # session state: the key of the button that a name was given at
REFUSED = "acting_refused"  # session state: the key of what was asked, and why the answer is no name


def button(
    label: str,
    *,
    key: str,
    on_click: Callable[..., None] | None = None,
    args: Sequence[object] = (),
    **how: Any,
) -> bool:
    """Draw the button of an act, as `st.button` does; return whether it was pressed."""
    if current.current_person().name:
        pressed = st.button(label, key=key, on_click=on_click, args=tuple(args), **how)
        return st.session_state.pop(PRESSED, None) == key or pressed
    with st.popover(label, key=f"{key}_asks", **how):
        _form(key, label, *((on_click, args) if on_click else (_press, (key,))))
    return False


def ask(key: str, label: str = "Continue") -> None:
    """Draw the field for the name where a person would act."""
    _form(key, label, _go_on, ())


def _form(key: str, label: str, act: Callable[..., None], args: Sequence[object]) -> None:
    refused_at, why = st.session_state.get(REFUSED, (None, ""))
    if refused_at == key:
        text.complain(why)
    with (
        st.form(f"{key}_name_form", border=False),
        st.container(horizontal=True, vertical_alignment="bottom", gap="small"),
    ):
        field = f"{key}_name_field"
        st.text_input("Your name, kept with what you do here", key=field, max_chars=LONGEST_NAME, width=280)
        st.form_submit_button(label, type="primary", on_click=_take, args=(key, field, act, tuple(args)))


def write(act: Callable[[Session, Person], object], refusal_key: str, name: str = "") -> bool:
    """Run the act in one transaction for the acting person; return whether it succeeded.

    Session state gets the refusal at `refusal_key`. `name`: see `current.acting_person`.
    """
    try:
        person = current.acting_person(name)
        with db.writing(current.engine()) as session:
            act(session, person)
    except MapdError as error:
        st.session_state[refusal_key] = str(error)
        return False
    return True


# -- callbacks --------------------------------------------------------------------------------------------------------


def _take(key: str, field: str, act: Callable[..., None], args: Sequence[object]) -> None:
    """Take the name, and do what the button is for."""
    try:
        current.take_name(st.session_state[field])
    except BadInput as error:
        st.session_state[REFUSED] = key, str(error)
        return
    act(*args)


def _press(key: str) -> None:
    """Let the run that follows find the button pressed."""
    st.session_state[PRESSED] = key


def _go_on() -> None:
    """Do nothing: the page draws its buttons now."""
