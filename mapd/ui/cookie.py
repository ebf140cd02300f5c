"""What a browser keeps of a person: cookies, read when a session starts, set by one script.

keep(PERSON, "ann")      # on a page: from the next session on,
kept(PERSON)             # -> "ann" at this browser, "" at another one
"""

import html
from urllib.parse import unquote

import streamlit as st

from mapd.ui import scripts

PERSON, VIEW, RETURN_ADDRESS = "mapd_person", "mapd_view", "mapd_wanted"


def read(name: str) -> str:
    """What this browser keeps, as it is: somebody may have put anything there."""
    return unquote(st.context.cookies.get(name, ""), errors="replace")


def keep(name: str, value: str) -> None:
    """Have the browser keep it."""
    with st.container(key=f"mapd_cookie_{name}"):
        span = f'<span data-mapd-keep="{name}" data-mapd-value="{html.escape(value)}"></span>'
        st.html(f"{span}{scripts.tag('cookie')}", unsafe_allow_javascript=True)
