"""The guidelines' page: rendered, without links or images, since an archive may have brought them.

guidelines.draw_editor(guidelines.load_versions())
"""

from collections.abc import Sequence

import streamlit as st

from mapd.review import guidelines
from mapd.review.guidelines import Version
from mapd.ui.kit import actions, context, tables, text, times
from mapd.ui.kit.tables import Cell

# Session state: why the last version wasn't saved.
MESSAGE = "guidelines_told"
EXAMPLE = """# Accept a rationale if
- its own answer is the gold answer, and
- each step follows from the one before.

# Reject it
- *right by luck*: the answer is right, a step that it needs is not."""


def load_versions() -> list[Version]:
    """Return every version, the newest first."""
    return context.read(guidelines.versions)


# -- their page -------------------------------------------------------------------------------------------------------


def draw_editor(versions: Sequence[Version]) -> None:
    """Draw the field for a new version."""
    if message := st.session_state.pop(MESSAGE, ""):
        text.complain(message)
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
