"""The parts of the people page: how far the exam is, who judged how, one person's record.

people.standing(curated, found, held)        # the table, each name a link to that person's record
people.record(found[0], curated)             # ?record=ann
"""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from mapd.curation import reasons, records, sharing
from mapd.curation.curated import Curated
from mapd.curation.records import FEW, Agreement, AnnotatorRecord, Period
from mapd.curation.reviewing import Share
from mapd.results import wilson
from mapd.review.leases import MistakeLease
from mapd.ui import acting, current, figures, rows, telling, text
from mapd.ui.figures import Cell, Html
from mapd.ui.rows import Found

REFUSED = "people_refused"  # session state: why the last change wasn't made
PERSON = ("person", "texts", "judged first", "accepted", "median", "with the adjudicator", "adjudicated", "open now")


NUMBERS = {
    "judgements_wanted": "Judgements of each text",
    "practice": "Practice texts at first",
    "check_every": "A hidden check every … texts",
    "repeat_every": "A repeat every … texts",
}
HELP = {
    "judgements_wanted": "A text waits until so many people judged it; nobody sees what others said before.",
    "practice": "So many texts that an adjudicator decided with a note: judged first, then the note is shown. 0: none.",
    "check_every": "Where people judge first, a text that an adjudicator decided, looking like any other. 0: never.",
    "repeat_every": "Where people judge first, one that they judged before, as if it were new. 0: never.",
}


def wanted(curated: Curated) -> None:
    """How people are to judge the exam, to change."""
    if refusal := st.session_state.pop(REFUSED, None):
        text.complain(refusal)
    exam = curated.exam
    if nameless := not current.current_person().name:
        acting.ask("people")
    now = (exam.judgements_per_text, exam.practice, exam.check_every, exam.repeat_every)
    with st.container(horizontal=True, gap="small"):
        for (name, words), value in zip(NUMBERS.items(), now, strict=True):
            key = f"people_{name}_{exam.id}_{value}"
            low, high, _ = sharing.NUMBERS[name]
            how: dict[str, Any] = {"width": 245, "help": HELP[name], "disabled": nameless}
            st.number_input(words, low, high, value, key=key, on_change=_want, args=(exam.id, name, key), **how)
    if exam.judgements_per_text == 1:
        st.caption("One person judges each text: with two or more, agreement between people can be measured.")


@telling.in_next_run
def _want(exam_id: int, name: str, key: str) -> None:
    number = int(st.session_state[key])
    acting.write(lambda session, person: sharing.set_judging(session, exam_id, by=person, **{name: number}), REFUSED)


def standing(curated: Curated, found: Sequence[AnnotatorRecord], held: Sequence[MistakeLease]) -> None:
    """How far the exam is, and a line a person."""
    done, differ = records.measure_progress(curated), sum(x.people.conflict for x in curated.texts)
    to_settle = figures.linked(differ, current.address("triage", queue="conflicts")) if current.owns() else differ
    judged = [(done.count, f"of {done.of:,} rationales are judged by as many as wanted")]
    st.html(figures.row([*judged, (len(found), "people"), (to_settle, "texts that people disagree on")]))
    if found:
        st.html(figures.table(PERSON, [_line(r, held) for r in found]))
        st.caption(
            "texts: those a person has a word on, by the first that stands · with the adjudicator: texts on which the "
            "adjudicator said the same, of those that somebody else adjudicated · adjudicated: texts on which this "
            "person has the last word"
        )


def _line(r: AnnotatorRecord, held: Sequence[MistakeLease]) -> tuple[Cell, ...]:
    name = text.one_line(r.person, 40)
    return (
        figures.linked(name, current.address("people", record=r.person)),
        len(r.words),
        r.judged_first,
        _percent(r.total.accepted),
        _seconds(r.total.seconds),
        _of(r.total.agreement),
        r.adjudicated,
        sum(one.person == r.person for one in held),
    )


def _percent(share: Share) -> str | None:
    return None if share.value is None else f"{share.value:.0%}"


def _seconds(seconds: float | None) -> str | None:
    return None if seconds is None else f"{seconds:.1f} s"


def _of(share: Share) -> str | None:
    return f"{share.count:,} of {share.of:,}" if share.of else None


def agreement(pairs: Sequence[Agreement]) -> None:
    """How far people agree who judged the same texts, none of them told what committee or others said."""
    st.subheader("Agreement between people", anchor=False)
    if not pairs:
        st.caption("No text was judged first by two people: what they say of the same one can't be compared yet.")
        return
    st.html(figures.table(("two people", "texts", "agree", "kappa", ""), [_pair(pair) for pair in pairs]))
    st.caption(
        "Texts that both judged before anything was revealed to them. Kappa: 1 is full agreement, 0 what chance gives."
    )


def _pair(pair: Agreement) -> tuple[Cell, ...]:
    low, high = wilson(pair.agree, pair.n)
    share = Html(f'{pair.agree / pair.n:.0%} <span class="mapd-note">[{low:.0%}, {high:.0%}]</span>')
    kappa = None if pair.kappa is None else f"{pair.kappa:.2f}".replace("-", "−")
    said = "both always said the same" if pair.kappa is None else few(pair.n)
    return f"{text.one_line(pair.first, 30)} and {text.one_line(pair.second, 30)}", pair.n, share, kappa, said


def few(n: int) -> str:
    """That so many are too few to go by; empty where they aren't."""
    return f"{n} text{'s' * (n != 1)}: too few to tell" if n < FEW else ""


def record(r: AnnotatorRecord, curated: Curated, own: bool) -> None:
    """One person's record: how fast, how far with the adjudicator, whether that moved; and where it was otherwise."""
    st.subheader("My record" if own else text.label(f"The record of {r.person}"), anchor=False)
    if not r.words and not r.practised.of:
        st.caption("No word on any text of this exam stands.")
        return
    parts = (("all", r.total), ("first half", r.halves[0]), ("latest half", r.halves[1]))
    shown = parts if len(r.words) > 1 else parts[:1]
    header = ("texts, in the order judged", "texts", "accepted", "median", "with the adjudicator", "")
    st.html(figures.table(header, [_stretch(name, part) for name, part in shown]))
    beside = [f"{_of(share)} {words}" for share, words in _beside(r) if share.of]
    if beside:
        st.caption(" · ".join(beside))
    if r.reasons:
        st.caption("rejected for: " + ", ".join(f"{reasons.words(code)} {n:,}" for code, n in r.reasons))
    if r.overruled:
        st.markdown("The adjudicator decided otherwise on these:")
        places = {(x.text.kind, x.text.id): Found(m, x) for m in curated.mistakes for x in m.texts}
        rows.draw([places[at] for at in r.overruled[: rows.PAGE] if at in places], curated, "record")
        if len(r.overruled) > rows.PAGE:
            st.caption(f"and on {len(r.overruled) - rows.PAGE:,} more")


def _beside(r: AnnotatorRecord) -> tuple[tuple[Share, str], ...]:
    return (r.practised, "practice texts as the adjudicator"), (r.repeated, "texts judged again the same as before")


def _stretch(name: str, part: Period) -> tuple[Cell, ...]:
    agreed = _of(part.agreement)
    if agreed is not None:
        low, high = wilson(part.agreement.count, part.agreement.of)
        agreed = Html(f'{agreed} <span class="mapd-note">[{low:.0%}, {high:.0%}]</span>')
    n = part.accepted.of
    return name, n, _percent(part.accepted), _seconds(part.seconds), agreed, few(n)
