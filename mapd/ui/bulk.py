"""Judging all that a filter finds, and taking it back: a popover with the exact number, and a line with the undo.

bulk.offer(exam_id, wanted, threshold=300, of=76)
"""

from collections.abc import Callable, Sequence

import streamlit as st
from sqlmodel import Session

from mapd.curation import bulk, reasons
from mapd.curation.bulk import Chosen
from mapd.errors import MapdError
from mapd.people import Person
from mapd.review import own_judgements
from mapd.store import db, listing, queries
from mapd.store.listing import KINDS, Said, Show, Wanted
from mapd.store.queries import JudgementRow
from mapd.ui import acting, current, text
from mapd.verdicts import Act

MESSAGE = "bulk_told"  # session state: why the last press saved nothing
SLOW_COUNT = 200  # judgements: as many take a while
ACT, REASON, NOTE = "bulk_act", "bulk_reason", "bulk_note"  # the fields' keys
POPOVER = "bulk"  # session state: whether the popover is open


def draw_judge_all(exam_id: int, query: Wanted, threshold: int, row_count: int) -> None:
    """The popover to judge all of these, which reads them once it is opened; and the undo of the last such act."""
    if message := st.session_state.pop(MESSAGE, None):
        text.complain(message)
    _draw_last_act(exam_id)
    if not row_count:
        return
    popover = st.popover("Judge all", icon=":material/done_all:", key=POPOVER, on_change="rerun")
    if popover.open:
        with popover, db.reading(current.engine()) as session:
            candidates = listing.texts(session, exam_id, query, threshold, bulk.MOST + 1)
            _draw_selection(candidates, query.show, row_count, queries.edition(session, queries.DELETED))


def _draw_selection(candidates: Sequence[Said], show: Show, row_count: int, deletions: int) -> None:
    """How many fit, and what to decide of them. `rows`: how many the table has of them."""
    if len(candidates) > bulk.MOST:
        st.markdown(
            f"More than {bulk.MOST:,} fit these filters: one act judges up to {bulk.MOST:,}. Narrow them first."
        )
        return
    judged_count = sum(bool(x.judged_by) for x in candidates)
    shared_note = f" They stand in {row_count:,} rows: answers to one question share its rationales." * (
        len(candidates) != row_count
    )
    st.markdown(
        f"**{len(candidates):,} {show}** fit these filters; people have decided on {judged_count:,} of them.{shared_note}"
    )
    _draw_decision(bulk.chosen(candidates, KINDS[show]), deletions)


def _draw_decision(selection: Sequence[Chosen], deletions: int) -> None:
    """What is decided of all of them. The button reads reason and note at the click: what was just typed counts."""
    act = st.segmented_control(
        "Decision", [Act.ACCEPT, Act.REJECT], format_func=lambda a: a.value, key=ACT, default=None
    )
    if act is Act.REJECT:
        with db.reading(current.engine()) as session:
            codes = reasons.offered(session)
        st.selectbox("Reason", codes, index=None, format_func=reasons.words, key=REASON)
    st.text_input("Note", max_chars=500, key=NOTE)
    if not current.current_person().name:
        acting.ask("bulk")
        return
    st.button(
        f"{act.value.capitalize()} all {len(selection):,}" if act else "Choose a decision",
        type="primary",
        disabled=act is None,
        key="bulk_save",
        on_click=_judge,
        args=(selection, act, deletions),
    )
    st.caption("One undo takes all of them back.")


def _judge(selection: Sequence[Chosen], act: Act, deletions: int) -> None:
    """Judge these, as they were shown; reason and note are what the fields say at the click."""
    decision, reason, note = (st.session_state.get(key) for key in (ACT, REASON, NOTE))
    if decision is not act:
        st.session_state[MESSAGE] = (
            f"the button said {act.value}, the decision was changed just then; nothing was saved"
        )
        return
    reason = reason if act is Act.REJECT else None
    _ask_to_wait(len(selection))

    def judge(session: Session, person: Person) -> None:
        queries.check_ids(session, deletions)
        bulk.judge_all(session, selection, act, by=person, reason=reason, note=note)

    _write(judge)
    st.session_state[POPOVER] = False  # a second press would be for what is found now


def _draw_last_act(exam_id: int) -> None:
    """The person's last act, where it was on many texts: what it was, undo or redo."""
    person = current.current_person().name
    with db.reading(current.engine()) as session:
        judged = own_judgements.load(session, exam_id, person)
        deletions = queries.edition(session, queries.DELETED)
    for batch, action, outcome in (
        (bulk.redoable(judged, person), "Redo", "undone"),
        (bulk.undoable(judged, person), "Undo", "saved"),
    ):
        if batch and batch[0].batch.startswith(bulk.QUEUE):
            with st.container(horizontal=True, vertical_alignment="center", gap="small", key="mapd_bulk_last"):
                st.html(
                    f'<span role="status"><b>✓ {outcome}</b> {len(batch):,} judgements in one act</span>',
                    width="content",
                )
                st.button(
                    f"{action} all {len(batch):,}",
                    key=f"bulk_{action}_{batch[-1].uid}",
                    on_click=_take_back,
                    args=(batch, deletions),
                )
            return


def _take_back(rows: Sequence[JudgementRow], deletions: int) -> None:
    def take_back(session: Session, person: Person) -> None:
        queries.check_ids(session, deletions)
        bulk.take_back(session, rows, by=person)

    _ask_to_wait(len(rows))
    _write(take_back)


def _ask_to_wait(number: int) -> None:
    """What takes a second or more says so. Another press may cut it off here: nothing is saved then, or said to be."""
    if number >= SLOW_COUNT:
        st.toast(f"Saving {number:,} judgements …", icon=":material/hourglass_top:")


def _write(act: Callable[[Session, Person], object]) -> None:
    try:
        person = current.acting_person()
        with db.writing(current.engine()) as session:
            act(session, person)
    except MapdError as error:
        st.session_state[MESSAGE] = str(error)
