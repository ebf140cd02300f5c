"""One press of Back undoes one press: a small script that manages the browser's history.

    history.keep()      # once, before the pages

Streamlit adds an entry whenever the server completes or corrects the address: a link to another page made three, and
a filter set by hand made none. Here the first change of the address after a press makes an entry, and later changes
complete it; so do changes after a load, Back or Forward. Two presses within one run of the server share an entry.
Another page of rows and another mistake also start scrolled to their top.
"""

import streamlit as st

from mapd.ui.kit import scripts


def keep() -> None:
    """Run the script on this page."""
    with st.container(key="mapd_history"):
        scripts.run("history")
