"""The boxes that ask whether a key may go to a server that it isn't the key of."""

from collections.abc import Iterable

import streamlit as st

from mapd import approvals
from mapd.ui.kit import context, text


def confirm(server: str, variables: Iterable[str], prefix: str) -> bool:
    """Draw a box for each key of another server; return whether there are some, and all are ticked."""
    doubts = {name: context.read(approvals.find_doubt, name, server) for name in variables}
    boxes = [
        st.checkbox(text.label(f"Yes, send it there: {doubt}", 300), key=f"{prefix}_yes_{name}_{server}")
        for name, doubt in doubts.items()
        if doubt is not None
    ]
    return bool(boxes) and all(boxes)
