"""Snapshots: freeze the curated set, see what is in one, take it away."""

import streamlit as st

from mapd.errors import BadInput, NotFound
from mapd.store import queries
from mapd.ui import snapshots as frozen
from mapd.ui.kit import context, frame, rows, text


def draw_page(exam_id: int) -> None:
    """Draw the snapshots of one exam."""
    frozen.draw_form(frozen.choose_sets(exam_id))
    requested_sha = st.query_params.get("snapshot")
    snapshots = context.read(queries.snapshots, exam_id)
    st.subheader("Frozen", anchor=False)
    if not snapshots:
        st.caption("None yet. A snapshot never changes; finetuning reads from one, never from the live set.")
        return
    try:
        open_snapshot = context.read(queries.snapshot, requested_sha) if requested_sha else None
    except (NotFound, BadInput) as error:
        text.complain(str(error))
        open_snapshot = None
    if open_snapshot is not None and open_snapshot.sha256 not in {row.sha256 for row in snapshots}:
        open_snapshot = None
    frozen.draw_list(snapshots, open_snapshot.sha256 if open_snapshot else None)
    if open_snapshot is not None:
        frozen.draw_contents(open_snapshot)


frame.draw_exam_page("Snapshots", draw_page, rows.STYLE)
