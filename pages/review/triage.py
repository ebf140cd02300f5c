"""Triage: one mistake after the other, by keyboard. The page draws the element; what happens in it is the client's."""

import streamlit as st

from mapd.store import queries
from mapd.ui import acting, current, house
from mapd.ui.triage import element


def main() -> None:
    """Draw the page."""
    if (exam_id := current.current_exam()) is None:
        st.header("Triage", anchor=False)
        current.require_exam()
        return
    st.html(element.STYLE)
    person = current.current_person().name
    if not person:
        acting.ask("triage", "Judge")
    exam = current.read(queries.exam, exam_id).uid
    st.html(element.element(house.token(exam_id), exam, person), unsafe_allow_javascript=True)


main()
