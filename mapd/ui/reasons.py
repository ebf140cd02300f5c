"""The reasons for a rejection, on the guidelines page: the usual ones, and the project's own to add and remove.

reasons.draw()
"""

from collections.abc import Sequence

import streamlit as st

from mapd.domain import TextReason
from mapd.review import reasons
from mapd.ui.kit import actions, context, text

# Session state: why the last press changed nothing.
REFUSAL = "reasons_refusal"
# Session state: the code of the reason that was removed last.
REMOVED_CODE = "reasons_removed"
# The key of the field for a new reason.
FIELD = "reasons_field"


def draw() -> None:
    """Draw the project's reasons, with field and buttons for those who may change them."""
    codes = context.read(reasons.list_own)
    st.subheader("Reasons for a rejection", anchor=False)
    words = ", ".join(reasons.words(reason) for reason in TextReason)
    st.caption(f"Every project has these: {words}. In triage, press `r` and a digit from 1 to {len(TextReason)}.")
    if refusal := st.session_state.pop(REFUSAL, ""):
        text.complain(refusal)
    if not codes:
        st.markdown("**This project has no reasons of its own yet.**")
    for key, code in enumerate(codes, len(TextReason) + 1):
        _draw_reason(code, str(key) if key < 10 else "")
    _draw_last_removed(codes)
    if context.owns():
        _draw_field()


def _draw_reason(code: str, key: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"reason_line_{code}"):
        digit = f' <span class="mapd-note">key {key}</span>' if key else ""
        st.html(f"<span>{text.escape(reasons.words(code))}{digit}</span>", width="content")
        if context.owns():
            actions.button("Remove", key=f"reason_remove_{code}", on_click=_remove, args=(code,))


def _draw_last_removed(codes: Sequence[str]) -> None:
    code = st.session_state.get(REMOVED_CODE)
    if code is None or code in codes:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        message = f"removed {text.escape(reasons.words(code))}; texts that were rejected for it stay rejected"
        st.html(f'<span role="status">✓ {message}</span>', width="content")
        actions.button("Undo", key="reason_undo", on_click=_put_back, args=(code,))


def _draw_field() -> None:
    """Draw the field for a new reason. Its button reads the field at the click: what was just typed counts."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.text_input("Another reason", max_chars=reasons.LONGEST, key=FIELD, placeholder="wrong units", width=330)
        actions.button("Add reason", key="reason_add", on_click=_add_typed, icon=":material/add:")


# -- callbacks --------------------------------------------------------------------------------------------------------


def _add_typed() -> None:
    words = str(st.session_state.get(FIELD) or "")
    if actions.write(lambda session, person: reasons.add(session, words, by=person), REFUSAL):
        st.session_state[FIELD] = ""


def _put_back(code: str) -> None:
    actions.write(lambda session, person: reasons.add(session, reasons.words(code), by=person), REFUSAL)


def _remove(code: str) -> None:
    if actions.write(lambda session, person: reasons.remove(session, code, by=person), REFUSAL):
        st.session_state[REMOVED_CODE] = code
