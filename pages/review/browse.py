"""Browse: mistakes, rationales, feedback or questions, 25 at a time, with filters that are an address."""

import streamlit as st

from mapd.domain import RowKind
from mapd.ui.browse import batches, downloads, saved_views
from mapd.ui.browse import page as browsing
from mapd.ui.kit import context, exports, frame, pagination, rows
from mapd.ui.kit.cache import require_index

PAGE = "pages/review/browse.py"


def draw_page(exam_id: int) -> None:
    """Draw the table of one exam."""
    if not require_index(exam_id):
        return
    request = browsing.choose_filters(exam_id)
    page = browsing.read_page(exam_id, request)
    show = request.filter.show
    with st.container(horizontal=True, vertical_alignment="center", key="mapd_browse_found"):
        row_words = f" in {page.row_count:,} rows" * (page.item_count != page.row_count)
        st.html(
            f'<span class="mapd-note"><b>{page.item_count:,}</b> of {page.total_count:,} {show}{row_words}</span>',
            width="content",
        )
        saved_views.draw_popover(request.params, browsing.DEFAULTS)
        if page.rows and show is not RowKind.QUESTIONS:
            browsing.draw_triage_link(exam_id, request)
        if page.rows and exports.is_allowed():
            downloads.draw_popover(exam_id, request, page)
        if context.owns() and show in (RowKind.RATIONALES, RowKind.FEEDBACK):
            batches.draw_judge_all(exam_id, request.filter, page.threshold, page.row_count)
    if hidden_words := browsing.describe_hidden(request):
        st.caption(hidden_words)
    if page.rows:
        browsing.draw_rows(exam_id, request, page.rows)
        pagination.draw_links(PAGE, page.rows, page.rows_before, page.row_count, **request.params)
    elif page.row_count:
        pagination.draw_first_link(PAGE, **request.params)
    else:
        message = "Nothing fits these filters." if page.total_count else f"This exam has no {show}."
        st.info(message, icon=":material/search_off:")


frame.draw_exam_page("Browse", draw_page, rows.STYLE)
