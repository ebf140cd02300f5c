"""Whose turn a mistake is: the lease on it, taken as it is shown, renewed while it is, released by moving on.

others = held(exam_id, "ann")                     # what others have in front of them
mistake = choose(curated, line, stop, "ann")      # the one that the place names, or the next that can be had
keep(line, mistake, "ann", since)                 # on the page, as long as it is open
"""

import time
from collections.abc import Iterable, Sequence

import streamlit as st

from mapd.curation import sharing
from mapd.curation.curated import Curated, Mistake
from mapd.curation.queues import Line
from mapd.curation.sharing import LEASE, Held
from mapd.store import db
from mapd.ui.current import engine
from mapd.ui.text import one_line
from mapd.ui.triage.place import Stop

MINE = "triage_lease"  # session state: the attempt that this tab has, for whom, and when that was renewed
BEAT = LEASE.total_seconds() / 3
LONGEST = 30 * 60  # seconds on one and the same view: whoever looks longer may have gone home


def held(exam_id: int, person: str) -> list[Held]:
    """What others have in front of them."""
    with db.reading(engine()) as session:
        return [one for one in sharing.held(session, exam_id) if one.person != person]


def choose(curated: Curated, line: Line, stop: Stop, person: str) -> Mistake | None:
    """The mistake that the place names, whoever has it; where the queue chooses, the next that nobody else has."""
    uid = stop.place.mistake
    named = next((m for m in curated.mistakes if m.attempt.uid == uid), None)
    if uid is not None and not (stop.given and named):
        if named is not None:
            _take(named.attempt.id, person, _places(line, named))
        return named
    for entry in line.ahead(named):
        if _take(entry.mistake.attempt.id, person, entry.places):
            return entry.mistake
    leave()
    return None


def leave() -> None:
    """Let go of what this tab has."""
    mine = st.session_state.pop(MINE, None)
    if mine is not None:
        with db.writing(engine()) as session:
            sharing.release(session, mine[0], mine[1])


def keep(line: Line, mistake: Mistake, person: str, since: float) -> None:
    """Renew the lease as long as the page is open on this view. `since`: when that began."""
    _keep(mistake.attempt.id, person, _places(line, mistake), since)


@st.fragment(run_every=BEAT)
def _keep(attempt: int, person: str, places: int, since: float) -> None:
    mine = st.session_state.get(MINE)
    if mine is not None and mine[:2] == (attempt, person) and time.monotonic() - since < LONGEST:
        _take(attempt, person, places)


def _places(line: Line, mistake: Mistake) -> int:
    entry = line.entry(mistake)
    return entry.places if entry else 1


def _take(attempt: int, person: str, places: int) -> bool:
    """Whether it is this person's, written no oftener than the lease needs."""
    moment, mine = time.monotonic(), st.session_state.get(MINE)
    if mine is not None and mine[:2] == (attempt, person) and moment - mine[2] < BEAT / 2:
        return True
    leaving = mine[0] if mine is not None and mine[1] == person else None
    with db.writing(engine()) as session:
        taken = sharing.take(session, attempt, person, places=places, leaving=leaving)
    if taken:
        st.session_state[MINE] = (attempt, person, moment)
    else:
        st.session_state.pop(MINE, None)
    return taken


# -- what is said of it -----------------------------------------------------------------------------------------------


def names(of: Iterable[Held]) -> str:
    """Who they are, as text."""
    return ", ".join(dict.fromkeys(one_line(one.person, 30) for one in of))


def told(line: Line, mistake: Mistake, others: Sequence[Held]) -> str:
    """That others have this mistake, where one more is too many; empty otherwise."""
    having = [one for one in others if one.attempt_id == mistake.attempt.id]
    if len(having) < _places(line, mistake):
        return ""
    return f"Open before others too: {names(having)}. Who decides second is told so, and nothing is overwritten."


def with_others(line: Line, others: Iterable[Held]) -> str:
    """That all that waits is with others, and with whom; empty where nothing waits."""
    waiting = {entry.mistake.attempt.id for entry in line.entries if not entry.settled}
    having = names(one for one in others if one.attempt_id in waiting)
    return f"{len(waiting):,} still wait here, open before others: {having}." if waiting else ""
