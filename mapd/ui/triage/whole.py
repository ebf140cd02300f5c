"""A queue's class of texts decided at once: a panel that says how many wait, two buttons, one act, one undo.

whole.offer(line, stop)      # nothing, unless the queue is such a class, some of it waits, and all is shown
"""

from collections.abc import Sequence

import streamlit as st

from mapd.curation import bulk
from mapd.curation.bulk import Chosen
from mapd.curation.lines import Line
from mapd.curation.queues import Whole
from mapd.errors import MapdError
from mapd.store import db, queries
from mapd.ui import current, hotkeys
from mapd.ui.triage.place import Stop, go
from mapd.verdicts import Act


def offer(line: Line, stop: Stop) -> None:
    """The popover with the panel, which reads the class once it is opened."""
    whole, version = line.queue.whole, line.waiting
    if whole is None or not version or not line.person or stop.place.judge_first or stop.beside:
        return  # judged first, each text is to be read
    label = hotkeys.label("w", "the whole class")
    popover = st.popover(label, key=hotkeys.name("w", version), on_change="rerun", type="tertiary")
    with popover, st.container(key=hotkeys.panel("w", version), gap="small"):
        if popover.open:
            _panel(line, stop, whole)


def _panel(line: Line, stop: Stop, whole: Whole) -> None:
    """How many wait, and what to decide of all of them."""
    with db.reading(line.engine) as session:
        waiting = bulk.waiting(session, line.exam, whole, line.threshold, line.person)
        deletions = queries.edition(session, queries.DELETED)
    wait = "wait for your judgement" if line.exam.wanted > 1 else "wait: no person has decided on them yet"
    st.markdown(f"**{len(waiting):,} texts** of this class {wait}.")
    chosen = waiting[: bulk.MOST]
    if len(chosen) < len(waiting):
        st.caption(f"One act takes the first {bulk.MOST:,}.")
    for key, words, act, reason in (
        ("1", f"reject all: {whole.words}", Act.REJECT, whole.reason),
        ("2", "accept all", Act.ACCEPT, None),
    ):
        st.button(
            hotkeys.label(key, words),
            key=hotkeys.name(key, bulk.token_of(chosen, act, line.person)),
            on_click=_decide,
            args=(line, stop, chosen, act, reason, deletions),
            disabled=not chosen,
        )
    st.caption("One undo takes all of it back.")


def _decide(line: Line, stop: Stop, chosen: Sequence[Chosen], act: Act, reason: str | None, deletions: int) -> None:
    """Decide all of these, each as it was shown, and go on to what waits yet."""
    then = stop.at(None)
    try:
        person = current.acting_person(line.person)
        with db.writing(line.engine) as session:
            queries.check_ids(session, deletions)
            bulk.judge_class(session, chosen, act, by=person, reason=reason)
    except MapdError as error:
        then = Stop(stop.exam_id, stop.place, str(error))
    go(then)
