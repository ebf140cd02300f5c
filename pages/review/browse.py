"""Browse: mistakes, rationales, feedback or questions, 25 at a time, with filters that are an address."""

import streamlit as st

from mapd.store.listing import RowKind
from mapd.ui import browsing, bulk, current, figures, rows, turning, views
from mapd.ui.loaded import catch_up

PAGE = "pages/review/browse.py"


def page(exam_id: int) -> None:
    """The table of one exam."""
    catch_up(exam_id)
    asked = browsing.chosen(exam_id)
    found = browsing.read(exam_id, asked)
    show = asked.wanted.show
    with st.container(horizontal=True, vertical_alignment="center", key="mapd_browse_found"):
        rows_ = f" in {found.of:,} rows" * (found.number != found.of)
        st.html(
            f'<span class="mapd-note"><b>{found.number:,}</b> of {found.all:,} {show}{rows_}</span>', width="content"
        )
        views.popover(asked.params, browsing.DEFAULTS)
        if found.rows and show is not RowKind.QUESTIONS:
            browsing.link_to_triage(exam_id, asked)
        if current.owns() and show in (RowKind.RATIONALES, RowKind.FEEDBACK):
            bulk.offer(exam_id, asked.wanted, found.threshold, found.of)
    if hidden := browsing.hides(asked):
        st.caption(hidden)
    if found.rows:
        browsing.draw(exam_id, asked, found.rows)
        turning.links(PAGE, found.rows, found.before, found.of, **asked.params)
    elif found.of:
        turning.to_the_first(PAGE, **asked.params)
    else:
        nothing = "Nothing fits these filters." if found.all else f"This exam has no {show}."
        st.info(nothing, icon=":material/search_off:")


figures.style()
st.html(rows.STYLE)
st.header("Browse", anchor=False)
if (exam := current.require_exam()) is not None:
    page(exam)
