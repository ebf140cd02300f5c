"""What a change of policy would add and drop: rows, each with its old verdict, its new one, and a link."""

from collections.abc import Collection

import streamlit as st

from mapd.curation.cut_columns import VERDICTS, list_changes
from mapd.curation.threshold_sweep import Figures
from mapd.domain import RowFilter, Verdict
from mapd.policies import Policy
from mapd.store import browse, queries
from mapd.ui.kit import context, pagination, rows, url_state
from mapd.ui.kit.cache import load_part
from mapd.ui.kit.rows import TextRow
from mapd.ui.threshold.lab_figures import load_lab_set

PAGE = "pages/curate/threshold.py"
JUDGEMENTS_STAND = "People's judgements hold at every threshold, so texts that people decided never change."
NO_CHANGE = "Nothing changes: both decide every rationale alike."


def draw_threshold_changes(exam_id: int, draft: Policy, saved: Policy, figures: Figures, **params: object) -> None:
    """Draw the texts between the two thresholds, where nothing else differs. `params`: the page's address."""
    low, high = sorted(round(policy.threshold * 100) for policy in (draft, saved))
    query, turn = RowFilter(cuts=(low, high)), pagination.read_turn(3)
    text_count = figures.at("accepted", low) - figures.at("accepted", high)
    if not text_count:
        st.caption(NO_CHANGE)
        return
    # Counting rows takes SQL a second where there are many: they are more than texts only where attempts share these.
    is_shared = context.read(queries.exam, exam_id).shares_rationales
    row_count = context.read(browse.count_rows, exam_id, query, low) if is_shared else text_count
    browse_rows = context.read(browse.list_rows, exam_id, query, low, turn)
    offset = 0
    if turn and browse_rows:
        offset = context.read(browse.count_rows, exam_id, query, low, before_key=browse_rows[0].key)
    is_added = draft.threshold < saved.threshold
    st.caption(f"{text_count:,} {'added' if is_added else 'dropped'}. {JUDGEMENTS_STAND}")
    if not browse_rows:
        pagination.draw_first_link(PAGE, **params)
        return
    part = load_part(exam_id, [row.question_id for row in browse_rows], draft)
    texts = {(m.attempt.id, x.text.id): TextRow(m, x) for m in part.mistakes for x in m.rationales}
    shown_rows = [texts[key] for row in browse_rows if (key := (row.attempt_id, row.explanation_id or 0)) in texts]
    old_verdicts = {row.explanation_id or 0: Verdict.REJECTED if is_added else Verdict.ACCEPTED for row in browse_rows}
    rows.draw_rows(shown_rows, part, "changes", rows.CHANGE_DEFAULTS, old_verdicts=old_verdicts)
    pagination.draw_links(PAGE, browse_rows, offset, row_count, **params)


def draw_condition_changes(exam_id: int, draft: Policy, saved: Policy, teachers: Collection[str] = ()) -> None:
    """Draw what changes from `saved` to `draft`, whatever differs between them, or for some `teachers` alone."""
    saved_set, draft_set = (load_lab_set(exam_id, policy, teachers).columns for policy in (saved, draft))
    url_state.settle("changes", exam_id, change=None, page=1)
    changes = list_changes(saved_set, round(100 * saved.threshold), draft_set, round(100 * draft.threshold))
    if not changes.places.size:
        st.caption(NO_CHANGE)
        return
    groups = {"added": changes.added, "dropped": changes.dropped}
    with st.container(horizontal=True, vertical_alignment="center"):
        group = url_state.choose_group("change", list(groups), None)
        counts = ", ".join(f"{places.size:,} {name}" for name, places in groups.items())
        st.caption(f"{counts}. {JUDGEMENTS_STAND}")
    in_group = changes.places if group is None else groups[group]
    places: list[int] = list(pagination.take_page(in_group.tolist()))
    text_ids = saved_set.text_ids[places].tolist()
    verdicts = saved_set.decide(round(100 * saved.threshold))[places].tolist()
    old_verdicts = {text_id: VERDICTS[verdict] for text_id, verdict in zip(text_ids, verdicts, strict=True)}
    # Only the page's own texts are read.
    part = load_part(exam_id, saved_set.question_ids[places].tolist(), draft)
    texts = {x.text.id: TextRow(m, x) for m in reversed(part.mistakes) for x in m.rationales}
    text_rows = [texts[text_id] for text_id in text_ids if text_id in texts]
    rows.draw_rows(text_rows, part, "changes", rows.CHANGE_DEFAULTS, old_verdicts=old_verdicts)
