"""The saved views of browse: a popover that lists them; each can be opened, renamed, deleted, and the filters saved.

views.popover(asked.params, browsing.DEFAULTS)
"""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
from sqlmodel import Session

from mapd.curation import views
from mapd.curation.views import View
from mapd.people import Person
from mapd.store import db
from mapd.ui import acting, current, text, turning

TOLD = "views_told"  # session state: why the last press changed nothing
REFUSED = "views_refused"  # session state: the field of a name that can't be, which gets its old one back
TAKEN = "views_taken"  # session state: the name that the last press wanted to save under, which a view has
GONE = "views_gone"  # session state: the view that was deleted last
NAME = "view_name"  # the field's key
NUMBERS = ("low", "high", "apart")  # the filters that are numbers


def popover(params: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Draw the popover. `params`: the filters that aren't as the `defaults` have them."""
    with db.reading(current.engine()) as session:
        saved = views.saved_views(session)
    with st.popover(f"Views · {len(saved)}" if saved else "Views", icon=":material/bookmarks:", key="browse_views"):
        if told := st.session_state.pop(TOLD, None):
            text.complain(told)
        if not current.current_person().name:
            acting.ask("views")
        for number, view in enumerate(saved):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                _line(number, view, params, defaults)
        _deleted(saved)
        _new(saved, dict(params))


def _new(saved: Sequence[View], params: views.Address) -> None:
    """The field for a new view's name. Its button reads the field at the click: what was just typed counts."""
    st.text_input("Save these filters as", max_chars=views.LONGEST, key=NAME, width=330)
    icon = ":material/bookmark_add:"
    st.button("Save view", icon=icon, key="view_save", on_click=_save_typed, args=(params,))
    taken = st.session_state.pop(TAKEN, None)
    if taken is not None and taken in [view.name for view in saved]:
        label = text.label(f"Replace {taken}", 80)
        st.button(label, key="view_replace", on_click=_replace, args=(taken, params))


def _line(number: int, view: View, params: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """One view: its name, which can be changed in place, and what can be done with it."""
    field = f"view_{number}_{view.name}"
    if st.session_state.get(REFUSED) == field:
        st.session_state[field] = view.name
        del st.session_state[REFUSED]
    st.text_input(
        "Name",
        view.name,
        max_chars=views.LONGEST,
        key=field,
        label_visibility="collapsed",
        width=200,
        on_change=_rename,
        args=(view.uid, field),
    )
    here, told = view.address == dict(params), _told(view.address)
    st.button("Open", key=f"{field}_open", on_click=_open, args=(view.address, defaults), disabled=here, help=told)
    st.button("Delete", key=f"{field}_delete", on_click=_delete, args=(view.uid,))


def _told(address: views.Address) -> str:
    """What a view asks for, in a line."""
    asked = (f"{key}: {', '.join(value) if isinstance(value, list) else value}" for key, value in address.items())
    return text.label("; ".join(asked) or "everything", 200)


def _deleted(saved: Sequence[View]) -> None:
    gone: View | None = st.session_state.get(GONE)
    if gone is None or gone.name in [view.name for view in saved]:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.html(f'<span role="status">✓ deleted {text.escape(text.one_line(gone.name, 40))}</span>', width="content")
        st.button("Undo", key="view_undo", on_click=_put_back, args=(gone,))


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


def _save_typed(address: views.Address) -> None:
    """Save under the name that stands in the field at the click."""
    name = str(st.session_state.get(NAME) or "")
    if acting.write(lambda session, person: views.save(session, name, address, by=person), TOLD):
        st.session_state[NAME] = ""
    else:
        st.session_state[TAKEN] = " ".join(name.split())


def _replace(name: str, address: views.Address) -> None:
    if acting.write(lambda session, person: views.save(session, name, address, by=person, replace=True), TOLD):
        st.session_state[NAME] = ""


def _put_back(gone: View) -> None:
    acting.write(lambda session, person: views.save(session, gone.name, gone.address, by=person), TOLD)


def _rename(uid: str, field: str) -> None:
    to = st.session_state[field]
    if not acting.write(lambda session, person: views.rename(session, uid, to, by=person), TOLD):
        st.session_state[REFUSED] = field


def _delete(uid: str) -> None:
    def act(session: Session, person: Person) -> None:
        st.session_state[GONE] = views.remove(session, uid, by=person)

    acting.write(act, TOLD)
