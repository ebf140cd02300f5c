"""Triage: one mistake after the other, by keyboard. The page draws the element; what happens in it is the client's."""

import streamlit as st

from mapd.store import queries
from mapd.ui.kit import actions, api_access, context
from mapd.ui.kit.cache import require_index
from mapd.ui.triage import element


def main() -> None:
    """Draw the page."""
    if (exam_id := context.current_exam()) is None:
        st.header("Triage", anchor=False)
        context.require_exam()
        return
    if not require_index(exam_id):
        return
    st.html(element.STYLE)
    person = context.current_person().name
    if not person:
        actions.ask("triage", "Judge")
    exam = context.read(queries.exam, exam_id).uid
    st.html(element.element(api_access.token(exam_id), exam, person), unsafe_allow_javascript=True)


main()
