"""The frame around every page: settings and style, the sidebar, the header line, and the one error handler.

app.py calls `configure()` and `draw(sections)`; a page begins with `head`, and draws only its own content.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import streamlit as st
from streamlit.navigation.page import Page

from mapd.errors import MapdError
from mapd.store import audit_log, queries
from mapd.ui import jobs
from mapd.ui.kit import context, refusals, run_session, scripts, sign_in, tables, text, url_state

STYLE = Path(__file__).parent / "style.css"
ABOUT_TEXT = "**MAPD Studio**: a student's mistakes, a committee of teachers, and people who judge."
# Pages that start with the sidebar closed.
FULL_WIDTH_PAGES = ("triage",)
SIDEBAR_PIXELS = 208
# The pages that judging needs.
JUDGING_PAGES = ("triage", "browse", "people", "guidelines")
# Annotators begin here.
TRIAGE_PAGE = "pages/review/triage.py"


def configure() -> None:
    """Set icon, width, style and history. Without an About entry streamlit hides the menu with its theme choice."""
    st.set_page_config("MAPD Studio", page_icon="📖", layout="wide", menu_items={"About": ABOUT_TEXT})
    st.html(STYLE)
    scripts.keep_history()


def draw(sections: Mapping[str, Sequence[Page]]) -> None:
    """Draw the frame and the page in it. Any MapdError becomes one line of text, here and nowhere else."""
    # The sidebar is our own, see `_draw_sidebar`.
    page = st.navigation(sections, position="hidden")
    sidebar: Literal["collapsed"] | int = "collapsed" if page.url_path in FULL_WIDTH_PAGES else SIDEBAR_PIXELS
    st.set_page_config(f"{page.title} · MAPD Studio", initial_sidebar_state=sidebar)
    try:
        with run_session.one_session():
            _draw_inside(page, sections)
    except MapdError as error:
        refusals.draw_error(error)


def head(title: str, *styles: Path) -> None:
    """Add the stylesheets of a page's parts, and draw its heading."""
    for style in (tables.STYLE, *styles):
        st.html(style)
    st.header(title, anchor=False)


def draw_exam_page(title: str, draw_exam: Callable[[int], None], *styles: Path) -> None:
    """Draw a page that shows one exam; without an exam, what to do first."""
    head(title, *styles)
    if (exam := context.require_exam()) is not None:
        draw_exam(exam)


def _draw_inside(page: Page, sections: Mapping[str, Sequence[Page]]) -> None:
    """Draw sidebar, header and page for those whom the app is open to, and the sign-in for others."""
    if (refusal := sign_in.session_refusal(context.settings(), context.read)) is not None:
        sign_in.draw_sign_in(refusal, page.url_path)
        return
    _redirect(page, sections)
    # Before anything that shows the exam: header, sidebar links and page all read it.
    bad_uid = context.settle_exam()
    active, has_failed = jobs.read_counts()
    _draw_sidebar(_visible_pages(sections), {"jobs": f"{active:,}" if active else "failed" if has_failed else ""})
    _draw_header(active)
    if bad_uid is not None:
        text.complain(
            f"this address asks for an exam that the project doesn't hold: {bad_uid}; choose or import another"
        )
    _draw_band()
    refusals.draw_message()
    # Before the page: its widgets compare their scopes with the page before.
    url_state.enter_page(page.url_path)
    if context.owns() or page.url_path in JUDGING_PAGES:
        page.run()
    else:
        text.complain(f"{page.title} is for this project's owners; what you need to judge is in the sidebar")


def _redirect(page: Page, sections: Mapping[str, Sequence[Page]]) -> None:
    """Lead from the start page back to where a person was before signing in, and annotators to triage."""
    pages_by_path = {candidate.url_path: candidate for pages in sections.values() for candidate in pages}
    return_address = sign_in.take_return_address(page.url_path)
    if return_address is not None and return_address[0] in pages_by_path:
        st.switch_page(pages_by_path[return_address[0]], query_params=return_address[1])
    if not page.url_path and not context.owns():
        st.switch_page(TRIAGE_PAGE, query_params=sign_in.address_params())


def _visible_pages(sections: Mapping[str, Sequence[Page]]) -> Mapping[str, Sequence[Page]]:
    """Return the pages for the sidebar; the others can still be opened by their address."""
    if not context.judges_only():
        return sections
    judging = {name: [page for page in pages if page.url_path in JUDGING_PAGES] for name, pages in sections.items()}
    return {name: pages for name, pages in judging.items() if pages}


def _draw_sidebar(sections: Mapping[str, Sequence[Page]], marks: Mapping[str, str]) -> None:
    """Draw the sidebar. Streamlit's own links drop the exam from the address, so a new tab would forget it.

    `marks`: by page, what stands after its name.
    """
    with st.sidebar:
        st.html('<div class="mapd-brand"><i aria-hidden="true">◑</i>MAPD Studio</div>')
        for section, pages in sections.items():
            st.html(f'<div class="mapd-section">{text.escape(section)}</div>')
            for page in pages:
                mark = marks.get(page.url_path)
                label = f"{page.title} :gray-badge[{mark}]" if mark else page.title
                st.page_link(page, label=label, query_params=context.params(), width="stretch")


def _draw_header(active: int) -> None:
    with st.container(key="mapd_header", horizontal=True, wrap=False, vertical_alignment="center"):
        name = text.line_html(context.project(), 60)
        st.html(f'<span class="mapd-project"><i>project</i>{name}</span>', width="content")
        context.exam_selector()
        st.space("stretch")
        if active and context.owns():
            label = f"{active:,} jobs at work" if active > 1 else "1 job at work"
            context.link("pages/loop/jobs.py", label, icon=":material/pending_actions:")
        context.person_popover()


def _draw_band() -> None:
    """Say above every page with simulated texts that they are simulated."""
    exam = context.current_exam()
    if exam is None or not context.read(queries.exam, exam).simulated:
        return
    is_recorded = context.read(audit_log.edition, audit_log.RECORDED_DEMO) > 0
    words = "Recorded demo, simulated teachers" if is_recorded else "Simulated teachers"
    with st.container(key="mapd_band", horizontal=True, wrap=False, vertical_alignment="center"):
        st.html(
            f'<span><b>{words}</b> <span class="mapd-note">generated questions, a real small student; no person and no '
            "large model wrote these explanations</span></span>"
        )
        if not context.owns():
            return
        with st.popover("Start my own", icon=":material/add:", type="tertiary"):
            context.link("pages/loop/data.py", "Import data into this project", icon=":material/upload_file:")
            st.caption("Or in a terminal: an empty project beside this one, and the whole loop on this machine.")
            st.code("MAPD_HOME=data/mine mapd app\nMAPD_HOME=data/mine mapd demo", language=None, wrap_lines=True)
