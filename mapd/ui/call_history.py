"""The exam's calls over time on the committee page: how many by teacher, and what they cost so far.

gather(minutes, step, times.local, ["gpt"]).calls -> {"gpt": {datetime(2026, 3, 1, 9): 48}}, by when a step begins
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

import streamlit as st

from mapd import teachers
from mapd.domain import ExamInfo
from mapd.store import audit_log, exam_material, ledger, queries
from mapd.store import tables as t
from mapd.store.ledger import CallFailure, CallMinute, Calls
from mapd.teacher_prices import Price, format_dollars, price
from mapd.ui.kit import context, history_charts, tables, text, theme, time_steps, times
from mapd.ui.kit.tables import Cell
from mapd.ui.kit.theme import FIGURE_CONFIG
from mapd.ui.kit.time_steps import TimeStep
from mapd.ui.score_matrix import describe_simulated


class CallHistory(NamedTuple):
    """By teacher, in the teachers' order: its calls and dollars by when their step begins, its replies of no cost."""

    calls: dict[str, dict[datetime, float]]
    dollars: dict[str, dict[datetime, float]]
    uncosted: dict[str, int]


def gather(
    minutes: Sequence[CallMinute], step: TimeStep, localize: Callable[[datetime], datetime], names: Sequence[str]
) -> CallHistory:
    """Return the calls by step, the teachers in the order of `names`.

    A teacher of whose calls none is known to have cost anything has no dollars.
    """
    calls: dict[str, dict[datetime, float]] = {name: {} for name in names}
    dollars: dict[str, dict[datetime, float]] = {name: {} for name in names}
    uncosted = dict.fromkeys(names, 0)
    for minute in minutes:
        at = step.floor(localize(minute.at))
        calls[minute.teacher][at] = calls[minute.teacher].get(at, 0) + minute.calls
        uncosted[minute.teacher] += minute.uncosted
        if minute.cost_usd:
            dollars[minute.teacher][at] = dollars[minute.teacher].get(at, 0) + minute.cost_usd
    return CallHistory(
        {name: number_of for name, number_of in calls.items() if number_of},
        {name: dollars_of for name, dollars_of in dollars.items() if dollars_of},
        {name: number for name, number in uncosted.items() if number},
    )


class LedgerParts(NamedTuple):
    """What the page shows of an exam's calls: by teacher and kind, the latest that gave no text, and by minute."""

    tallies: list[Calls]
    failures: list[CallFailure]
    minutes: list[CallMinute]


def load(exam_id: int) -> LedgerParts:
    """Return the exam's calls, read again where some came in, or something was deleted, restored or renamed."""
    edition = context.read(queries.newest, t.Call), context.read(audit_log.edition)
    return _load(exam_id, (str(context.engine().url), *edition))


@st.cache_data(max_entries=8, show_spinner=False)
def _load(exam_id: int, edition: tuple[object, ...]) -> LedgerParts:  # noqa: ARG001 - the cache's key
    tallies, failures = context.read(ledger.tally, exam_id), context.read(ledger.failures, exam_id)
    return LedgerParts(tallies, failures, context.read(ledger.list_minutes, exam_id))


def draw(exam: ExamInfo, minutes: Sequence[CallMinute]) -> None:
    """Draw the exam's calls over time; what isn't known to have cost something is said, not drawn as nothing."""
    step = time_steps.choose_step(times.local(minutes[0].at), times.local(minutes[-1].at))
    colours = theme.teacher_colours(context.read(exam_material.places))
    history = gather(minutes, step, times.local, list(colours))
    figure = history_charts.calls_figure(history.calls, colours, step)
    total = sum(minute.calls for minute in minutes)
    alt = f"{total:,} calls by teacher, per {step.word}; the table below has the numbers"
    st.plotly_chart(figure, key="calls_over_time", config=FIGURE_CONFIG, alt=alt)
    if history.dollars:
        figure = history_charts.money_figure(history.dollars, colours, step, history.calls)
        alt = "Dollars paid so far, by teacher; the table below has the numbers"
        st.plotly_chart(figure, key="money_over_time", config=FIGURE_CONFIG, alt=alt)
    _describe_unknown(history)
    if not exam.simulated:
        describe_simulated(set(history.calls))
    with st.expander("Calls over time, as a table"):
        _draw_table(history, step)


def _describe_unknown(history: CallHistory) -> None:
    """Say of which teachers' replies nobody knows the cost."""
    rows = [row for row in context.read(teachers.list_teachers) if row.name in history.uncosted]
    # A free teacher's calls have no cost to know.
    unknown = {row.name: history.uncosted[row.name] for row in rows if price(row) is not Price.FREE}
    if unknown:
        names = ", ".join(f"{text.label(name, 30)} {number:,}" for name, number in unknown.items())
        place = "they are not in the line of money" if history.dollars else "there is no picture of the money"
        st.caption(f"Replies whose cost nobody knows: {names}; {place}.")


def _draw_table(history: CallHistory, step: TimeStep) -> None:
    dollars = history_charts.add_up(history.dollars)
    rows: list[tuple[Cell, ...]] = [
        (
            f"{at:{times.MINUTES}}",
            *(int(number_of[at]) if at in number_of else None for number_of in history.calls.values()),
            *([format_dollars(dollars[at]) if at in dollars else None] if dollars else []),
        )
        for at in history_charts.list_times(history.calls)
    ]
    names = (text.one_line(name, 30) for name in history.calls)
    header = (f"{step.word} from{times.zone_note()}", *names, *(["cost"] if dollars else []))
    tables.draw_table(header, rows)
