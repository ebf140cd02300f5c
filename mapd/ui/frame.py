"""What stands around every page: its settings and style, the sidebar, the header line, and the one error handler.

app.py calls `configure()` and `show(sections)`; a page draws its own content alone.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import streamlit as st
from streamlit.navigation.page import Page

from mapd.errors import MapdError
from mapd.ui import address, current, history, signing_in, telling, text, working

STYLE = Path(__file__).parent / "style.css"
ABOUT = "**MAPD Studio**: a student's mistakes, a committee of teachers, and people who judge."
FULL_WIDTH = ("triage",)  # pages that start with the sidebar folded away, until the person unfolds it
SIDEBAR = 208  # pixels
JUDGING = ("triage", "browse", "people", "guidelines")  # the pages that judging needs
JUDGE = "pages/review/triage.py"  # where those begin who only judge


def configure() -> None:
    """Icon, width, style, history; and an About entry, or streamlit hides the menu with its theme choice."""
    st.set_page_config("MAPD Studio", page_icon="📖", layout="wide", menu_items={"About": ABOUT})
    st.html(STYLE)
    history.keep()


def show(sections: Mapping[str, Sequence[Page]]) -> None:
    """Draw the frame and the page in it. A MapdError, wherever it comes from, is one line of text."""
    page = st.navigation(sections, position="hidden")
    sidebar: Literal["collapsed"] | int = "collapsed" if page.url_path in FULL_WIDTH else SIDEBAR
    st.set_page_config(f"{page.title} · MAPD Studio", initial_sidebar_state=sidebar)
    try:
        if (shut := signing_in.shut(current.settings(), current.engine)) is not None:
            signing_in.draw(shut, page.url_path)
            return
        _lead(page, sections)
        wrong = current.settle_exam()
        active, failed = working.active_and_failed()
        _sidebar(_needed(sections), {"jobs": f"{active:,}" if active else "failed" if failed else ""})
        _header(active)
        if wrong is not None:
            text.complain(
                f"this address asks for an exam that the project doesn't hold: {wrong}; choose or import another"
            )
        _band()
        telling.show()
        address.turn_to(page.url_path)
        if current.owns() or page.url_path in JUDGING:
            page.run()
        else:
            text.complain(f"{page.title} is for this project's owners; what you need to judge is in the sidebar")
    except MapdError as error:
        telling.line(error)


def _lead(page: Page, sections: Mapping[str, Sequence[Page]]) -> None:
    """Take who comes to the start to where they were before they signed in, and who only judges to triage."""
    known = {one.url_path: one for pages in sections.values() for one in pages}
    asked = signing_in.wanted(page.url_path)
    if asked is not None and asked[0] in known:
        st.switch_page(known[asked[0]], query_params=asked[1])
    if not page.url_path and not current.owns():
        st.switch_page(JUDGE, query_params=signing_in.asked())


def _needed(sections: Mapping[str, Sequence[Page]]) -> Mapping[str, Sequence[Page]]:
    """The pages to show in the sidebar; all can be reached by their address."""
    if not current.judges_only():
        return sections
    judging = {name: [page for page in pages if page.url_path in JUDGING] for name, pages in sections.items()}
    return {name: pages for name, pages in judging.items() if pages}


def _sidebar(sections: Mapping[str, Sequence[Page]], marks: Mapping[str, str]) -> None:
    """Our own links in place of streamlit's, which drop the exam from the address: a new tab would forget it.

    `marks`: by page, what stands behind its name.
    """
    with st.sidebar:
        st.html('<div class="mapd-brand"><i aria-hidden="true">◑</i>MAPD Studio</div>')
        for section, pages in sections.items():
            st.html(f'<div class="mapd-section">{text.escape(section)}</div>')
            for page in pages:
                mark = marks.get(page.url_path)
                label = f"{page.title} :gray-badge[{mark}]" if mark else page.title
                st.page_link(page, label=label, query_params=current.params(), width="stretch")


def _header(active: int) -> None:
    """One line: the project, the exam, the person."""
    with st.container(key="mapd_header", horizontal=True, wrap=False, vertical_alignment="center"):
        name = text.escape(text.one_line(current.project(), 60))
        st.html(f'<span class="mapd-project"><i>project</i>{name}</span>', width="content")
        current.exam_selector()
        st.space("stretch")
        if active and current.owns():
            label = f"{active:,} jobs at work" if active > 1 else "1 job at work"
            current.link("pages/loop/jobs.py", label, icon=":material/pending_actions:")
        current.person_popover()


def _band() -> None:
    """What is simulated says so above every page that shows it."""
    if not current.is_simulated():
        return
    what = "Recorded demo, simulated teachers" if current.is_recorded() else "Simulated teachers"
    with st.container(key="mapd_band", horizontal=True, wrap=False, vertical_alignment="center"):
        st.html(
            f'<span><b>{what}</b> <span class="mapd-note">generated questions, a real small student; no person and no '
            "large model wrote these explanations</span></span>"
        )
        if not current.owns():
            return
        with st.popover("Start my own", icon=":material/add:", type="tertiary"):
            current.link("pages/loop/data.py", "Import data into this project", icon=":material/upload_file:")
            st.caption("Or in a terminal: an empty project beside this one, and the whole loop on this machine.")
            st.code("MAPD_HOME=data/mine mapd app\nMAPD_HOME=data/mine mapd demo", language=None, wrap_lines=True)
