"""Judging all that a filter finds, and taking it back: a popover with the exact number, and a line with the undo.

bulk.offer(exam_id, wanted, threshold=300, of=76)
"""

from collections.abc import Sequence

import streamlit as st
from sqlmodel import Session

from mapd.curation import bulk, reasons
from mapd.curation.bulk import BatchText
from mapd.people import Person
from mapd.review import own_judgements
from mapd.store import db, listing, queries
from mapd.store.listing import KINDS, ListedText, RowFilter, RowKind
from mapd.store.queries import JudgementRow
from mapd.ui import acting, current, text
from mapd.verdicts import Act

TOLD = "bulk_told"  # session state: why the last press saved nothing
MANY = 200  # judgements: as many take a while
ACT, REASON, NOTE = "bulk_act", "bulk_reason", "bulk_note"  # the fields' keys
OPEN = "bulk"  # session state: whether the popover is open


def offer(exam_id: int, wanted: RowFilter, threshold: int, of: int) -> None:
    """The popover to judge all of these, which reads them once it is opened; and the undo of the last such act."""
    if told := st.session_state.pop(TOLD, None):
        text.complain(told)
    _last(exam_id)
    if not of:
        return
    popover = st.popover("Judge all", icon=":material/done_all:", key=OPEN, on_change="rerun")
    if popover.open:
        with popover, db.reading(current.engine()) as session:
            said = listing.list_texts(session, exam_id, wanted, threshold, bulk.MOST + 1)
            _asked(said, wanted.show, of, queries.edition(session, queries.DELETED))


def _asked(said: Sequence[ListedText], show: RowKind, rows: int, deletions: int) -> None:
    """How many fit, and what to decide of them. `rows`: how many the table has of them."""
    if len(said) > bulk.MOST:
        st.markdown(
            f"More than {bulk.MOST:,} fit these filters: one act judges up to {bulk.MOST:,}. Narrow them first."
        )
        return
    judged = sum(bool(x.judged_by) for x in said)
    shared = f" They stand in {rows:,} rows: answers to one question share its rationales." * (len(said) != rows)
    st.markdown(f"**{len(said):,} {show}** fit these filters; people have decided on {judged:,} of them.{shared}")
    _decide(bulk.select_texts(said, KINDS[show]), deletions)


def _decide(chosen: Sequence[BatchText], deletions: int) -> None:
    """What is decided of all of them. The button reads reason and note at the click: what was just typed counts."""
    act = st.segmented_control(
        "Decision", [Act.ACCEPT, Act.REJECT], format_func=lambda a: a.value, key=ACT, default=None
    )
    if act is Act.REJECT:
        with db.reading(current.engine()) as session:
            codes = reasons.list_offered(session)
        st.selectbox("Reason", codes, index=None, format_func=reasons.words, key=REASON)
    st.text_input("Note", max_chars=500, key=NOTE)
    if not current.current_person().name:
        acting.ask("bulk")
        return
    st.button(
        f"{act.value.capitalize()} all {len(chosen):,}" if act else "Choose a decision",
        type="primary",
        disabled=act is None,
        key="bulk_save",
        on_click=_judge,
        args=(chosen, act, deletions),
    )
    st.caption("One undo takes all of them back.")


def _judge(chosen: Sequence[BatchText], act: Act, deletions: int) -> None:
    """Judge these, as they were shown; reason and note are what the fields say at the click."""
    decision, reason, note = (st.session_state.get(key) for key in (ACT, REASON, NOTE))
    if decision is not act:
        st.session_state[TOLD] = f"the button said {act.value}, the decision was changed just then; nothing was saved"
        return
    reason = reason if act is Act.REJECT else None
    _told_to_wait(len(chosen))

    def judge(session: Session, person: Person) -> None:
        queries.check_ids(session, deletions)
        bulk.judge_all(session, chosen, act, by=person, reason=reason, note=note)

    acting.write(judge, TOLD)
    st.session_state[OPEN] = False  # a second press would be for what is found now


def _last(exam_id: int) -> None:
    """The person's last act, where it was on many texts: what it was, undo or redo."""
    person = current.current_person().name
    with db.reading(current.engine()) as session:
        judged = own_judgements.load(session, exam_id, person)
        deletions = queries.edition(session, queries.DELETED)
    for found, word, done in (
        (bulk.find_redoable(judged, person), "Redo", "undone"),
        (bulk.find_undoable(judged, person), "Undo", "saved"),
    ):
        if found and found[0].batch.startswith(bulk.QUEUE):
            with st.container(horizontal=True, vertical_alignment="center", gap="small", key="mapd_bulk_last"):
                st.html(
                    f'<span role="status"><b>✓ {done}</b> {len(found):,} judgements in one act</span>', width="content"
                )
                st.button(
                    f"{word} all {len(found):,}",
                    key=f"bulk_{word}_{found[-1].uid}",
                    on_click=_back,
                    args=(found, deletions),
                )
            return


def _back(rows: Sequence[JudgementRow], deletions: int) -> None:
    def take_back(session: Session, person: Person) -> None:
        queries.check_ids(session, deletions)
        bulk.take_back(session, rows, by=person)

    _told_to_wait(len(rows))
    acting.write(take_back, TOLD)


def _told_to_wait(number: int) -> None:
    """What takes a second or more says so. Another press may cut it off here: nothing is saved then, or said to be."""
    if number >= MANY:
        st.toast(f"Saving {number:,} judgements …", icon=":material/hourglass_top:")
