"""Room vote, for talks: a rationale in large type, the room's hands, then what committee, checks and gold say."""

import streamlit as st

from mapd.curation.queues import doubt
from mapd.ui import current, figures, hotkeys, room
from mapd.ui.loaded import load_curated
from mapd.ui.rows import Found


def page(exam_id: int) -> None:
    """One rationale of the exam."""
    curated = load_curated(exam_id)
    texts = [(mistake, x) for mistake in curated.mistakes for x in mistake.rationales]
    found = [Found(*row) for row in sorted(texts, key=lambda row: -doubt(row[1]))]
    if not found:
        st.info("This exam has no rationales to vote on.", icon=":material/search_off:")
        return
    at = room.settle(found)
    mistake, x = found[at].mistake, found[at].text
    assert x is not None, "a row of rationales has its text"
    room.ask(mistake, x)
    room.foot(found, at, curated)
    hotkeys.listen()


figures.style()
st.html(room.STYLE)
if (exam := current.require_exam()) is not None:
    page(exam)
