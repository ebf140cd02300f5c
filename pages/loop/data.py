"""Data: import the authors' files or an archive, what the project holds, its names, the way out and back."""

import streamlit as st

from mapd.exchange.authors import Parsed
from mapd.ui import archives, current, figures, importing, text, trash, uploads
from mapd.ui.holding import show_holdings
from mapd.ui.importing import Refused, Upload

NOW = "imported_now"  # session state: uid and name of the exam that was imported just now


def offer(parsed: Parsed, upload: Upload) -> None:
    """The preview, with the button above it."""
    named, go = importing.with_names(parsed, upload)
    if go:
        done = importing.run(named)
        exam = importing.imported_as(named)
        importing.choose_others(upload)
        st.session_state[NOW] = exam
        current.choose_exam(done.exam)
        st.rerun()
    importing.preview(named)
    importing.in_a_terminal(upload, named)


def lead_on(message: str, uid: str, name: str) -> None:
    """Say that the exam is in the project, and lead to it."""
    st.success(f"{message}: {text.label(name, 200)}", icon=":material/check:")
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container(key="primary_link", width="content"):
            current.link("pages/loop/overview.py", "See the overview", icon=":material/sync:", exam=uid)
        current.link("pages/review/triage.py", "Begin to judge", icon=":material/rate_review:", exam=uid)


def imported(upload: Upload, uid: str, name: str) -> None:
    """This content is in the project: open its exam, once, and lead on."""
    if st.session_state.get("imported_seen") != uid:
        st.session_state["imported_seen"] = uid
        current.choose_exam(uid)
        st.rerun()
    lead_on("This content is imported already, and nothing was written", uid, name)
    st.button(
        "Choose other files",
        type="tertiary",
        icon=":material/close:",
        on_click=importing.choose_others,
        args=(upload,),
    )


figures.style()
st.header("Data")
uploads.allow()
upload = importing.choose()
if upload.files:
    st.session_state.pop(NOW, None)
if not upload.enough:
    if (now := st.session_state.get(NOW)) is not None:
        lead_on("Imported", *now)
    st.caption(importing.still_needed(upload))
    importing.in_a_terminal(upload)
else:
    read = importing.read(upload)
    if isinstance(read, Refused):
        importing.refuse(read, upload)
    elif (exam := importing.imported_as(read)) is not None:
        imported(upload, *exam)
    else:
        offer(read, upload)
archives.offer()
show_holdings()
trash.manage()
trash.listed()
