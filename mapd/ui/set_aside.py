"""Whose judgements of an exam are set aside, with the way back, and a popover that sets a person's aside.

set_aside.draw(exam_id, [record.person for record in records])
"""

from collections.abc import Sequence

import streamlit as st

from mapd.review import set_aside
from mapd.ui.kit import actions, context, text, times

# Session state: why the last press changed nothing.
REFUSAL = "aside_refused"
PERSON, REASON = "aside_person", "aside_reason"


def draw(exam_id: int, people: Sequence[str]) -> None:
    """Draw what is set aside, and the popover. `people`: those whose judgements count."""
    if refusal := st.session_state.pop(REFUSAL, None):
        text.complain(refusal)
    for number, work in enumerate(context.read(set_aside.list_set_aside, exam_id)):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"mapd_aside_{number}"):
            words = f"{work.judgements:,} judgements by {work.person} are set aside, by {work.by}: {work.reason}"
            st.html(f"{text.line_html(words, 400)} {times.cell(work.at)}", width="content")
            if context.current_person().name:
                # A number in the key: a name is foreign, and would stand in the page's classes.
                key = f"aside_back_{number}"
                st.button("Count them again", key=key, on_click=_count_again, args=(exam_id, work.person))
    if people:
        with st.popover("Set work aside", icon=":material/person_off:", key="aside"):
            _draw_form(exam_id, people)


def _draw_form(exam_id: int, people: Sequence[str]) -> None:
    st.markdown("None of a person’s judgements of this exam counts any more, and their texts wait for others.")
    if not context.current_person().name:
        actions.ask("aside")
        return
    st.selectbox("Whose", people, index=None, format_func=lambda name: text.one_line(name, 60), key=PERSON)
    st.text_input("Why", max_chars=set_aside.LONGEST_REASON, key=REASON)
    st.button("Set aside", type="primary", key="aside_set", on_click=_set_aside, args=(exam_id,))
    st.caption("Nothing is deleted: one press brings them back.")


def _set_aside(exam_id: int) -> None:
    """Set the work aside of the person that the field names at the press, for the reason that the other holds."""
    name, reason = st.session_state.get(PERSON), str(st.session_state.get(REASON) or "")
    if not name:
        st.session_state[REFUSAL] = "whose judgements? choose a person first; nothing was changed"
        return
    is_done = actions.write(
        lambda session, person: set_aside.set_aside(session, exam_id, name, reason, by=person), REFUSAL
    )
    if is_done:
        st.session_state[PERSON], st.session_state[REASON] = None, ""


def _count_again(exam_id: int, name: str) -> None:
    actions.write(lambda session, person: set_aside.count_again(session, exam_id, name, by=person), REFUSAL)
