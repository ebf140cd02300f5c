"""The command that does the same as a form on the data page."""

import streamlit as st


def show_command(command: str) -> None:
    """Show the command that does the same in a terminal."""
    st.caption("The same in a terminal:")
    st.code(command, language=None, wrap_lines=True)
