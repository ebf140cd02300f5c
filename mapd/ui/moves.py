"""What a change of policy would add and drop: rows, each with its verdict before and after and a link.

moves.by_threshold(exam_id, PAPER.at(3.5), PAPER, …)   # one index of the aggregate: 43 dropped
moves.by_conditions(exam_id, STRICT, PAPER)            # every text decided twice
"""

from collections.abc import Collection

import streamlit as st

from mapd.curation.curated import find_changes, narrow
from mapd.store import db, listing
from mapd.store.listing import RowFilter
from mapd.ui import address, current, lab, rows, turning
from mapd.ui.loaded import load_part
from mapd.ui.rows import Found
from mapd.verdicts import Policy, Verdict

PAGE = "pages/curate/threshold.py"
STANDS = "Judgements stand at every threshold, so what people decided is never among them."
NOTHING = "Nothing: it decides every rationale as the policy in use does."


def by_threshold(exam_id: int, chosen: Policy, saved: Policy, **params: object) -> None:
    """What lies between the two thresholds, where nothing else differs. `params`: the page's address."""
    low, high = sorted(round(policy.threshold * 100) for policy in (chosen, saved))
    wanted, turn = RowFilter(cuts=(low, high)), turning.asked(3)
    with db.reading(current.engine()) as session:
        of = listing.count_rows(session, exam_id, wanted, low) if low < high else 0
        found = listing.list_rows(session, exam_id, wanted, low, turn) if of else []
        before = listing.count_rows(session, exam_id, wanted, low, before_key=found[0].key) if turn and found else 0
        number = listing.count_texts(session, exam_id, wanted, low) if of else 0
    if not of:
        st.caption(NOTHING)
        return
    added = chosen.threshold < saved.threshold
    st.caption(f"{number:,} {'added' if added else 'dropped'}. {STANDS}")
    if not found:
        turning.to_the_first(PAGE, **params)
        return
    part = load_part(exam_id, [row.question_id for row in found], chosen)
    texts = {(m.attempt.id, x.text.id): Found(m, x) for m in part.mistakes for x in m.rationales}
    shown = [texts[at] for row in found if (at := (row.attempt_id, row.explanation_id or 0)) in texts]
    was = {row.explanation_id or 0: Verdict.REJECTED if added else Verdict.ACCEPTED for row in found}
    rows.draw(shown, part, "changes", rows.OF_CHANGE, was=was)
    turning.links(PAGE, found, before, of, **params)


def by_conditions(exam_id: int, chosen: Policy, saved: Policy, teachers: Collection[str] = ()) -> None:
    """What is decided otherwise, where the two differ in more than the threshold, or of some `teachers` alone."""
    before, after = (narrow(lab.curated_at(exam_id, policy), teachers) for policy in (saved, chosen))
    address.settle("changes", exam_id, change=None, page=1)
    moved = find_changes(before, after)
    groups = {
        "added": [c for c in moved if c[2].verdict is Verdict.ACCEPTED],
        "dropped": [c for c in moved if c[1].verdict is Verdict.ACCEPTED],
    }
    if not moved:
        st.caption(NOTHING)
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        wanted = st.segmented_control(
            "Show",
            list(groups),
            key="change",
            bind="query-params",
            label_visibility="collapsed",
            on_change=address.first_page,
            args=("page",),
        )
        counts = ", ".join(f"{len(found):,} {name}" for name, found in groups.items())
        st.caption(f"{counts}. {STANDS}")
    shown = moved if wanted is None else groups[wanted]
    pages = max(1, -(-len(shown) // rows.PAGE))
    number = st.pagination(pages, key="page", bind="query-params")
    part = shown[(number - 1) * rows.PAGE : number * rows.PAGE]
    was = {new.text.id: old.verdict for _, old, new in part}
    rows.draw([Found(mistake, new) for mistake, _, new in part], after, "changes", rows.OF_CHANGE, was=was)
