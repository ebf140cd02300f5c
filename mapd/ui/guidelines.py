"""The parts of the guidelines page: every version, and the reasons for a rejection, the usual and the project's own."""

from collections.abc import Sequence

import streamlit as st

from mapd.domain import TextReason
from mapd.review import guidelines, reasons
from mapd.review.guidelines import Version
from mapd.ui.kit import actions, context, refusals, tables, text, times
from mapd.ui.kit.tables import Cell

# Session state: why the last version wasn't saved.
MESSAGE = "guidelines_told"
# Session state: why the last press changed no reason.
REASON_REFUSAL = "reasons_refusal"
# Session state: the code of the reason that was removed last.
REMOVED_CODE = "reasons_removed"
# The key of the field for a new reason.
FIELD = "reasons_field"
EXAMPLE = """# Accept a rationale if
- its own answer is the gold answer, and
- each step follows from the one before.

# Reject it
- *right by luck*: the answer is right, a step that it needs is not."""


def draw_editor(versions: Sequence[Version]) -> None:
    """Draw the field for a new version."""
    refusals.draw_message(MESSAGE)
    base_uid = versions[0].uid if versions else None
    # A new version gets a new field, which starts with that version's text.
    key = f"guidelines_{base_uid}"
    st.text_area(
        "A new version, in markdown",
        versions[0].text if versions else "",
        key=key,
        height=320,
        max_chars=guidelines.LONGEST,
        placeholder=EXAMPLE,
    )
    args = (key, base_uid, context.current_person().name)
    actions.button("Save as a new version", key=f"{key}_save", on_click=_save, args=args, type="primary")


def _save(key: str, base_uid: str | None, name: str) -> None:
    words = str(st.session_state.get(key) or "")
    actions.write(lambda session, person: guidelines.save(session, words, by=person, base_uid=base_uid), MESSAGE, name)


def draw_versions(versions: Sequence[Version]) -> None:
    """Draw all versions, each a link."""
    st.subheader("Versions", anchor=False)
    header = ("version", "by", "since", "verdicts given while it was current")
    tables.draw_table(header, map(_version_row, versions), words=3)


def _version_row(version: Version) -> tuple[Cell, ...]:
    number = tables.link_cell(str(version.number), context.address("guidelines", version=version.number))
    author = f"{text.one_line(version.person, 40)}{', with an archive' if version.from_archive else ''}"
    return number, author, times.cell(version.since), version.verdicts


# -- the reasons ------------------------------------------------------------------------------------------------------


def draw_reasons() -> None:
    """Draw the reasons for a rejection: the usual ones, and the project's own for those who may change them."""
    codes = context.read(reasons.list_own)
    st.subheader("Reasons for a rejection", anchor=False)
    words = ", ".join(reasons.words(reason) for reason in TextReason)
    st.caption(f"Every project has these: {words}. In triage, press `r` and a digit from 1 to {len(TextReason)}.")
    refusals.draw_message(REASON_REFUSAL)
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
    if actions.write(lambda session, person: reasons.add(session, words, by=person), REASON_REFUSAL):
        st.session_state[FIELD] = ""


def _put_back(code: str) -> None:
    actions.write(lambda session, person: reasons.add(session, reasons.words(code), by=person), REASON_REFUSAL)


def _remove(code: str) -> None:
    if actions.write(lambda session, person: reasons.remove(session, code, by=person), REASON_REFUSAL):
        st.session_state[REMOVED_CODE] = code
