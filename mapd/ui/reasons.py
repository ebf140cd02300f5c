"""The reasons for a rejection, on the guidelines' page: the usual ones, and the project's own to add, remove, put back.

reasons.draw()
"""

from collections.abc import Sequence

import streamlit as st

from mapd.curation import reasons
from mapd.store import db
from mapd.ui import acting, current, text
from mapd.verdicts import TextReason

REFUSAL = "reasons_refusal"  # session state: why the last press changed nothing
REMOVED = "reasons_removed"  # session state: the code of the reason that was removed last
FIELD = "reasons_field"  # the key of the field for a new one


def draw() -> None:
    """Draw the reasons that this project offers; who may change them gets the field and the buttons."""
    with db.reading(current.engine()) as session:
        own = reasons.list_own(session)
    st.subheader("Reasons for a rejection", anchor=False)
    usual = ", ".join(reasons.words(reason) for reason in TextReason)
    st.caption(f"Every project has these: {usual}. In triage `r` and a digit, 1 to {len(TextReason)}, give them.")
    if refusal := st.session_state.pop(REFUSAL, ""):
        text.complain(refusal)
    if not own:
        st.markdown("**This project has no reasons of its own yet.**")
    for key, code in enumerate(own, len(TextReason) + 1):
        _line(code, str(key) if key < 10 else "")
    _last_removed(own)
    if current.owns():
        _new()


def _line(code: str, key: str) -> None:
    """One reason, the digit that gives it in triage, and its button."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"reason_line_{code}"):
        digit = f' <span class="mapd-note">key {key}</span>' if key else ""
        st.html(f"<span>{text.escape(reasons.words(code))}{digit}</span>", width="content")
        if current.owns():
            acting.button("Remove", key=f"reason_remove_{code}", on_click=_remove, args=(code,))


def _last_removed(own: Sequence[str]) -> None:
    """What was removed last, with its undo."""
    code = st.session_state.get(REMOVED)
    if code is None or code in own:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        said = f"removed {text.escape(reasons.words(code))}; what was rejected for it stays"
        st.html(f'<span role="status">✓ {said}</span>', width="content")
        acting.button("Undo", key="reason_undo", on_click=_put_back, args=(code,))


def _new() -> None:
    """The field for another reason. Its button reads the field at the click: what was just typed counts."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.text_input("Another reason", max_chars=reasons.LONGEST, key=FIELD, placeholder="wrong units", width=330)
        acting.button("Add reason", key="reason_add", on_click=_add_typed, icon=":material/add:")


# -- callbacks --------------------------------------------------------------------------------------------------------


def _add_typed() -> None:
    typed = str(st.session_state.get(FIELD) or "")
    if acting.write(lambda session, person: reasons.add(session, typed, by=person), REFUSAL):
        st.session_state[FIELD] = ""


def _put_back(code: str) -> None:
    acting.write(lambda session, person: reasons.add(session, reasons.words(code), by=person), REFUSAL)


def _remove(code: str) -> None:
    if acting.write(lambda session, person: reasons.remove(session, code, by=person), REFUSAL):
        st.session_state[REMOVED] = code
