"""What waits in an exam, shared out among people: a link to each one's share, for a message to them.

shares.draw(exam, people=3)
"""

import streamlit as st

from mapd.domain import MOST_PARTS, ExamInfo
from mapd.review import assignment
from mapd.ui.kit import context, tables
from mapd.ui.kit.cache import require_index

AMONG = "shares_among"


def draw(exam: ExamInfo, people: int) -> None:
    """Draw the popover that shares out what waits. `people`: how many have judged so far."""
    popover = st.popover("Share out", icon=":material/group:", key="shares", on_change="rerun")
    # Its parts are counted only once somebody looks.
    if popover.open:
        with popover:
            _draw_shares(exam, people)


def _draw_shares(exam: ExamInfo, people: int) -> None:
    st.markdown("A link for each person. It opens their part of the mistakes that wait, in triage.")
    among = st.number_input("Among so many people", 2, MOST_PARTS, max(2, min(people, MOST_PARTS)), key=AMONG)
    if not require_index(exam.id):
        return
    shares = context.read(assignment.share_out, exam.id, int(among))
    if not any(share.mistakes for share in shares):
        st.caption("Nothing waits: each mistake’s rationales are judged.")
        return
    tables.draw_table(("part", "mistakes", ""), [_row(share) for share in shares])
    if exam.judgements_per_text > 1:
        words = f"Each text wants {exam.judgements_per_text} judgements: give each part to so many people."
        st.caption(words)
    st.caption("The parts don’t change while people work. Who is done can open another’s.")


def _row(share: assignment.WorkShare) -> tuple[tables.Cell, ...]:
    link = context.address("triage", queue="browse", filter=share.filter)
    return str(share.part), share.mistakes, tables.link_cell("open in triage", link)
