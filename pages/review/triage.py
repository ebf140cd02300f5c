"""Triage: one mistake after the other, by keyboard."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from mapd.curation import first, practice, records
from mapd.curation.curated import Curated, Mistake
from mapd.curation.queues import QUEUES, Line, fill, lacking
from mapd.curation.sharing import Held
from mapd.ui import current, figures, hotkeys, text
from mapd.ui.loaded import load_curated, queue_counts
from mapd.ui.triage import place, scene, screen, turns
from mapd.ui.triage.place import JUDGE, Place, Stop


def main() -> None:
    """Draw the page."""
    if (exam_id := current.current_exam()) is None:
        st.header("Triage", anchor=False)
        current.require_exam()
        return
    st.html(screen.STYLE)
    figures.style()
    stop, person, curated = place.settle(exam_id), current.current_person(), load_curated(exam_id)
    if stop.told:
        text.complain(stop.told)
    if stop.place.queue not in QUEUES:
        text.complain(f"unknown queue: {stop.place.queue}; one of {', '.join(QUEUES)}")
        stop = Stop(exam_id, Place())
    if stop.place.judge not in (None, *place.JUDGE):
        text.complain(
            f"this address asks for judge {stop.place.judge}, which isn't here; one of {', '.join(place.JUDGE)}"
        )
        stop = Stop(exam_id, replace(stop.place, judge=None))
    queue, others = QUEUES[stop.place.queue], turns.held(exam_id, person)
    stop = place.ways(stop, first.is_default(queue, curated.exam.wanted))
    line = fill(curated, queue, person, Counter(one.attempt_id for one in others))
    stop = first_aside(curated, line, stop, person)
    mistake = turns.choose(curated, line, stop, person)
    screen.bar(line, stop, person, line.number(mistake) if mistake else None)
    if mistake is None:
        nothing_to_show(curated, line, stop, person, others)
    else:
        practises = "Practice: decide first, then see what an adjudicator said and why."
        found = practises if stop.beside == records.PRACTICE else turns.told(line, mistake, others)
        if found and stop.beside in ("", records.PRACTICE):
            st.html(f'<div class="mapd-note" role="status">{text.escape(found)}</div>')
        show(curated, line, stop, person, mistake)
    hotkeys.listen()


def first_aside(curated: Curated, line: Line, stop: Stop, person: str) -> Stop:
    """Where the queue chooses: practice, a check or a repeat before its next, if one is due."""
    if stop.place.mistake is not None and not stop.given:
        return stop
    found = practice.aside(curated, line, person, judge_first=stop.place.judge_first)
    if found is None:
        return stop
    at = replace(stop.at(found.mistake.attempt.uid, found.text.text.uid), beside=found.kind)
    return replace(at, place=replace(at.place, judge=JUDGE[0]))


def show(curated: Curated, line: Line, stop: Stop, person: str, mistake: Mistake) -> None:
    """Draw a mistake with the text in focus, and keep the place."""
    mistake = scene.ordered(line, curated.exam.wanted, stop, person, mistake)
    asked = next((x for x in mistake.texts if x.text.uid == stop.place.text), None)
    if stop.place.text is not None and asked is None:
        text.complain(f"this address asks for a text that this mistake doesn't have: {stop.place.text}")
    focus = asked or scene.entered(line, stop, person, mistake)
    here = replace(stop, place=stop.place.at(mistake.attempt.uid, focus.text.uid if focus else None), given=False)
    place.mirror(here)
    shown = scene.show(curated, line, here, person, mistake, focus)
    left, right = st.columns((5, 6), gap="small")
    with left:
        screen.mistake(shown)
    with right:
        screen.focus(shown)
    screen.actions(shown)
    turns.keep(line, mistake, person, shown.item.since)


def nothing_to_show(curated: Curated, line: Line, stop: Stop, person: str, others: Sequence[Held]) -> None:
    """The place is no mistake (any more), or the queue is done: say so, and where to go on."""
    stop = stop.at(None) if stop.given else stop
    place.mirror(stop)
    uid = stop.place.mistake
    if uid is None and (waiting_there := turns.with_others(line, others)):
        st.subheader("Nothing is free in this queue.")
        text.foreign(f"{waiting_there} What they leave undecided comes back.")
    elif uid is None:
        done = f"All {len(line.entries):,} are decided." if line.entries else "Nothing is in this queue."
        st.subheader(done)
        if not line.entries and (why := lacking(curated, line.queue)):
            st.markdown(why)
    elif uid in {a.uid for a in curated.corrected}:
        st.subheader("This attempt counts as correct now: people found that it is not a mistake.")
    elif uid in {a.uid for a in curated.excluded}:
        st.subheader("People took this question out of the exam: no mistake on it is taught.")
    else:
        text.complain(f"this address asks for a mistake that this exam doesn't have: {uid}")
    waiting = [(name, count.waiting) for name, count in queue_counts(stop.exam_id, person).items() if count.waiting]
    if waiting:
        st.markdown("These queues wait:")
        screen.queues(waiting, stop)
    screen.back(curated, stop, person)


main()
