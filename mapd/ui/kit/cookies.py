"""Cookies: what a browser remembers of a person. They are read when a session starts, and set by one script."""

import html
from urllib.parse import unquote

import streamlit as st

from mapd.ui.kit import scripts

PERSON, VIEW, RETURN_ADDRESS = "mapd_person", "mapd_view", "mapd_wanted"


def read(name: str) -> str:
    """Return the cookie's value as the browser sent it: anybody may have written it."""
    # Bytes that aren't UTF-8 become replacement characters instead of an error.
    return unquote(st.context.cookies.get(name, ""), errors="replace")


def keep(name: str, value: str) -> None:
    """Have the browser store the cookie."""
    with st.container(key=f"mapd_cookie_{name}"):
        span = f'<span data-mapd-keep="{name}" data-mapd-value="{html.escape(value)}"></span>'
        st.html(f"{span}{scripts.tag('cookie')}", unsafe_allow_javascript=True)
