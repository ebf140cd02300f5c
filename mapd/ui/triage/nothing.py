"""Where triage has no mistake to show: the place is none (any more), the queue is done, or others have all of it."""

from collections.abc import Sequence

import streamlit as st

from mapd.curation import lines, queues
from mapd.curation.lines import Line
from mapd.curation.sharing import Held
from mapd.store import db
from mapd.store.queries import JudgementRow
from mapd.ui import current, text
from mapd.ui.triage import place, screen, turns
from mapd.ui.triage.place import Stop


def to_show(line: Line, stop: Stop, mine: Sequence[JudgementRow], others: Sequence[Held]) -> None:
    """The place is no mistake (any more), or the queue is done: say so, and where to go on."""
    stop = stop.at(None) if stop.given else stop
    place.mirror(stop)
    uid = stop.place.mistake
    said = None if uid is None else turns.said_of(stop.exam_id, uid)
    if uid is None and (waiting_there := turns.with_others(line, others)):
        st.subheader("Nothing is free in this queue.")
        text.foreign(f"{waiting_there} What they leave undecided comes back.")
    elif uid is None:
        done = (
            f"Nothing waits for you here: {screen.so_far(line)}." if line.skipped else f"All {line.all:,} are decided."
        )
        st.subheader(done if line.all else "Nothing is in this queue.")
        if not line.all and (why := _lacking(line)):
            st.markdown(why)
    elif said is not None and uid in {a.uid for a in said.corrected}:
        st.subheader("This attempt counts as correct now: people found that it is not a mistake.")
    elif said is not None and uid in {a.uid for a in said.excluded}:
        st.subheader("People took this question out of the exam: no mistake on it is taught.")
    else:
        text.complain(f"this address asks for a mistake that this exam doesn't have: {uid}")
    if uid is not None:
        screen.go_on(stop)
    waiting = [(name, count) for name in place.queues() if (count := line.counts[name].waiting)]
    if waiting:
        st.markdown("These queues wait:")
        screen.queues(waiting, line, stop)
    screen.back(mine, stop, line.person)


def _lacking(line: Line) -> str | None:
    """Why the queue is empty, where the exam lacks what it looks for."""
    with db.reading(current.engine()) as session:
        has_votes, has_gold = lines.has(session, line.exam.id)
    return queues.lacking(line.queue, has_votes=has_votes, has_gold=has_gold)
