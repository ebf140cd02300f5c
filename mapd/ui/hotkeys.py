"""Keys for a page's buttons: the button's own key says which, its label shows it, one small script listens.

    st.button(hotkeys.label("a", "accept"), key=hotkeys.name("a", item, version), on_click=…)
    with st.popover(…, key=hotkeys.name("n")), st.container(key=hotkeys.panel("note")): …   # open, it takes all keys
    hotkeys.listen()                                                                        # once, at the page's end

Streamlit's own `shortcut=` keeps R for itself, opens no popover, and waits for the server before a second key (`r` `1`)
can mean something else; hence a script. It only ever clicks buttons: all that decides is on the server. And it scrolls
by the keys that do so anywhere: streamlit's page is a box in the body, which the browser only scrolls once something in
it has the focus. The Content-Security-Policy lets it run by its hash (headers.py).
"""

from pathlib import Path

import streamlit as st

SCRIPT = (Path(__file__).parent / "hotkeys.js").read_text(encoding="utf-8")
SHOWN = {"left": "←", "right": "→", "help": "?", "enter": "Enter"}


def name(key: str, *version: object) -> str:
    """A widget key that gives the button this key: `name("a", 12, 3)`. One version, one press."""
    return "_".join(["hot", key, *map(str, version)])


def panel(*version: object) -> str:
    """A container key that makes the container take all keys while it can be seen."""
    return "_".join(["hotpanel", *map(str, version)])


def waiting(*version: object) -> str:
    """A container key that gives the container's first field the focus, once: what one does here first is to type.

    Until something is typed the arrows to the left and right are the page's keys in it, too.
    """
    return "_".join(["hotfocus", *map(str, version)])


def label(key: str, words: str = "") -> str:
    """A button's label that shows its key."""
    return f"`{SHOWN.get(key, key)}` {words}".rstrip()


def listen() -> None:
    """Listen on this page."""
    with st.container(key="hotkeys"):
        st.html(f"<script>{SCRIPT}</script>", unsafe_allow_javascript=True)
