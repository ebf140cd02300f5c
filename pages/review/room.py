"""Room vote, for talks: a rationale in large type, the room's hands, then what committee, checks and gold say."""

import streamlit as st

from mapd.curation.filters import Filter, Order, find
from mapd.ui import current, figures, hotkeys, room
from mapd.ui.loaded import load_curated


def page(exam_id: int) -> None:
    """One rationale of the exam."""
    curated = load_curated(exam_id)
    found = find(curated, Filter(), Order.DOUBT)
    if not found:
        st.info("This exam has no rationales to vote on.", icon=":material/search_off:")
        return
    at = room.settle(found)
    mistake, x = found[at].mistake, found[at].text
    assert x is not None, "a row of rationales has its text"
    room.bar(found, at)
    room.ask(mistake, x)
    accept, reject = room.hands(x)
    if room.revealed(x):
        room.answer(mistake, x, curated, accept, reject)
    hotkeys.listen()


figures.style()
st.html(room.STYLE)
if (exam := current.require_exam()) is not None:
    page(exam)
