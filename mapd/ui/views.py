"""The saved views of browse: a popover that lists them; each can be opened, renamed, deleted, and the filters saved.

views.popover(asked.params, browsing.DEFAULTS)
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st
from sqlmodel import Session

from mapd.curation import views
from mapd.curation.views import View
from mapd.errors import MapdError
from mapd.people import Person
from mapd.store import db
from mapd.ui import acting, current, text, turning

MESSAGE = "views_told"  # session state: why the last press changed nothing
REFUSED_FIELD = "views_refused"  # session state: the field of a name that can't be, which gets its old one back
TAKEN_NAME = "views_taken"  # session state: the name that the last press wanted to save under, which a view has
DELETED_VIEW = "views_gone"  # session state: the view that was deleted last
NAME_FIELD = "view_name"  # the field's key
NUMBER_FILTERS = ("low", "high", "apart")  # the filters that are numbers


def draw_popover(params: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Draw the popover. `params`: the filters that aren't as the `defaults` have them."""
    with db.reading(current.engine()) as session:
        saved = views.saved_views(session)
    with st.popover(f"Views · {len(saved)}" if saved else "Views", icon=":material/bookmarks:", key="browse_views"):
        if message := st.session_state.pop(MESSAGE, None):
            text.complain(message)
        if not current.current_person().name:
            acting.ask("views")
        for number, view in enumerate(saved):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                _draw_view(number, view, params, defaults)
        _draw_deleted(saved)
        _draw_field(saved, dict(params))


def _draw_field(saved: Sequence[View], params: views.Address) -> None:
    """The field for a new view's name. Its button reads the field at the click: what was just typed counts."""
    st.text_input("Save these filters as", max_chars=views.LONGEST, key=NAME_FIELD, width=330)
    icon = ":material/bookmark_add:"
    st.button("Save view", icon=icon, key="view_save", on_click=_save_typed, args=(params,))
    name = st.session_state.pop(TAKEN_NAME, None)
    if name is not None and name in [view.name for view in saved]:
        label = text.label(f"Replace {name}", 80)
        st.button(label, key="view_replace", on_click=_replace, args=(name, params))


def _draw_view(number: int, view: View, params: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """One view: its name, which can be changed in place, and what can be done with it."""
    field = f"view_{number}_{view.name}"
    if st.session_state.get(REFUSED_FIELD) == field:
        st.session_state[field] = view.name
        del st.session_state[REFUSED_FIELD]
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
    is_open, description = view.address == dict(params), _describe(view.address)
    st.button(
        "Open", key=f"{field}_open", on_click=_open, args=(view.address, defaults), disabled=is_open, help=description
    )
    st.button("Delete", key=f"{field}_delete", on_click=_delete, args=(view.uid,))


def _describe(address: views.Address) -> str:
    """What a view asks for, in a line."""
    filters = (f"{key}: {', '.join(value) if isinstance(value, list) else value}" for key, value in address.items())
    return text.label("; ".join(filters) or "everything", 200)


def _draw_deleted(saved: Sequence[View]) -> None:
    deleted_view: View | None = st.session_state.get(DELETED_VIEW)
    if deleted_view is None or deleted_view.name in [view.name for view in saved]:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.html(
            f'<span role="status">✓ deleted {text.escape(text.one_line(deleted_view.name, 40))}</span>', width="content"
        )
        st.button("Undo", key="view_undo", on_click=_put_back, args=(deleted_view,))


# -- callbacks --------------------------------------------------------------------------------------------------------


def _open(address: views.Address, defaults: Mapping[str, Any]) -> None:
    turning.go_to_first()
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
    if key in NUMBER_FILTERS:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str)


def _save_typed(address: views.Address) -> None:
    """Save under the name that stands in the field at the click."""
    name = str(st.session_state.get(NAME_FIELD) or "")
    if _write(lambda session, person: views.save(session, name, address, by=person)):
        st.session_state[NAME_FIELD] = ""
    else:
        st.session_state[TAKEN_NAME] = " ".join(name.split())


def _replace(name: str, address: views.Address) -> None:
    if _write(lambda session, person: views.save(session, name, address, by=person, replace=True)):
        st.session_state[NAME_FIELD] = ""


def _put_back(view: View) -> None:
    _write(lambda session, person: views.save(session, view.name, view.address, by=person))


def _rename(uid: str, field: str) -> None:
    new_name = st.session_state[field]
    if not _write(lambda session, person: views.rename(session, uid, new_name, by=person)):
        st.session_state[REFUSED_FIELD] = field


def _delete(uid: str) -> None:
    def act(session: Session, person: Person) -> None:
        st.session_state[DELETED_VIEW] = views.remove(session, uid, by=person)

    _write(act)


def _write(act: Callable[[Session, Person], object]) -> bool:
    """Whether it could be done; why not is told in the popover."""
    try:
        person = current.acting_person()
        with db.writing(current.engine()) as session:
            act(session, person)
    except MapdError as error:
        st.session_state[MESSAGE] = str(error)
        return False
    return True
