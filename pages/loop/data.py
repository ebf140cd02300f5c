"""Data: import the authors' files by upload, what the project holds, its names, and the way out and back."""

import streamlit as st

from mapd.exchange.authors import Parsed
from mapd.ui import current, figures, importing, text, trash
from mapd.ui.holding import show_holdings
from mapd.ui.importing import Refused, Upload


def offer(parsed: Parsed, upload: Upload) -> None:
    """The preview, with the button above it."""
    named, go = importing.with_names(parsed, upload)
    if go:
        done = importing.run(named)
        st.session_state["imported_now"] = done.exam
        current.choose_exam(done.exam)
        st.rerun()
    importing.preview(named)
    importing.in_a_terminal(upload, named)


def imported(uid: str, name: str) -> None:
    """This content is in the project: open its exam, once, and lead on."""
    if st.session_state.get("imported_seen") != uid:
        st.session_state["imported_seen"] = uid
        current.choose_exam(uid)
        st.rerun()
    now = st.session_state.get("imported_now") == uid
    said = "Imported" if now else "This content is imported already, and nothing was written"
    st.success(f"{said}: {text.label(name, 200)}", icon=":material/check:")
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container(key="primary_link", width="content"):
            current.link("pages/loop/overview.py", "See the overview", icon=":material/sync:", exam=uid)
        current.link("pages/review/triage.py", "Begin to judge", icon=":material/rate_review:", exam=uid)
        st.button("Choose other files", type="tertiary", icon=":material/close:", on_click=importing.choose_others)


figures.style()
st.header("Data")
upload = importing.choose()
if not upload.enough:
    st.caption(importing.still_needed(upload))
    importing.in_a_terminal(upload)
else:
    read = importing.read(upload)
    if isinstance(read, Refused):
        importing.refuse(read, upload)
    elif (exam := importing.imported_as(read)) is not None:
        imported(*exam)
    else:
        offer(read, upload)
show_holdings()
trash.manage()
trash.listed()
