"""Whose turn a mistake is: the lease on it, taken as it is shown, renewed while it is, released by moving on.

others = held(exam_id, "ann")           # what others have in front of them
found = choose(line, stop)              # the mistake that the place names, or the next that can be had
keep(line, found, since)                # on the page, as long as it is open
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import streamlit as st

from mapd.curation import lines, practice, sharing
from mapd.curation.curated import Curated, Explained, Mistake
from mapd.curation.lines import Line, Spot
from mapd.curation.queues import Entry
from mapd.curation.records import PRACTICE, TextKey
from mapd.curation.sharing import LEASE, Held
from mapd.errors import Busy
from mapd.store import db, queries
from mapd.store.queries import JudgementRow
from mapd.ui import current, text
from mapd.ui.current import engine, impatient
from mapd.ui.loaded import load_part
from mapd.ui.text import one_line
from mapd.ui.triage.place import JUDGE, Stop

MINE = "triage_lease"  # session state: the attempt that this tab has, for whom, and when that was renewed
BEAT = LEASE.total_seconds() / 3
LONGEST = 30 * 60  # seconds on one and the same view: whoever looks longer may have gone home


def held(exam_id: int, person: str) -> list[Held]:
    """What others have in front of them."""
    with db.reading(engine()) as session:
        return [one for one in sharing.held(session, exam_id) if one.person != person]


@dataclass(frozen=True, slots=True)
class Found:
    """A mistake, with what is said of its question, and its entry in the queue if it is in it."""

    curated: Curated
    mistake: Mistake
    entry: Entry | None

    @property
    def places(self) -> int:
        """So many people may have it in front of them at once."""
        return self.entry.places if self.entry else 1


def find(line: Line, uid: str) -> Found | None:
    """The exam's mistake of this uid, if it is one now."""
    curated = said_of(line.exam.id, uid)
    mistake = next((m for m in curated.mistakes if m.attempt.uid == uid), None) if curated else None
    return Found(curated, mistake, line.entry(curated, mistake)) if curated and mistake else None


def said_of(exam_id: int, uid: str) -> Curated | None:
    """What the exam's curated set has of the question that this attempt answers; None where it has no such attempt."""
    with db.reading(engine()) as session:
        question = lines.question_of(session, exam_id, uid)
    return None if question is None else load_part(exam_id, [question])


def choose(line: Line, stop: Stop) -> Found | None:
    """The mistake that the place names, whoever has it; where the queue chooses, the next that nobody else has."""
    uid = stop.place.mistake
    named = None if uid is None else find(line, uid)
    if uid is not None and not stop.given:
        if named is not None:
            _take(named.mistake.attempt.id, line.person, named.places)
        return named
    for spot in line.ahead(named.mistake if named else None):
        found = find(line, spot.uid)
        if found and found.entry and line.free(found.entry) and _take(spot.attempt_id, line.person, found.places):
            return found
    leave()
    return None


def aside(line: Line, stop: Stop, mine: Sequence[JudgementRow]) -> Stop:
    """Where the queue chooses: practice, a check or a repeat before its next, if the exam wants any and one is due.

    What the address names on arrival is one as well if it is what is due: the page was loaded again before deciding.
    Behind it the queue goes on where it was.
    """
    exam, person, chosen = line.exam, line.person, stop.place.mistake is not None and not stop.given
    if not person or (chosen and not stop.arrived) or not practice.wanted(exam):
        return stop
    with db.reading(engine()) as session:
        settled = queries.judgements_settled(session, exam.id)
    for kind, texts in practice.due(exam, line.queue, mine, settled, person, judge_first=stop.place.judge_first):
        if (found := _first(line, kind, texts)) is None:
            continue
        mistake, text = found
        if chosen and text.text.uid != stop.place.text:
            return stop
        waiting = next(_waiting(line, stop.at(None) if chosen else stop), None)
        at = replace(stop.at(mistake.attempt.uid, text.text.uid), beside=kind, back=waiting.uid if waiting else "")
        return replace(at, place=replace(at.place, judge=JUDGE[0]))
    return stop


