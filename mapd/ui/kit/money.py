"""Money, before it is spent: the budget's field, the estimate of costs, and the consent to an unknown price."""

from typing import Any

import streamlit as st

from mapd.committee import Estimate, TeacherEstimate
from mapd.teacher_prices import format_dollars
from mapd.ui.kit import context, tables, text
from mapd.ui.kit.tables import Cell


def choose_budget(column: Any) -> float | None:
    """Draw the field for the most that all of an exam's calls may cost; None is no limit."""
    budget_usd: float | None = column.number_input(
        "Budget, US dollars",
        0.0,
        None,
        context.settings().budget_usd,
        1.0,
        placeholder="no limit",
        key="collect_budget",
        help="The most that all calls of this exam may cost, earlier runs included. A call that might cost more "
        "isn't sent.",
    )
    return budget_usd


def draw_estimate(estimate: Estimate) -> None:
    """Draw what the missing calls may cost: by teacher where it isn't free, and in total."""
    if not estimate.is_free:
        heads = ("teacher", "price", "rationales", "feedback", "reviews", "tokens in", "tokens out", "about", "at most")
        st.html(tables.table(heads, map(_estimate_row, estimate.teachers), words=2))
        names = [text.one_line(x.teacher, 40) for x in estimate.teachers if not x.measured and x.tokens_out]
        if names:
            draw_note(f"These teachers gave no such reply yet, so the longest is assumed: {', '.join(names)}.")
    draw_note(f"{text.one_line(estimate.in_words, 400)}.")


def draw_note(words: str) -> None:
    """Draw a small line of text; dollar signs stay dollar signs."""
    st.html(f'<div class="mapd-note">{text.escape(words)}</div>')


def _estimate_row(x: TeacherEstimate) -> tuple[Cell, ...]:
    return (
        text.one_line(x.teacher, 40),
        x.price_in_words,
        *(x.calls.get(kind) for kind in ("rationale", "feedback", "review")),
        x.tokens_in,
        x.tokens_out,
        None if x.usd is None else format_dollars(x.usd),
        None if x.usd_at_most is None else format_dollars(x.usd_at_most),
    )


def confirm_unknown_price(estimate: Estimate, key: str) -> bool | None:
    """Return whether somebody agreed to an unknown price; None where they still have to decide."""
    if not estimate.unknown:
        return False
    names = ", ".join(text.label(name, 40) for name in estimate.unknown)
    if st.checkbox(f"Price unknown ({names}): start anyway", key=key):
        return True
    st.caption("Nobody knows what these calls cost, so no budget can stop them. The teachers page takes a price.")
    return None
