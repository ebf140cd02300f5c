"""The parts of the people page: the exam's progress, each person's judgements, and one person's record."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import streamlit as st

from mapd.curation.agreement import Agreement
from mapd.curation.curated import Curated
from mapd.curation.resampling import LEAST_TEXTS, Measurement
from mapd.curation.reviewer_stats import Share
from mapd.review import annotators, assignment, reasons
from mapd.review.annotators import AnnotatorRecord, Period
from mapd.review.leases import MistakeLease
from mapd.statistics import wilson
from mapd.ui.kit import actions, charts, context, history_charts, refusals, rows, tables, text, time_steps, times
from mapd.ui.kit.cache import derive_index
from mapd.ui.kit.charts import ShareMark
from mapd.ui.kit.rows import TextRow
from mapd.ui.kit.tables import Cell
from mapd.ui.kit.theme import FIGURE_CONFIG
from mapd.ui.kit.time_steps import TimeStep

# Pairs in the picture; the table has all.
MOST_PAIRS = 12
# Session state: why the last change was refused.
REFUSAL = "people_refused"
HEADER = ("person", "texts", "judged first", "accepted", "median", "with the adjudicator", "adjudicated", "open now")


NUMBERS = {
    "judgements_wanted": "Judgements of each text",
    "practice": "Practice texts at first",
    "check_every": "A hidden check every … texts",
    "repeat_every": "A repeat every … texts",
}
HELP = {
    "judgements_wanted": "A text stays open until this many people have judged it. Nobody sees others' "
    "judgements before their own.",
    "practice": "This many texts that an adjudicator decided with a note. A person judges each first, then sees "
    "the note. 0: none.",
    "check_every": "For people who judge first: now and then a text that an adjudicator decided. It looks like "
    "any other. 0: never.",
    "repeat_every": "For people who judge first: now and then a text that they judged before, as if it were "
    "new. 0: never.",
}


def draw_settings(curated: Curated) -> None:
    """Draw how many judgements each text gets, and the quality controls, for change."""
    refusals.draw_message(REFUSAL)
    exam = curated.exam
    if is_nameless := not context.current_person().name:
        actions.ask("people")
    numbers = (exam.judgements_per_text, exam.practice, exam.check_every, exam.repeat_every)
    with st.container(horizontal=True, gap="small"):
        for (name, words), value in zip(NUMBERS.items(), numbers, strict=True):
            # The value is in the key, so that the field follows a change by somebody else.
            key = f"people_{name}_{exam.id}_{value}"
            low, high, _ = assignment.NUMBERS[name]
            extra: dict[str, Any] = {"width": 245, "help": HELP[name], "disabled": is_nameless}
            st.number_input(words, low, high, value, key=key, on_change=_set_number, args=(exam.id, name, key), **extra)
    if exam.judgements_per_text == 1:
        st.caption("One person judges each text: with two or more, agreement between people can be measured.")


def _set_number(exam_id: int, name: str, key: str) -> None:
    number = {name: int(st.session_state[key])}
    if actions.write(lambda session, person: assignment.set_judging(session, exam_id, by=person, **number), REFUSAL):
        derive_index()


def draw_progress(curated: Curated, all_records: Sequence[AnnotatorRecord], leases: Sequence[MistakeLease]) -> None:
    """Draw the exam's progress, and a line for each person."""
    progress, conflicts = annotators.measure_progress(curated), sum(x.people.conflict for x in curated.texts)
    cell = tables.link_cell(conflicts, context.address("triage", queue="conflicts")) if context.owns() else conflicts
    figure = [(progress.count, f"of {progress.of:,} rationales have all the judgements they need")]
    tables.draw_row(*figure, (len(all_records), "people"), (cell, "texts that people disagree on"))
    if all_records:
        tables.draw_table(HEADER, [_person_row(record, leases) for record in all_records])
        st.caption(
            "texts: those with a judgement of this person; the first one counts · with the adjudicator: texts "
            "that the adjudicator decided the same way, of those that somebody else adjudicated · adjudicated: "
            "texts that this person decided as adjudicator"
        )


# People with a line of their own; the others share one.
MOST_LINES = 7


def draw_history(all_records: Sequence[AnnotatorRecord]) -> None:
    """Draw how many texts each person has judged over time."""
    times_of = {r.person: [times.local(word.at) for word in r.words] for r in all_records if r.words}
    if not times_of:
        return
    step, judged = count_by_step(times_of)
    alt = f"Texts judged so far by {len(times_of)} people, over time; the table above has the sums"
    st.plotly_chart(history_charts.progress_figure(judged, step), key="progress", config=FIGURE_CONFIG, alt=alt)
    with st.expander("Texts judged over time, as a table"):
        header = (f"{step.word} from{times.zone_note()}", *(text.one_line(name, 30) for name in judged))
        rows = [
            (
                f"{at:{times.MINUTES}}",
                *(int(number_of[at]) if at in number_of else None for number_of in judged.values()),
            )
            for at in history_charts.list_times(judged)
        ]
        tables.draw_table(header, rows)


def count_by_step(times_of: Mapping[str, Sequence[datetime]]) -> tuple[TimeStep, dict[str, dict[datetime, float]]]:
    """Return a step that suits the times, and how many of each person's lie in each; who judged less share a line.

    Pure. `times_of`: who judged most first, each one's times in order.
    """
    step = time_steps.choose_step(min(x[0] for x in times_of.values()), max(x[-1] for x in times_of.values()))
    counts = {name: dict(Counter(map(step.floor, person_times))) for name, person_times in times_of.items()}
    names = list(counts) if len(counts) <= MOST_LINES + 1 else list(counts)[:MOST_LINES]
    # By name: a person keeps the line when another one judges more.
    judged: dict[str, dict[datetime, float]] = {name: {**counts[name]} for name in sorted(names)}
    if remaining := [name for name in counts if name not in judged]:
        judged[f"{len(remaining)} more people"] = history_charts.add_up({name: {**counts[name]} for name in remaining})
    return step, judged