def _waiting(line: Line, stop: Stop) -> Iterator[Spot]:
    """What waits in the queue, from the place on that it gave."""
    named = find(line, stop.place.mistake) if stop.place.mistake else None
    return line.ahead(named.mistake if named else None)


def number(line: Line, stop: Stop, found: Found) -> int | None:
    """The mistake's number in the queue; beside the queue the number of what waits behind it: a check is not told."""
    if not stop.beside:
        return line.number(found.mistake.attempt.id)
    spot = next(_waiting(line, stop.at(stop.back or None)), None)
    return line.number(spot.attempt_id) if spot else None


def _first(line: Line, kind: str, texts: Sequence[TextKey]) -> tuple[Mistake, Explained] | None:
    """The first of the texts that is on a mistake; but for practice, on one in the queue, and there for it."""
    for start in range(0, len(texts), lines.AT_ONCE):
        some = texts[start : start + lines.AT_ONCE]
        with db.reading(engine()) as session:
            part = load_part(line.exam.id, lines.questions_of(session, [id_ for _, id_ in some]))
        entries = ((m, line.entry(part, m)) for m in part.mistakes)
        among = ((m, m.texts if kind == PRACTICE else e.texts if e else ()) for m, e in entries)
        if (found := practice.first(some, among)) is not None:
            return found
    return None


def leave() -> None:
    """Let go of what this tab has."""
    mine = st.session_state.pop(MINE, None)
    if mine is not None:
        with suppress(Busy), db.writing(impatient()) as session:  # it runs out
            sharing.release(session, mine[0], mine[1])


def keep(line: Line, found: Found, since: float) -> None:
    """Renew the lease as long as the page is open on this view. `since`: when that began."""
    _keep(found.mistake.attempt.id, line.person, found.places, since)


@st.fragment(run_every=BEAT)
def _keep(attempt: int, person: str, places: int, since: float) -> None:
    current.leave_if_shut()
    mine = st.session_state.get(MINE)
    if mine is not None and mine[:2] == (attempt, person) and time.monotonic() - since < LONGEST:
        _take(attempt, person, places)


def _take(attempt: int, person: str, places: int) -> bool:
    """Return whether it is this person's, written no oftener than the lease needs. Who has no name yet only reads."""
    if not person:
        return True
    moment, mine = time.monotonic(), st.session_state.get(MINE)
    if mine is not None and mine[:2] == (attempt, person) and moment - mine[2] < BEAT / 2:
        return True
    leaving = mine[0] if mine is not None and mine[1] == person else None
    try:
        with db.writing(impatient()) as session:
            taken = sharing.take(session, attempt, person, places=places, leaving=leaving)
    except Busy:
        text.complain("the database is busy: until it is free, others may be given this mistake, too")
        return True
    if taken:
        st.session_state[MINE] = (attempt, person, moment)
    else:
        st.session_state.pop(MINE, None)
    return taken


# -- what is said of it -----------------------------------------------------------------------------------------------


def names(of: Iterable[Held]) -> str:
    """Who they are, as text."""
    return ", ".join(dict.fromkeys(one_line(one.person, 30) for one in of))


def told(found: Found, others: Sequence[Held]) -> str:
    """That others have this mistake, where one more is too many; empty otherwise."""
    having = [one for one in others if one.attempt_id == found.mistake.attempt.id]
    if len(having) < found.places:
        return ""
    return f"Open before others too: {names(having)}. Who decides second is told so, and nothing is overwritten."


def with_others(line: Line, others: Sequence[Held]) -> str:
    """That all that waits is with others, and with whom; empty where nothing waits."""
    having = {one.attempt_id for one in others}
    waiting = {spot.attempt_id for spot in replace(line, held={}).ahead() if spot.attempt_id in having}
    by = names(one for one in others if one.attempt_id in waiting)
    return f"{line.waiting:,} still wait here, open before others: {by}." if waiting else ""
