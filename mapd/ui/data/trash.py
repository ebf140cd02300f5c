"""Renaming, deleting and restoring, on the data page.

A press writes first, with the field's text of that moment; the next run says what it did (`MESSAGE`).
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st
from sqlmodel import Session

from mapd import names, trash
from mapd.errors import MapdError
from mapd.people import Person
from mapd.trash import Removal, TrashEntry
from mapd.ui.kit import actions, context, refusals, text, times
from mapd.ui.kit.cache import derive_index

# The fields' keys.
CHOICE, NAME = "trash_choice", "trash_name"
# Session state: the uid of the thing whose deletion waits for a yes.
TO_DELETE = "trash_asked"
# Session state: what the last press did, or why it did nothing.
MESSAGE, REFUSAL = "trash_told", "trash_refused"
# Session state: the trash file of the last deletion.
LATEST_FILE = "trash_latest"
REMOVALS: dict[str, Callable[[Session, str], Removal]] = {
    "exam": trash.plan_exam_removal,
    "question set": trash.plan_questions_removal,
}


@dataclass(frozen=True, slots=True)
class Thing:
    """Something with a name: a kind of names.TABLES, or the project, which has no uid."""

    kind: str
    uid: str
    name: str


def list_things() -> list[Thing]:
    """Return everything that can be renamed: the project, then each kind, the newest first."""
    all_things = [Thing("project", "", context.project())]
    for kind in names.TABLES:
        all_things += [Thing(kind, uid, name) for uid, name in context.read(names.list_names, kind)]
    return all_things


# -- rename and delete ------------------------------------------------------------------------------------------------


def draw_manager() -> None:
    """Draw the fields to rename or delete something, and what the last press did."""
    st.subheader("Rename or delete")
    _draw_last()
    things_by_uid = {thing.uid: thing for thing in list_things()}
    labels = {uid: text.one_line(f"{thing.kind} · {thing.name}", 200) for uid, thing in things_by_uid.items()}
    chosen_uid = st.session_state.get(CHOICE)
    if chosen_uid not in things_by_uid:
        st.session_state[CHOICE] = chosen_uid = str(context.params().get("exam", ""))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="mapd_manage"):
        uid = st.selectbox(
            "What", list(things_by_uid), format_func=lambda uid: labels.get(uid, "…"), key=CHOICE, width=380
        )
        thing = things_by_uid[uid or ""]
        # A new name gets a new field. A key becomes a CSS class, so the name itself, which is foreign, is hashed.
        field = f"{NAME}_{thing.uid}_{hashlib.sha256(thing.name.encode()).hexdigest()[:8]}"
        st.text_input("Name", thing.name, max_chars=names.LONGEST, key=field, width=320)
        actions.button("Rename", key="trash_rename", on_click=_rename, args=(thing, field), icon=":material/edit:")
        if thing.kind in REMOVALS or thing.kind == "project":
            st.button("Delete …", key="trash_ask", on_click=_set_to_delete, args=(thing.uid,), icon=":material/delete:")
    if st.session_state.get(TO_DELETE) == thing.uid:
        _draw_question(thing)


def _draw_last() -> None:
    refusals.draw_message(REFUSAL)
    if message := st.session_state.pop(MESSAGE, None):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.html(f'<span role="status"><b>✓</b> {text.line_html(message, 300)}</span>', width="content")
            if (file := st.session_state.pop(LATEST_FILE, None)) is not None:
                actions.button(
                    "Bring it back", key="trash_undo", on_click=_restore, args=(file,), icon=":material/undo:"
                )


def _removal(session: Session, thing: Thing) -> Removal:
    if thing.kind == "project":
        return trash.plan_project_removal(session, thing.name)
    return REMOVALS[thing.kind](session, thing.uid)


def _draw_question(thing: Thing) -> None:
    removal = context.read(_removal, thing)
    removed_words = trash.count_in_words(removal.counts) or "nothing"
    lists = (("Also of what stays, and gone with it:", removal.shared), ("What stays:", removal.stays))
    listed = "".join(
        f"<p>{title}</p><ul>{''.join(f'<li>{text.line_html(line, 300)}</li>' for line in lines)}</ul>"
        for title, lines in lists
        if lines
    )
    with st.container(border=True, key="mapd_delete"):
        name = text.line_html(removal.name, 200)
        st.html(f"<p><b>Delete {name}?</b> This moves to the trash: {text.escape(removed_words)}.</p>{listed}")
        with st.container(horizontal=True, gap="small"):
            actions.button("Delete it", key="trash_delete", type="primary", on_click=_delete, args=(thing,))
            st.button("Keep it", key="trash_keep", on_click=_set_to_delete, args=(None,))


# -- the trash --------------------------------------------------------------------------------------------------------


def draw_trash() -> None:
    """Draw what was deleted, the newest first; nothing where the trash is empty."""
    entries = trash.list_files(context.settings().home)
    if not entries:
        return
    with st.expander(f"Trash · {len(entries):,}", icon=":material/delete:"):
        st.caption(
            "Each deletion is a file in the folder trash of MAPD_HOME. Deleting that file deletes its contents "
            "for good."
        )
        for entry in entries:
            with st.container(
                horizontal=True, vertical_alignment="center", gap="small", key=f"mapd_trash_{entry.file}"
            ):
                st.html(_entry_html(entry), width="stretch")
                if not entry.fault:
                    key = f"trash_back_{entry.file}"
                    actions.button("Bring back", key=key, on_click=_restore, args=(entry.file,), icon=":material/undo:")


def _entry_html(entry: TrashEntry) -> str:
    """Return what was deleted, by whom and when; for an unreadable file, why."""
    if entry.fault:
        return f'<span class="mapd-note">{text.line_html(entry.fault, 300)}</span>'
    title = text.line_html(f"{entry.kind} {entry.name}", 200)
    person, removed_words = (text.line_html(entry.person, 40), text.line_html(trash.count_in_words(entry.counts), 400))
    time_words = f", {times.cell(entry.at)}" if entry.at else ""
    return f'<b>{title}</b><div class="mapd-note">by {person}{time_words}: {removed_words}</div>'


# -- callbacks --------------------------------------------------------------------------------------------------------


def _set_to_delete(uid: str | None) -> None:
    st.session_state[TO_DELETE] = uid


def _rename(thing: Thing, field: str) -> None:
    """Give the thing the name that the field holds at the click."""
    new_name = str(st.session_state.get(field) or "")

    def act(session: Session, person: Person) -> str:
        if thing.kind == "project":
            return names.rename_project(session, new_name, by=person) or context.settings().project
        return names.rename(session, thing.kind, thing.uid, new_name, by=person).name

    if (name := _write(act)) is not None:
        st.session_state[MESSAGE] = f"{thing.kind} {thing.name} is now {name}"


def _delete(thing: Thing) -> None:
    home = context.settings().home

    def act(session: Session, person: Person) -> str:
        return trash.delete(session, home, _removal(session, thing), by=person).name

    if (file := _write(act)) is not None:
        if st.query_params.get("exam") not in [uid for uid, _ in context.read(names.list_names, "exam")]:
            # The header then shows another exam.
            st.query_params.pop("exam", None)
        st.session_state[TO_DELETE] = None
        st.session_state[MESSAGE], st.session_state[LATEST_FILE] = f"deleted {thing.name}", file


def _restore(file: str) -> None:
    home = context.settings().home

    def act(session: Session, person: Person) -> str:
        entry, rows = trash.restore(session, home, file, by=person)
        rename_note = f"; its name was taken: {'; '.join(rows.renamed)}" if rows.renamed else ""
        return f"{entry.kind} {entry.name} is back{rename_note}"

    if (message := _write(act)) is not None:
        derive_index()
        # After the commit: until then the file is the only copy.
        trash.discard(home, file)
        st.session_state[MESSAGE] = message


def _write(act: Callable[[Session, Person], str]) -> str | None:
    """Return the act's result; None where it was refused, which the next run says."""
    try:
        return context.write(act, context.acting_person())
    except MapdError as error:
        st.session_state[REFUSAL] = str(error)
        return None
