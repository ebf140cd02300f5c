"""Browse."""

import streamlit as st

from mapd.ui import current

st.header("Browse")
if current.require_exam() is not None:
    st.caption("Nothing here yet.")
