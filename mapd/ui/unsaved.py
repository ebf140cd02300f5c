"""What isn't saved yet can be seen, and what was typed survives a reload and a killed server: one small script.

    note = unsaved.field("n", "note 5f3a… ann", begun=True, along=("a", "r"), said=["the sum is right"])
    unsaved.watch(note, unsaved.done("note 77c0… ann", "9e1b…"))

Between a press and the server's word "saving …" stands behind the last thing saved, and other presses are not taken.
What is typed into a panel's field (hotkeys.panel) is kept in this tab under its marker's name, shown on the panel's
button, and put back into the field, until it is told by a mark, another each time, that it was saved. The
Content-Security-Policy lets the script run by its hash (headers.py).
"""

import html
import json
from collections.abc import Collection
from pathlib import Path
from urllib.parse import quote

import streamlit as st

from mapd.store.tables import new_uid

SESSION = "unsaved_session"  # session state: its own name, so that the browser knows when it is another
SCRIPT = (Path(__file__).parent / "unsaved.js").read_text(encoding="utf-8")


def field(key: str, name: str, *, begun: bool, along: Collection[str], said: Collection[str]) -> str:
    """What the script is told of the field behind this key.

    `begun`: the server knows what was typed there. `along`: the keys that take it along; where the server doesn't know
    it (any more), they show it instead. `said`: what was saved there.
    """
    known, takers = "1" if begun else "", " ".join(along)
    there = f'data-mapd-draft="{html.escape(name)}" data-mapd-begun="{known}" data-mapd-along="{takers}"'
    saved = quote(json.dumps(list(said)))  # an attribute with "-->" in it would be taken out
    return f'<span data-mapd-field="{key}" {there} data-mapd-said="{saved}"></span>'


def done(name: str, mark: str) -> str:
    """That what was typed under this name was saved."""
    return f'<span data-mapd-done="{html.escape(name)}" data-mapd-saved="{html.escape(mark)}"></span>'


def watch(*markers: str) -> None:
    """Watch this page's presses and fields. Called where the page is drawn: what it draws ends the wait for a press."""
    with st.container(key="mapd_unsaved"):
        session = st.session_state.setdefault(SESSION, new_uid())
        run = f'<span data-mapd-run="{new_uid()}" data-mapd-session="{session}"></span>'
        st.html(f"{run}{''.join(markers)}<script>{SCRIPT}</script>", unsafe_allow_javascript=True)
