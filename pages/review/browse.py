"""Browse: mistakes, rationales, feedback or questions, 25 at a time, with filters that are an address."""

import streamlit as st

from mapd.store.listing import RowKind
from mapd.ui import browsing, bulk, current, figures, rows, turning, views
from mapd.ui.loaded import catch_up

PAGE = "pages/review/browse.py"


def draw_page(exam_id: int) -> None:
    """Draw the table of one exam."""
    catch_up(exam_id)
    request = browsing.choose_filters(exam_id)
    page = browsing.read_page(exam_id, request)
    show = request.filter.show
    with st.container(horizontal=True, vertical_alignment="center", key="mapd_browse_found"):
        row_words = f" in {page.row_count:,} rows" * (page.item_count != page.row_count)
        st.html(
            f'<span class="mapd-note"><b>{page.item_count:,}</b> of {page.total_count:,} {show}{row_words}</span>',
            width="content",
        )
        views.draw_popover(request.params, browsing.DEFAULTS)
        if page.rows and show is not RowKind.QUESTIONS:
            browsing.draw_triage_link(exam_id, request)
        if current.owns() and show in (RowKind.RATIONALES, RowKind.FEEDBACK):
            bulk.draw_judge_all(exam_id, request.filter, page.threshold, page.row_count)
    if hidden_words := browsing.describe_hidden(request):
        st.caption(hidden_words)
    if page.rows:
        browsing.draw_rows(exam_id, request, page.rows)
        turning.draw_links(PAGE, page.rows, page.rows_before, page.row_count, **request.params)
    elif page.row_count:
        turning.draw_first_link(PAGE, **request.params)
    else:
        message = "Nothing fits these filters." if page.total_count else f"This exam has no {show}."
        st.info(message, icon=":material/search_off:")


figures.add_style()
st.html(rows.STYLE)
st.header("Browse", anchor=False)
if (exam := current.require_exam()) is not None:
    draw_page(exam)
