"""The saved views of the browse page: a popover to open, rename and delete them, and to save the filters as one."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
from sqlmodel import Session

from mapd.people import Person
from mapd.review import saved_views
from mapd.review.saved_views import View
from mapd.ui.kit import actions, context, pagination, refusals, text

# Session state: why the last press changed nothing.
MESSAGE = "views_told"
# Session state: the field with an impossible name, which gets its old name back.
REFUSED_FIELD = "views_refused"
# Session state: the name of the last save that another view already has.
TAKEN_NAME = "views_taken"
# Session state: the view that was deleted last.
DELETED_VIEW = "views_gone"
# The field's key.
NAME_FIELD = "view_name"
# The filters with numbers.
NUMBER_FILTERS = ("low", "high", "apart")


def draw_popover(params: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Draw the popover. `params`: the filters that differ from `defaults`."""
    saved = context.read(saved_views.saved_views)
    with st.popover(f"Views · {len(saved)}" if saved else "Views", icon=":material/bookmarks:", key="browse_views"):
        refusals.draw_message(MESSAGE)
        if not context.current_person().name:
            actions.ask("views")
        for number, view in enumerate(saved):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                _draw_view(number, view, params, defaults)
        _draw_deleted(saved)
        _draw_field(saved, dict(params))


def _draw_field(saved: Sequence[View], params: saved_views.Address) -> None:
    """Draw the field for a new view's name. Its button reads the field at the click: what was just typed counts."""
    st.text_input("Save these filters as", max_chars=saved_views.LONGEST, key=NAME_FIELD, width=330)
    icon = ":material/bookmark_add:"
    st.button("Save view", icon=icon, key="view_save", on_click=_save_typed, args=(params,))
    name = st.session_state.pop(TAKEN_NAME, None)
    if name is not None and name in [view.name for view in saved]:
        st.button(text.label(f"Replace {name}", 80), key="view_replace", on_click=_replace, args=(name, params))


def _draw_view(number: int, view: View, params: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    field = f"view_{number}_{view.name}"
    if st.session_state.get(REFUSED_FIELD) == field:
        # Before the widget is drawn: later streamlit refuses to set it.
        st.session_state[field] = view.name
        del st.session_state[REFUSED_FIELD]
    st.text_input(
        "Name",
        view.name,
        max_chars=saved_views.LONGEST,
        key=field,
        label_visibility="collapsed",
        width=200,
        on_change=_rename,
        args=(view.uid, field),
    )
    is_open, words = view.address == dict(params), _describe(view.address)
    st.button("Open", key=f"{field}_open", on_click=_open, args=(view.address, defaults), disabled=is_open, help=words)
    st.button("Delete", key=f"{field}_delete", on_click=_delete, args=(view.uid,))


def _describe(address: saved_views.Address) -> str:
    filters = (f"{key}: {', '.join(value) if isinstance(value, list) else value}" for key, value in address.items())
    return text.label("; ".join(filters) or "everything", 200)


def _draw_deleted(saved: Sequence[View]) -> None:
    deleted_view: View | None = st.session_state.get(DELETED_VIEW)
    if deleted_view is None or deleted_view.name in [view.name for view in saved]:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.html(f'<span role="status">✓ deleted {text.line_html(deleted_view.name, 40)}</span>', width="content")
        st.button("Undo", key="view_undo", on_click=_put_back, args=(deleted_view,))


# -- callbacks --------------------------------------------------------------------------------------------------------


def _open(address: saved_views.Address, defaults: Mapping[str, Any]) -> None:
    pagination.go_to_first()
    for key, default in defaults.items():
        value = address.get(key, default)
        # A view may have come with an archive.
        if not _fits(key, value, default):
            value = default
        st.session_state[key] = [] if value == "" and isinstance(default, list) else value


def _fits(key: str, value: object, default: object) -> bool:
    """Return whether the filter's type fits; impossible values of that type are refused where the filter is drawn."""
    if value is None or value == "":
        return True
    if isinstance(default, list):
        return isinstance(value, list)
    if key in NUMBER_FILTERS:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str)


def _save_typed(address: saved_views.Address) -> None:
    """Save under the name that the field holds at the click."""
    name = str(st.session_state.get(NAME_FIELD) or "")
    if actions.write(lambda session, person: saved_views.save(session, name, address, by=person), MESSAGE):
        st.session_state[NAME_FIELD] = ""
    else:
        st.session_state[TAKEN_NAME] = " ".join(name.split())


def _replace(name: str, address: saved_views.Address) -> None:
    if actions.write(
        lambda session, person: saved_views.save(session, name, address, by=person, replace=True), MESSAGE
    ):
        st.session_state[NAME_FIELD] = ""


def _put_back(view: View) -> None:
    actions.write(lambda session, person: saved_views.save(session, view.name, view.address, by=person), MESSAGE)


def _rename(uid: str, field: str) -> None:
    new_name = st.session_state[field]
    if not actions.write(lambda session, person: saved_views.rename(session, uid, new_name, by=person), MESSAGE):
        st.session_state[REFUSED_FIELD] = field


def _delete(uid: str) -> None:
    def act(session: Session, person: Person) -> None:
        st.session_state[DELETED_VIEW] = saved_views.remove(session, uid, by=person)

    actions.write(act, MESSAGE)
