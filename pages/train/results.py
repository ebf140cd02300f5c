"""Results: two exams on the same questions, compared: what got better, what got worse, and whether it may be luck."""

import streamlit as st

from mapd.errors import MapdError
from mapd.ui import comparison, figures, rows, starting, text, working


def page() -> None:
    """The comparison that the address asks for."""
    exams = comparison.exams()
    working.follow_active("exam")
    starting.exams_again(exams)
    pair = comparison.choose(exams)
    if pair is None:
        comparison.nothing_yet()
        return
    try:
        told = comparison.compared(*pair)
    except MapdError as error:
        text.complain(str(error))
        return
    comparison.warn(told)
    comparison.table(told)
    comparison.caveats(told)
    comparison.changes(told)


figures.style()
st.html(rows.STYLE)
st.header("Results", anchor=False)
page()