def _person_row(record: AnnotatorRecord, leases: Sequence[MistakeLease]) -> tuple[Cell, ...]:
    name = text.one_line(record.person, 40)
    return (
        tables.link_cell(name, context.address("people", record=record.person)),
        len(record.words),
        record.judged_first,
        _percent(record.total.accepted),
        _seconds(record.total.seconds),
        _share_words(record.total.agreement),
        record.adjudicated,
        sum(lease.person == record.person for lease in leases),
    )


def _percent(share: Share) -> str | None:
    return None if share.value is None else f"{share.value:.0%}"


def _seconds(seconds: float | None) -> str | None:
    return None if seconds is None else f"{seconds:.1f} s"


def _share_words(share: Share) -> str | None:
    return f"{share.count:,} of {share.of:,}" if share.of else None


def draw_agreement(pairs: Sequence[Agreement]) -> None:
    """Draw how far people agree on texts that they both judged before anything was revealed to them."""
    st.subheader("Agreement between people", anchor=False)
    if not pairs:
        st.caption("No text was judged first by two people, so their judgements can't be compared yet.")
        return
    marks = [_mark_pair(pair) for pair in pairs[:MOST_PAIRS]]
    figure = charts.shares_figure(marks, "same verdict, of the texts that both judged", label_width=190)
    part = "" if len(pairs) == len(marks) else f"; those {len(marks)} of {len(pairs)} pairs with the most texts"
    alt = f"How often two people gave the same verdict, with 95 % intervals{part}; the table below has the numbers"
    st.plotly_chart(figure, key="pairs", config=FIGURE_CONFIG, alt=alt)
    tables.draw_table(("two people", "texts", "agree", "kappa", ""), [_pair_row(pair) for pair in pairs])
    st.caption(
        "Texts that both judged before anything was revealed to them. Kappa: 1 is full agreement, 0 what chance gives."
    )


def _name_pair(pair: Agreement, chars: int = 30) -> str:
    return " and ".join(text.one_line(name, chars) for name in pair.raters)


def _mark_pair(pair: Agreement) -> ShareMark:
    low, high = wilson(pair.agree.count, pair.agree.of)
    # Of few texts it is a hollow mark: the interval says how little it is.
    is_faint = pair.agree.of < LEAST_TEXTS
    words = _share_words(pair.agree) or ""
    return ShareMark(_name_pair(pair, 11), pair.agree.value or 0, low, high, words, is_faint)


def _pair_row(pair: Agreement) -> tuple[Cell, ...]:
    low, high = wilson(pair.agree.count, pair.agree.of)
    share = tables.interval_cell(f"{pair.agree.value:.0%}", low, high)
    kappa = pair.kappa or Measurement(pair.agree.of, 0)
    note = note_if_few(pair.agree.of) or kappa.why
    return _name_pair(pair), pair.agree.of, share, tables.estimate_cell(kappa, tables.NUMBER), note


def note_if_few(n: int) -> str:
    """Return a note where so many texts are too few to conclude anything; otherwise ""."""
    return f"{n} text{'s' * (n != 1)}: too few to tell" if n < LEAST_TEXTS else ""


def draw_record(record: AnnotatorRecord, curated: Curated, is_own: bool) -> None:
    """Draw one person's pace, agreement with the adjudicator over time, and the texts that were decided otherwise."""
    st.subheader("My record" if is_own else text.label(f"The record of {record.person}"), anchor=False)
    if not record.words and not record.practised.of:
        st.caption("This person has no judgement on a text of this exam.")
        return
    parts = (("all", record.total), ("first half", record.halves[0]), ("latest half", record.halves[1]))
    # Halves of a single text say nothing.
    lines = parts if len(record.words) > 1 else parts[:1]
    header = ("texts, in the order judged", "texts", "accepted", "median", "with the adjudicator", "")
    tables.draw_table(header, [_period_row(name, part) for name, part in lines])
    shares = (
        (record.practised, "practice texts judged like the adjudicator"),
        (record.repeated, "repeated texts judged as before"),
    )
    if notes := [f"{_share_words(share)} {words}" for share, words in shares if share.of]:
        st.caption(" · ".join(notes))
    if record.reasons:
        st.caption("rejected for: " + ", ".join(f"{reasons.words(code)} {n:,}" for code, n in record.reasons))
    if record.overruled:
        st.markdown("The adjudicator decided these texts differently:")
        places = {(x.text.kind, x.text.id): TextRow(m, x) for m in curated.mistakes for x in m.texts}
        rows.draw_rows([places[key] for key in record.overruled[: rows.PAGE_SIZE] if key in places], curated, "record")
        if len(record.overruled) > rows.PAGE_SIZE:
            st.caption(f"and on {len(record.overruled) - rows.PAGE_SIZE:,} more")


def _period_row(name: str, part: Period) -> tuple[Cell, ...]:
    agreement_words = _share_words(part.agreement)
    if agreement_words is not None:
        low, high = wilson(part.agreement.count, part.agreement.of)
        agreement_words = tables.interval_cell(agreement_words, low, high)
    n = part.accepted.of
    return name, n, _percent(part.accepted), _seconds(part.seconds), agreement_words, note_if_few(n)
