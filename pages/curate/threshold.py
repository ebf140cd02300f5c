"""Threshold lab: what every threshold gives, and what a change of policy would add and drop. Judgements stand."""

import streamlit as st

from mapd.curation.curated import Curated, changed, sweep
from mapd.curation.filters import Found
from mapd.ui import address, charts, current, figures, lab, rows
from mapd.ui.look import FIGURE_CONFIG
from mapd.verdicts import Verdict


def page(exam_id: int) -> None:
    """The lab of one exam."""
    saved, known = lab.policies_of(exam_id)
    chosen = lab.choose(exam_id, saved, known)
    lab.status(chosen, saved)
    before, after = lab.curated_at(exam_id, saved), lab.curated_at(exam_id, chosen)
    if not any(after.rationales):
        st.info("No rationale yet: a threshold has nothing to decide on.", icon=":material/groups:")
        current.link("pages/loop/committee.py", "Ask teachers", icon=":material/groups:")
        return
    with st.container(key="mapd_lab_view"):
        left, right = st.columns([62, 38], gap="medium")
    with left:
        chart(after, chosen.threshold, saved.threshold)
    with right:
        st.html(lab.numbers(before, after))
    changes(exam_id, before, after)


def chart(after: Curated, chosen: float, saved: float) -> None:
    """All thresholds at once, under the conditions chosen."""
    cuts = [x.cut for x in after.rationales]
    if not after.has_votes:
        st.caption("No rationale has a valid vote: every threshold leaves them all undecided.")
    xs = charts.thresholds(cuts, min(1.0, chosen, saved), 5.0, (chosen, saved))
    figure = charts.sweep_figure(sweep(after, xs), chosen, saved)
    alt = "Rationales accepted, those with a wrong answer, mistakes covered and training pairs at every threshold"
    st.plotly_chart(figure, key="sweep", config=FIGURE_CONFIG, alt=alt)


def changes(exam_id: int, before: Curated, after: Curated) -> None:
    """The rationales that the change would add or drop, each with a link."""
    address.settle("changes", exam_id, change=None, page=1)
    moved = changed(before, after)
    groups = {
        "added": [c for c in moved if c[2].verdict is Verdict.ACCEPTED],
        "dropped": [c for c in moved if c[1].verdict is Verdict.ACCEPTED],
    }
    st.subheader("What the change would do", anchor=False)
    if not moved:
        st.caption("Nothing: it decides every rationale as the saved policy does.")
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
        st.caption(f"{counts}. Judgements stand at every threshold, so what people decided is never among them.")
    shown = moved if wanted is None else groups[wanted]
    pages = max(1, -(-len(shown) // rows.PAGE))
    number = st.pagination(pages, key="page", bind="query-params")
    part = shown[(number - 1) * rows.PAGE : number * rows.PAGE]
    was = {new.text.id: old.verdict for _, old, new in part}
    rows.draw([Found(mistake, new) for mistake, _, new in part], after, "changes", was=was)


figures.style()
st.html(rows.STYLE)
st.header("Threshold lab", anchor=False)
if (exam := current.require_exam()) is not None:
    page(exam)
