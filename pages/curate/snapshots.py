"""Snapshots: freeze the curated set, see what is in one, take it away."""

import streamlit as st

from mapd.curation.curated import narrow
from mapd.errors import BadInput, NotFound
from mapd.store import db, queries
from mapd.ui import current, figures, frozen, narrowing, rows, text
from mapd.ui.loaded import load_curated


def page(exam_id: int) -> None:
    """The snapshots of one exam."""
    frozen.make(narrow(load_curated(exam_id), narrowing.choose(exam_id)))
    asked = st.query_params.get("snapshot")
    with db.reading(current.engine()) as session:
        made = queries.snapshots(session, exam_id)
        st.subheader("Frozen", anchor=False)
        if not made:
            st.caption("None yet. A snapshot never changes; finetuning reads from one, never from the live set.")
            return
        try:
            chosen = queries.snapshot(session, asked) if asked else None
        except (NotFound, BadInput) as error:
            text.complain(str(error))
            chosen = None
        if chosen is not None and chosen.exam_id != exam_id:
            chosen = None
        frozen.listed(made, chosen.sha256 if chosen else None)
        if chosen is not None:
            frozen.contents(chosen)


figures.style()
st.html(rows.STYLE)
st.header("Snapshots", anchor=False)
if (exam := current.require_exam()) is not None:
    page(exam)
