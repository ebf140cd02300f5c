"""The guidelines on a page: rendered, without anything that leads or loads (an archive may have brought them).

guidelines.beside("triage")      # in triage, where the key was pressed
guidelines.edit(found)           # on their own page
"""

from collections.abc import Sequence

import streamlit as st

from mapd.curation import guidelines
from mapd.curation.guidelines import Version
from mapd.errors import MapdError
from mapd.store import db
from mapd.ui import acting, current, figures, hotkeys, rendered, text, times
from mapd.ui.figures import Cell

OPEN = "guidelines_open"  # session state: whether they stand beside the work
TOLD = "guidelines_told"  # session state: why the last save was none
KEY = "i"
EXAMPLE = """# Accept a rationale if
- its own answer is the gold answer, and
- each step follows from the one before.

# Reject it
- *right by luck*: the answer is right, a step that it needs is not."""


def read() -> list[Version]:
    """Every version, the newest first."""
    with db.reading(current.engine()) as session:
        return guidelines.versions(session)


# -- beside the work --------------------------------------------------------------------------------------------------


def toggle() -> None:
    """The button that shows and hides them; none where nobody wrote any."""
    if _current() is not None:
        opened = bool(st.session_state.get(OPEN))
        words = f"guidelines {'◉ on' if opened else '○ off'}"
        name = hotkeys.name(KEY, opened)
        st.button(hotkeys.label(KEY, words), key=name, on_click=_turn, args=(not opened,), type="tertiary")


def _turn(opened: bool) -> None:
    st.session_state[OPEN] = opened


def beside() -> None:
    """Draw them, where they are shown."""
    found = _current() if st.session_state.get(OPEN) else None
    if found is not None:
        with st.container(border=True, key="mapd_guidelines"):
            rendered.draw(found, "beside", rem=0.92)


def _current() -> str | None:
    with db.reading(current.engine()) as session:
        row = guidelines.current(session)
        return None if row is None else row.text


# -- their page -------------------------------------------------------------------------------------------------------


def edit(found: Sequence[Version]) -> None:
    """The field for a new version."""
    if told := st.session_state.pop(TOLD, ""):
        text.complain(told)
    seen = found[0].uid if found else None
    key = f"guidelines_{seen}"
    st.text_area(
        "A new version, in markdown",
        found[0].text if found else "",
        key=key,
        height=320,
        max_chars=guidelines.LONGEST,
        placeholder=EXAMPLE,
    )
    args = (key, seen, current.current_person().name)
    acting.button("Save as a new version", key=f"{key}_save", on_click=_save, args=args, type="primary")


def _save(key: str, seen: str | None, name: str) -> None:
    words = str(st.session_state.get(key) or "")
    try:
        person = current.acting_person(name)
        with db.writing(current.engine()) as session:
            guidelines.save(session, words, by=person, seen=seen)
    except MapdError as error:
        st.session_state[TOLD] = str(error)


def listed(found: Sequence[Version]) -> None:
    """All versions, each a link."""
    st.subheader("Versions", anchor=False)
    header = ("version", "by", "since", "verdicts given while it was current")
    st.html(figures.table(header, map(_line, found), words=3))


def _line(version: Version) -> tuple[Cell, ...]:
    number = figures.linked(str(version.number), current.address("guidelines", version=version.number))
    who = f"{text.one_line(version.person, 40)}{', with an archive' if version.from_archive else ''}"
    return number, who, times.cell(version.since), version.judged
