"""Judging all texts that match a filter, and taking that back: a popover with the exact number, a line with undo."""

from collections.abc import Sequence

import streamlit as st
from sqlmodel import Session

from mapd.domain import Act, JudgementRow, RowFilter, RowKind
from mapd.people import Person
from mapd.review import batches, own_judgements, reasons
from mapd.review.batches import BatchText
from mapd.store import audit_log, browse
from mapd.store.browse import KINDS, ListedText
from mapd.ui.kit import actions, context, refusals

# Session state: why the last press saved nothing.
MESSAGE = "bulk_told"
# So many judgements take more than a second.
SLOW_COUNT = 200
# The fields' keys.
ACT, REASON, NOTE = "bulk_act", "bulk_reason", "bulk_note"
# Session state: whether the popover is open.
POPOVER = "bulk"


def draw_judge_all(exam_id: int, query: RowFilter, threshold: int, row_count: int) -> None:
    """Draw the popover that judges all of these texts, and the undo of the last such act."""
    refusals.draw_message(MESSAGE)
    _draw_last_act(exam_id)
    if not row_count:
        return
    popover = st.popover("Judge all", icon=":material/done_all:", key=POPOVER, on_change="rerun")
    # The texts are read once somebody opens the popover.
    if popover.open:
        with popover:
            texts = context.read(browse.list_texts, exam_id, query, threshold, batches.MOST + 1)
            _draw_selection(texts, query.show, row_count, context.read(audit_log.edition, audit_log.DELETED))


def _draw_selection(texts: Sequence[ListedText], show: RowKind, row_count: int, deletions: int) -> None:
    """Draw how many texts match, and the decision on them. `row_count`: how many rows the table has of them."""
    if len(texts) > batches.MOST:
        st.markdown(
            f"More than {batches.MOST:,} fit these filters, and one act judges at most {batches.MOST:,}. Narrow "
            "the filters first."
        )
        return
    judged_count = sum(bool(x.judged_by) for x in texts)
    shared = f" They fill {row_count:,} rows, because answers to the same question share its rationales." * (
        len(texts) != row_count
    )
    st.markdown(
        f"**{len(texts):,} {show}** fit these filters; people have decided on {judged_count:,} of them.{shared}"
    )
    _draw_decision(batches.select_texts(texts, KINDS[show]), deletions)


def _draw_decision(selection: Sequence[BatchText], deletions: int) -> None:
    """Draw the decision on all of them. Its button reads reason and note at the click: what was just typed counts."""
    act = st.segmented_control(
        "Decision", [Act.ACCEPT, Act.REJECT], format_func=lambda a: a.value, key=ACT, default=None
    )
    if act is Act.REJECT:
        codes = context.read(reasons.list_offered)
        st.selectbox("Reason", codes, index=None, format_func=reasons.words, key=REASON)
    st.text_input("Note", max_chars=500, key=NOTE)
    if not context.current_person().name:
        actions.ask("bulk")
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


def _judge(selection: Sequence[BatchText], act: Act, deletions: int) -> None:
    """Judge the texts as they were shown, with the reason and note that the fields hold at the click."""
    decision, reason, note = (st.session_state.get(key) for key in (ACT, REASON, NOTE))
    if decision is not act:
        st.session_state[MESSAGE] = (
            f"the decision was changed while the button still said {act.value}; nothing was saved"
        )
        return
    reason = reason if act is Act.REJECT else None
    _ask_to_wait(len(selection))

    def judge(session: Session, person: Person) -> None:
        audit_log.check_ids(session, deletions)
        batches.judge_all(session, selection, act, by=person, reason=reason, note=note)

    actions.write(judge, MESSAGE)
    # Otherwise a second press would judge the texts that match now.
    st.session_state[POPOVER] = False


def _draw_last_act(exam_id: int) -> None:
    """Draw undo or redo of the person's last act, where it judged many texts."""
    person = context.current_person().name
    own_acts = context.read(own_judgements.load, exam_id, person)
    deletions = context.read(audit_log.edition, audit_log.DELETED)
    for batch, action, outcome in (
        (batches.find_redoable(own_acts, person), "Redo", "undone"),
        (batches.find_undoable(own_acts, person), "Undo", "saved"),
    ):
        if batch and batch[0].batch.startswith(batches.QUEUE):
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
        audit_log.check_ids(session, deletions)
        batches.take_back(session, rows, by=person)

    _ask_to_wait(len(rows))
    actions.write(take_back, MESSAGE)


def _ask_to_wait(number: int) -> None:
    """Say that a large act takes a while. Another press may interrupt the run here: nothing is saved then."""
    if number >= SLOW_COUNT:
        st.toast(f"Saving {number:,} judgements …", icon=":material/hourglass_top:")
