"""Browse: one table of rationales, feedback or mistakes, with filters that are an address."""

import streamlit as st

from mapd.curation.filters import Kind, find
from mapd.ui import browsing, bulk, current, figures, rows
from mapd.ui.loaded import load_curated


def page(exam_id: int) -> None:
    """The table of one exam."""
    curated = load_curated(exam_id)
    wanted, order = browsing.chosen(exam_id, curated)
    found = find(curated, wanted, order)
    of = len(find(curated, browsing.Filter(kind=wanted.kind)))
    pages = max(1, -(-len(found) // rows.PAGE))
    with st.container(horizontal=True, vertical_alignment="center", key="mapd_browse_found"):
        st.html(f'<span class="mapd-note"><b>{len(found):,}</b> of {of:,} {wanted.kind}</span>')
        number = min(st.pagination(pages, key="page", bind="query-params"), pages)
    if wanted.kind is not Kind.MISTAKES:
        bulk.offer(found, curated, wanted.kind)
    if not found:
        st.info(
            "Nothing fits these filters." if of else f"This exam has no {wanted.kind}.", icon=":material/search_off:"
        )
        return
    shown = found[(number - 1) * rows.PAGE : number * rows.PAGE]
    rows.draw(shown, curated, "browse", mistakes=wanted.kind is Kind.MISTAKES)


figures.style()
st.html(rows.STYLE)
st.header("Browse", anchor=False)
if (exam := current.require_exam()) is not None:
    page(exam)
