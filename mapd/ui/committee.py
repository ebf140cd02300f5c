"""The parts of the committee page: what was written, the ledger, and the calls that gave no text."""

import streamlit as st
from sqlmodel import Session

from mapd import committee
from mapd.curation import saved_policies
from mapd.curation.curated import Curated
from mapd.domain import ExamInfo
from mapd.jobs.kinds import CollectWork
from mapd.score_forms import MAX_REVIEW
from mapd.scores import parse_score
from mapd.store import ledger, queries
from mapd.teacher_prices import format_dollars
from mapd.ui import call_history, jobs
from mapd.ui.kit import context, start_forms, tables, text, times
from mapd.ui.kit.tables import Cell

OUTCOMES = ("ok", "unreadable", "cut_off", "unknown", "empty", "refused", "failed")
# Outcomes that more tokens cure.
SHORT_OF_TOKENS = ("cut_off", "empty")


def draw_counts(curated: Curated) -> None:
    """Draw how much the committee wrote on this exam's mistakes."""
    rationales = list(curated.rationales)
    feedback = [x for m in curated.mistakes for x in m.feedback]
    votes = [v for x in rationales for v in x.text.votes]
    not_needed = sum(len(x.not_needed) for x in rationales)
    tables.draw_row(
        (len(curated.mistakes), "mistakes"),
        (tables.link_cell(len(feedback), context.address("browse", show="feedback")), "feedback"),
        (tables.link_cell(len(rationales), context.address("browse")), "rationales"),
        (len(votes), "reviews"),
        (sum(v.score is None for v in votes), "reviews without a vote"),
        *([(not_needed, "reviews not needed")] if not_needed else []),
    )
    if not_needed:
        count = f"{not_needed:,} {'review is' if not_needed == 1 else 'reviews are'} missing"
        start_forms.draw_note(f"{count} that can't change a verdict of policy {curated.policy.name}.")


def draw_held_out() -> None:
    """Say why teachers can't be asked about an exam that is not on the train split."""
    with st.container(border=True):
        st.markdown("**This exam is held out**: its mistakes are never taught, so no teacher explains them.")


def draw_calls(exam: ExamInfo) -> None:
    """Draw the exam's calls by teacher and kind, the latest tries that gave no text, and the button that asks again."""
    tallies, failed_calls, minutes = call_history.load(exam.id)
    if not tallies:
        return
    st.subheader("Calls", anchor=False)
    for stop in context.read(committee.stops, exam.uid):
        reason = text.one_line(f"{stop.teacher} was stopped: {stop.reason}", 400)
        cure = text.one_line(stop.cure, 300)
        text.complain(f"{reason} — {cure}")
    call_history.draw(exam, minutes)
    # A column only for outcomes that occur.
    outcomes = [o for o in OUTCOMES if any(o in c.outcomes for c in tallies)]
    costs = [c for c in tallies if c.tokens_out is not None or c.cost_usd is not None]
    rows = [
        (
            text.one_line(c.teacher, 40),
            c.kind,
            *(c.outcomes.get(outcome) for outcome in outcomes),
            *((c.tokens_in, c.tokens_out, None if c.cost_usd is None else format_dollars(c.cost_usd)) if costs else ()),
        )
        for c in tallies
    ]
    cost_columns = ("tokens in", "tokens out", "cost") if costs else ()
    header = ("teacher", "kind", *(o.replace("_", " ") for o in outcomes), *cost_columns)
    tables.draw_table(header, rows, words=2)
    if failed_calls:
        if any(f.outcome in SHORT_OF_TOKENS and not f.mended for f in failed_calls):
            st.caption(
                "A reply that was cut off or came empty needs more tokens: “Change” on the teachers page, then ask."
            )
        draw_retry(exam.uid)
        st.caption("The latest calls that gave no text.")
        tables.draw_table(
            ("when", "teacher", "kind", "outcome", "reason", ""), map(_failure_row, failed_calls), words=6
        )


def draw_score_reader() -> None:
    """Draw a field for a review and the score that is read in it, to explain a missing vote or an unexpected score."""
    with st.expander("How is a score read?"):
        review = st.text_area("A review", key="review_to_read", max_chars=MAX_REVIEW, height=120)
        solution = st.text_area("The solution that the review is about (optional)", key="solution_to_read", height=80)
        if review.strip():
            parsed = parse_score(review, solution=solution)
            st.text(f"{'no vote' if parsed.score is None else parsed.score}: {parsed.why}")


def _plan_retry(session: Session, exam: str) -> committee.Retry | None:
    return committee.plan_retry(session, exam, saved_policies.exam_policy(session, queries.exam(session, exam)))


def draw_retry(exam: str) -> None:
    """Offer to run this exam's latest committee again, where calls failed. Only the missing texts are asked for."""
    retry = context.read(_plan_retry, exam)
    if retry is None or jobs.is_active("collect"):
        return
    budget_words = "" if retry.budget is None else f", of a budget of {format_dollars(retry.budget)}"
    calls_words = "calls of this exam" if retry.failed != 1 else "call of this exam"
    start_forms.draw_note(f"{retry.failed:,} {calls_words} gave no text. {retry.estimate.in_words}{budget_words}.")
    if (unknown_price := start_forms.confirm_unknown_price(retry.estimate, "again_unknown")) is not None:
        new_job = CollectWork(
            exam=exam,
            teachers=retry.teachers,
            samples=retry.samples,
            cut_off=retry.cut_off,
            adaptive=retry.adaptive,
            concurrency=retry.concurrency,
            budget=retry.budget,
            unknown_price=unknown_price,
        )
        jobs.draw_start(
            lambda: new_job,
            f"Ask again: {committee.calls_in_words(retry.estimate.calls)}",
            "ask_again",
            retry.estimate.calls,
        )


def _failure_row(failure: ledger.CallFailure) -> tuple[Cell, ...]:
    return (
        times.cell(failure.created_at, times.SECONDS),
        text.one_line(failure.teacher, 40),
        f"{failure.kind}, try {failure.try_number}",
        failure.outcome.replace("_", " "),
        text.one_line(failure.error or failure.reply, 120) or None,
        "asked again: ok" if failure.mended else None,
    )
