"""What a press does: first the database, then the move. Every value is an argument, frozen when the button was drawn.

A callback can be cut off where it touches streamlit and another press comes in. So it writes before it touches
anything, its token lets a second press write nothing, and what it may lose is only the move: that second press
makes it. The browser takes none before the last is answered: streamlit would drop that (unsaved.js).
"""

import time
from collections.abc import Callable, Sequence
from typing import Literal

import streamlit as st
from sqlmodel import Session

from mapd.curation import bulk, judging, repairing
from mapd.curation.bulk import Chosen, Note
from mapd.curation.judging import Circumstances
from mapd.errors import MapdError
from mapd.people import Person
from mapd.store import db, queries
from mapd.store.queries import JudgementRow
from mapd.ui import current
from mapd.ui.triage import drafts
from mapd.ui.triage.place import Stop, go
from mapd.ui.triage.scene import Item
from mapd.verdicts import NOTE, Act

Press = Callable[..., None]
ButtonKind = Literal["primary", "secondary", "tertiary"]
DWELL = 0.35  # seconds: a press sooner than this after its text appeared was meant for the text before


def decide(item: Item, act: Act, reason: str | None = None, move: bool = True, draft: str = "") -> None:
    """Judge what is shown and go on to what comes next; without `move` stay. The note in field `draft` goes along."""
    words = _typed(draft) if draft else ""
    if time.monotonic() - item.since < DWELL:
        return
    then = (item.past if act is Act.SKIP else item.then) if move else item.here
    if _write(item, then, lambda session, by: _judge(session, item, act, by=by, reason=reason, note=words)) and words:
        drafts.forget(item, "note")


def decide_rest(item: Item, rest: Sequence[Chosen], then: Stop, draft: str) -> None:
    """Accept these texts, each as it was shown, as one act; go on. A note in the field goes along with its own text.

    Where the text of the field doesn't wait, the field is not named.
    """
    words = _typed(draft) if draft else ""
    if time.monotonic() - item.since < DWELL:
        return

    def accept(session: Session, by: Person) -> None:
        bulk.accept_rest(
            session,
            rest,
            by=by,
            token=f"{item.token}-rest",
            seen_of=item.seen_of,
            note=Note(item.target, words) if words else None,
            circumstances=_circumstances(item),
        )

    if _write(item, then, accept) and words:
        drafts.forget(item, "note")


def decide_typed(item: Item, field: str) -> None:
    """Correct with the value that was typed into a field, and stay: what it changes is seen there."""
    value = _typed(field)

    def correct(session: Session, by: Person) -> None:
        _judge(session, item, Act.CORRECT, by=by, value=value, part="typed")

    if value:
        _write(item, item.here, correct)


def note(item: Item, field: str) -> None:
    """Keep a note: a judgement that decides nothing."""
    words = _typed(field)

    def keep(session: Session, by: Person) -> None:
        _judge(session, item, Act.SKIP, by=by, reason=NOTE, part="note", note=words)

    if words and _write(item, item.here, keep):
        drafts.forget(item, "note")


def repair(item: Item, field: str) -> None:
    """Keep the corrected copy as a text of this person's own, and show it."""
    words, place = _typed(field), item.here.place

    def keep(session: Session, by: Person) -> None:
        repairing.repair(
            session,
            item.target,
            words,
            by=by,
            token=item.token,
            seen=item.seen,
            role=item.role,
            circumstances=_circumstances(item),
        )

    if _write(item, item.here.at(place.mistake, repairing.uid_of(item.token)), keep):
        drafts.forget(item, "repair")


def undo(item: Item, rows: Sequence[JudgementRow], home: Stop) -> None:
    """Cancel what was done in one act (or its undo) and show its target."""
    if time.monotonic() - item.since < DWELL:
        return

    _write(item, home, lambda session, by: bulk.take_back(session, rows, by=by))


def _typed(field: str) -> str:
    return str(st.session_state.get(field) or "").strip()


def _judge(
    session: Session,
    item: Item,
    act: Act,
    *,
    by: Person,
    reason: str | None = None,
    value: str | None = None,
    part: str = "",
    note: str = "",
) -> None:
    judging.judge(
        session,
        item.target,
        act,
        by=by,
        reason=reason,
        value=value,
        note=note or None,
        token=f"{item.token}{part}",
        seen=item.seen,
        seen_of=item.seen_of,
        role=item.role,
        circumstances=_circumstances(item),
    )


def _circumstances(item: Item) -> Circumstances:
    return Circumstances(
        queue=item.queue,
        sampling_chance=item.chance,
        revealed=item.revealed,
        seconds=round(time.monotonic() - item.since, 2),
        committee=item.committee,
        order=item.order,
    )


def _write(item: Item, then: Stop, act: Callable[[Session, Person], object]) -> bool:
    """Return whether it was saved; why not is told where one stays."""
    told = ""
    try:
        person = current.acting_person(item.person)
        with db.writing(item.engine) as session:
            queries.check_ids(session, item.deletions)
            act(session, person)
    except MapdError as error:
        told = str(error)
    go(Stop(item.here.exam_id, item.here.place, told) if told else then)
    return not told
