"""The saved views of browse: a popover that lists them; each can be opened, renamed, deleted, and the filters saved.

views.popover(asked.params, browsing.DEFAULTS)
"""

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st
from sqlmodel import Session

from mapd.curation import views
from mapd.errors import MapdError
from mapd.store import db
from mapd.ui import current, text, turning

TOLD = "views_told"  # session state: why the last press changed nothing
REFUSED = "views_refused"  # session state: the field of a name that can't be, which gets its old one back
NUMBERS = ("low", "high", "apart")  # the filters that are numbers
GONE = "views_gone"  # session state: the view that was deleted last, name and filters


def popover(params: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """The popover. `params`: the filters that aren't as the `defaults` have them."""
    with db.reading(current.engine()) as session:
        saved = views.saved_views(session)
    with st.popover(f"Views · {len(saved)}" if saved else "Views", icon=":material/bookmarks:", key="browse_views"):
        if told := st.session_state.pop(TOLD, None):
            text.complain(told)
        for number, (name, address) in enumerate(saved.items()):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                _line(number, name, address, params, defaults)
        _deleted(saved)
        name = st.text_input("Save these filters as", max_chars=views.LONGEST, key="view_name", width=330)
        there = " ".join((name or "").split()) in saved
        st.button(
            "Replace the view of this name" if there else "Save view",
            icon=":material/bookmark_add:",
            disabled=not name,
            key="view_save",
            on_click=_save,
            args=(name, dict(params)),
        )


def _line(
    number: int, name: str, address: views.Address, params: Mapping[str, Any], defaults: Mapping[str, Any]
) -> None:
    """One view: its name, which can be changed in place, and what can be done with it."""
    field = f"view_{number}_{name}"
    if st.session_state.get(REFUSED) == field:
        st.session_state[field] = name
        del st.session_state[REFUSED]
    st.text_input(
        "Name",
        name,
        max_chars=views.LONGEST,
        key=field,
        label_visibility="collapsed",
        width=200,
        on_change=_rename,
        args=(name, field),
    )
    here = address == dict(params)
    st.button("Open", key=f"{field}_open", on_click=_open, args=(address, defaults), disabled=here, help=_told(address))
    st.button("Delete", key=f"{field}_delete", on_click=_delete, args=(name,))


def _told(address: views.Address) -> str:
    """What a view asks for, in a line."""
    asked = (f"{key}: {', '.join(value) if isinstance(value, list) else value}" for key, value in address.items())
    return text.label("; ".join(asked) or "everything", 200)


def _deleted(saved: Mapping[str, views.Address]) -> None:
    gone = st.session_state.get(GONE)
    if gone is None or gone[0] in saved:
        return
    name, address = gone
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.html(f'<span role="status">✓ deleted {text.escape(text.one_line(name, 40))}</span>', width="content")
        st.button("Undo", key="view_undo", on_click=_save, args=(name, address))


# -- callbacks --------------------------------------------------------------------------------------------------------


def _open(address: views.Address, defaults: Mapping[str, Any]) -> None:
    turning.begin()
    for key, default in defaults.items():
        value = address.get(key, default)
        if not _fits(key, value, default):  # a view may have come with an archive
            value = default
        st.session_state[key] = [] if value == "" and isinstance(default, list) else value


def _fits(key: str, value: object, default: object) -> bool:
    """Whether the filter can hold this at all; what it can't be is told where it is drawn."""
    if value is None or value == "":
        return True
    if isinstance(default, list):
        return isinstance(value, list)
    if key in NUMBERS:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str)


def _save(name: str, address: views.Address) -> None:
    _write(lambda session, person: views.save(session, name, address, by=person))


def _rename(name: str, field: str) -> None:
    to = st.session_state[field]
    if not _write(lambda session, person: views.rename(session, name, to, by=person)):
        st.session_state[REFUSED] = field


def _delete(name: str) -> None:
    def act(session: Session, person: str) -> None:
        st.session_state[GONE] = name, views.remove(session, name, by=person)

    _write(act)


def _write(act: Callable[[Session, str], object]) -> bool:
    """Whether it could be done; why not is told in the popover."""
    try:
        person = current.current_person()
        with db.writing(current.engine()) as session:
            act(session, person)
    except MapdError as error:
        st.session_state[TOLD] = str(error)
        return False
    return True
