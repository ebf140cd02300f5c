"""Triage: one mistake after the other, by keyboard."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from mapd.curation import first, records
from mapd.curation.lines import Line
from mapd.curation.queues import QUEUES
from mapd.store.queries import JudgementRow
from mapd.ui import current, figures, hotkeys, text
from mapd.ui.loaded import load_line, load_own
from mapd.ui.triage import nothing, place, scene, screen, turns
from mapd.ui.triage.place import Place, Stop
from mapd.ui.triage.turns import Found


def main() -> None:
    """Draw the page."""
    if (exam_id := current.current_exam()) is None:
        st.header("Triage", anchor=False)
        current.require_exam()
        return
    st.html(screen.STYLE)
    figures.style()
    stop, person = place.settle(exam_id), current.current_person().name
    if stop.told:
        text.complain(stop.told)
    if stop.place.queue not in place.queues():
        text.complain(f"unknown queue: {stop.place.queue}; one of {', '.join(place.queues())}")
        stop = Stop(exam_id, Place())
    if stop.place.judge not in (None, *place.JUDGE):
        text.complain(
            f"this address asks for judge {stop.place.judge}, which isn't here; one of {', '.join(place.JUDGE)}"
        )
        stop = Stop(exam_id, replace(stop.place, judge=None))
    queue, others = QUEUES[stop.place.queue], turns.held(exam_id, person)
    line = load_line(exam_id, queue, person, Counter(one.attempt_id for one in others), stop.place.draw)
    stop = place.ways(stop, first.is_default(queue, line.exam.wanted))
    mine = load_own(exam_id, person)
    stop = turns.aside(line, stop, mine)
    found = turns.choose(line, stop)
    if found is not None:
        number = turns.number(line, stop, found)
        # a repeat is not told by what was said in the queue before
        screen.bar(line, stop, screen.where(line, found.mistake, number, () if stop.beside else mine))
        practises = "Practice: decide first, then see what an adjudicator said and why."
        said = practises if stop.beside == records.PRACTICE else turns.told(found, others)
        if said and stop.beside in ("", records.PRACTICE):
            st.html(f'<div class="mapd-note" role="status">{text.escape(said)}</div>')
        show(line, stop, found, mine)
    else:
        screen.bar(line, stop, f"{line.all:,} {'mistake' if line.all == 1 else 'mistakes'}" if line.all else "")
        nothing.to_show(line, stop, mine, others)
    hotkeys.listen()


def show(line: Line, stop: Stop, found: Found, mine: Sequence[JudgementRow]) -> None:
    """Draw a mistake with the text in focus, and keep the place."""
    curated, mistake = found.curated, scene.ordered(line, stop, found.mistake)
    asked = next((x for x in mistake.texts if x.text.uid == stop.place.text), None)
    if stop.place.text is not None and asked is None:
        text.complain(f"this address asks for a text that this mistake doesn't have: {stop.place.text}")
    focus = asked or scene.entered(curated, line, stop, mistake)
    at = stop.place.at(mistake.attempt.uid, focus.text.uid if focus else None)
    here = replace(stop, place=at, given=False, arrived=False)
    place.mirror(here)
    shown = scene.show(curated, line, here, mistake, focus)
    left, right = st.columns((5, 6), gap="small")
    with left:
        screen.mistake(shown)
    with right:
        screen.focus(shown)
    screen.actions(shown, mine)
    turns.keep(line, found, shown.item.since)


main()
