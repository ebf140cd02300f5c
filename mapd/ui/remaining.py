"""The parts of the page on what is left: the estimates as whiskers, and the looks ahead as a curve and in words."""

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from mapd.curation import saved_policies
from mapd.policies import Policy
from mapd.review.remaining import (
    FEWEST,
    AuditResult,
    WrongCount,
    count_left,
    describe_plans,
    list_probabilities,
    scale_risks,
)
from mapd.ui.kit import charts, context, tables, text, url_state
from mapd.ui.kit.cache import load_parts
from mapd.ui.kit.theme import FIGURE_CONFIG


@dataclass(frozen=True, slots=True)
class Aim:
    """What a person wants of the further looks; None where they said nothing."""

    target: float | None
    look_price: float | None
    wrong_price: float | None


def choose_fitted(exam_id: int, policy: Policy) -> Policy | None:
    """Draw the choice of the fitted policy whose probabilities are used; None for none."""
    fitted = {p.name: p for p in (*context.read(saved_policies.saved_policies), policy) if p.fit is not None}
    default = policy.name if policy.fit is not None else next(iter(fitted), None)
    url_state.settle("fitted", exam_id, fitted=default)
    url_state.refuse_unknown("fitted", list(fitted), default)
    if not fitted:
        return None
    name = st.selectbox(
        "Probabilities",
        list(fitted),
        index=None if default is None else list(fitted).index(default),
        key="fitted",
        placeholder="none: each text as likely wrong as the next",
        help="Of a fitted policy. They order the looks and make the estimate narrower; the audit corrects them.",
        width=320,
        **url_state.BOUND,
    )
    return None if name is None else fitted[name]


def load_probabilities(exam_id: int, fitted: Policy) -> Mapping[int, float]:
    """Return how probable the policy finds each rationale right, by text id."""
    return list_probabilities(load_parts(exam_id, fitted).curated)


def draw_numbers(audit: AuditResult) -> None:
    """Draw what is kept, what of it nobody saw, and what was audited."""
    tables.draw_row(
        (tables.link_cell(audit.kept, context.address("browse", verdict="accepted")), "rationales accepted"),
        (audit.unseen, "of them judged by nobody"),
        (audit.sample.texts, f"audited, of {audit.sample.questions:,} questions"),
        (audit.sample.wrong, "of the audited rejected by people"),
    )


def draw_lack(audit: AuditResult) -> None:
    """Say what is missing for an estimate, and lead to it."""
    st.info(
        f"No estimate: {audit.lack}. Questions come in an order that was drawn by lot, so those judged stand for all.",
        icon=":material/casino:",
    )
    st.caption(f"An estimate begins at {FEWEST} questions; 60 or more make an interval that helps.")
    context.link("pages/review/triage.py", "Audit what is accepted", icon=":material/casino:", queue="audit-accepted")


def draw_estimates(audit: AuditResult, policy: Policy) -> None:
    """Draw the estimates with their intervals, in a sentence and as whiskers."""
    best = audit.best
    assert best is not None, "the page asked"
    share = f", {best.count / audit.kept:.1%} of what is accepted" if audit.kept else ""
    st.subheader(f"About {best.count:,.0f} wrong rationales are left{share}", anchor=False)
    st.caption(
        f"{best.low:,.0f} to {best.high:,.0f} with 95 % confidence, under "
        f"{text.label(policy.name, 60)} at {policy.threshold:g}."
    )
    estimates: dict[str, WrongCount] = {"audit alone": audit.by_audit} if audit.by_audit else {}
    estimates |= {"audit and probabilities": audit.by_probability} if audit.by_probability else {}
    ends = {name: (estimate.low, estimate.count, estimate.high) for name, estimate in estimates.items()}
    alt = "The number of wrong rationales left, with its 95 % interval: " + "; ".join(
        f"{name} {count:.0f}, {low:.0f} to {high:.0f}" for name, (low, count, high) in ends.items()
    )
    figure = charts.estimates_figure(ends, "wrong rationales that are left")
    st.plotly_chart(figure, key="estimates", config=FIGURE_CONFIG, alt=alt)


# By key in the address: label, step, an example, help.
FIELDS = {
    "target": ("Wrong ones that may stay", 1.0, "20", "In the whole accepted set."),
    "look": ("A look costs", 0.1, "0.50", "In any money: a person's time for one text."),
    "wrong": ("A wrong one in the set costs", 0.1, "5", "In the same money: what one wrong text less is worth to you."),
}


# A fragment: another price measures nothing anew.
@st.fragment
def draw_looks(audit: AuditResult, exam_id: int) -> None:
    """Draw how many further looks are worth it, with the fields that say what for."""
    st.subheader("How many more looks?", anchor=False)
    _draw_plan(audit, _choose_aim(exam_id))


def _choose_aim(exam_id: int) -> Aim:
    url_state.settle("aim", exam_id, **dict.fromkeys(FIELDS))
    for key in FIELDS:
        url_state.refuse_outside(key, 0, 1e9, float)
    with st.container(horizontal=True, gap="small"):
        numbers = [
            st.number_input(
                label,
                0.0,
                1e9,
                None,
                step,
                "%g",
                key=key,
                help=words,
                placeholder=example,
                width=230,
                **url_state.BOUND,
            )
            for key, (label, step, example, words) in FIELDS.items()
        ]
    return Aim(*numbers)


def _draw_plan(audit: AuditResult, aim: Aim) -> None:
    best = audit.best
    assert best is not None, "the page asked"
    plans = describe_plans(audit, target=aim.target, look_price=aim.look_price, wrong_price=aim.wrong_price)
    words = []
    if (looks := plans["to_target"]) is not None:
        safe = plans["to_target_safe"]
        words.append(f"**{looks:,} looks** bring it to {aim.target:g}; {safe:,} at the interval’s upper end")
    if (looks := plans["worthwhile"]) is not None:
        costs = f"{looks * (aim.look_price or 0):,.2f}"
        words.append(
            f"**{looks:,} looks** pay, for {costs} in all: the next costs more than it removes "
            f"({plans['worthwhile_safe']:,} at the upper end)"
        )
    lines = {"expected": count_left(audit.risks), "upper end": count_left(scale_risks(audit.risks, best.high))}
    figure = charts.looks_figure(lines, aim.target, plans["worthwhile"])
    alt = "Wrong rationales left after so many more looks, the most likely wrong first"
    st.plotly_chart(figure, key="looks", config=FIGURE_CONFIG, alt=alt)
    for line in words:
        st.markdown(line)
    if not words:
        st.caption("Name a number that may stay, or both prices, and it says how many looks that takes.")


def draw_links() -> None:
    """Draw the ways on: to the likely wrong ones, and to more of the audit."""
    with st.container(horizontal=True, gap="medium"):
        context.link("pages/review/triage.py", "Look at the likely wrong", icon=":material/search:", queue="smart")
        context.link("pages/review/triage.py", "Go on auditing", icon=":material/casino:", queue="audit-accepted")
