"""Results: two exams on the same questions, compared: what got better, what got worse, and whether it may be luck."""

import streamlit as st

from mapd.errors import MapdError
from mapd.ui import comparison, figures, rows, starting, text, working


def draw_page() -> None:
    """Draw the comparison that the address asks for."""
    exams = comparison.load_exams()
    working.draw_active("exam")
    starting.draw_exams_again(exams)
    pair = comparison.choose_pair(exams)
    if pair is None:
        comparison.draw_empty()
        return
    try:
        pair_results = comparison.load_comparison(*pair)
    except MapdError as error:
        text.complain(str(error))
        return
    comparison.draw_warning(pair_results)
    comparison.draw_table(pair_results)
    comparison.draw_caveats(pair_results)
    comparison.draw_changes(pair_results)


figures.add_style()
st.html(rows.STYLE)
st.header("Results", anchor=False)
draw_page()
