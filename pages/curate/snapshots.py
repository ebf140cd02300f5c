"""Snapshots."""

import streamlit as st

from mapd.ui import current

st.header("Snapshots")
if current.require_exam() is not None:
    st.caption("Nothing here yet.")
