"""Who sits at this browser: a cookie, read when a session starts and set by one small script.

    keep("ann")      # on a page: from the next session on,
    kept()           # -> "ann" at this browser, "" at another one

The Content-Security-Policy lets the script run by its hash (headers.py).
"""

import html
from pathlib import Path
from urllib.parse import unquote

import streamlit as st

NAME = "mapd_person"
SCRIPT = (Path(__file__).parent / "person.js").read_text(encoding="utf-8")


def kept() -> str:
    """What this browser keeps, as it is: somebody may have put anything there."""
    return unquote(st.context.cookies.get(NAME, ""), errors="replace")


def keep(person: str) -> None:
    """Have the browser keep it."""
    with st.container(key="mapd_cookie"):
        said = f'<span data-mapd-person="{html.escape(person)}"></span>'
        st.html(f"{said}<script>{SCRIPT}</script>", unsafe_allow_javascript=True)
