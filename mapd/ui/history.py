"""One press of Back undoes one press: a small script in front of the browser's history.

    history.keep()      # once, before the pages

Streamlit adds an entry whenever the server completes or corrects the address: a link to another page left three, the
first of which nobody asked for. A filter set by hand left none. Here the first change of the address after a press is
an entry, and what follows of itself completes that entry; so does what follows a load, or Back and Forward. Two presses
within one run of the server share an entry. Another page of rows and another mistake begin at their top, too.
"""

import streamlit as st

from mapd.ui import scripts


def keep() -> None:
    """Keep this page's history."""
    with st.container(key="mapd_history"):
        scripts.run("history")
