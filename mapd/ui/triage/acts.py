"""What a press does: first the database, then the move. Every value is an argument, frozen when the button was drawn.

A callback can be cut off where it touches streamlit and another press comes in. So it writes before it touches
anything, its token lets a second press write nothing, and what it may lose is only the move: that second press
makes it.
"""

import time
from collections.abc import Callable
from typing import Literal

import streamlit as st
from sqlmodel import Session

from mapd.curation import judging
from mapd.curation.judging import Circumstances
from mapd.errors import MapdError
from mapd.store import db
from mapd.store.queries import JudgementRow
from mapd.ui.triage.place import Stop, go
from mapd.ui.triage.scene import Item
from mapd.verdicts import Act

Press = Callable[..., None]
ButtonKind = Literal["primary", "secondary", "tertiary"]
DWELL = 0.35  # seconds: a press sooner than this after its text appeared was meant for the text before


def decide(item: Item, act: Act, reason: str | None = None, move: bool = True) -> None:
    """Judge what is shown and go on to what comes next; without `move` stay."""
    if time.monotonic() - item.since < DWELL:
        return
    _write(item, item.then if move else item.here, lambda session: _judge(session, item, act, reason=reason))


def decide_typed(item: Item, field: str) -> None:
    """Correct with the value that was typed into a field, and stay: what it changes is seen there."""
    value = str(st.session_state[field] or "").strip()
    if value:
        _write(item, item.here, lambda session: _judge(session, item, Act.CORRECT, value=value, part="typed"))


def note(item: Item, field: str) -> None:
    """Keep a note: a judgement that decides nothing."""
    words = str(st.session_state[field] or "").strip()
    if words:
        _write(item, item.here, lambda session: _judge(session, item, Act.SKIP, part="note", note=words))


def undo(item: Item, row: JudgementRow, home: Stop) -> None:
    """Cancel a judgement (or an undo) and show its target."""
    if time.monotonic() - item.since < DWELL:
        return
    token = f"{row.uid}-undo"  # a row is undone once: a second press finds it done
    _write(item, home, lambda s: judging.undo(s, row.judged.id, by=item.person, token=token))


def _judge(
    session: Session,
    item: Item,
    act: Act,
    *,
    reason: str | None = None,
    value: str | None = None,
    part: str = "",
    note: str = "",
) -> None:
    judging.judge(
        session,
        item.target,
        act,
        by=item.person,
        reason=reason,
        value=value,
        note=note or None,
        token=f"{item.token}{part}",
        seen=item.seen,
        seen_of=item.seen_of,
        circumstances=Circumstances(
            queue=item.queue,
            sampling_chance=item.chance,
            revealed=item.revealed,
            seconds=round(time.monotonic() - item.since, 2),
            committee=item.committee,
        ),
    )


def _write(item: Item, then: Stop, act: Callable[[Session], object]) -> None:
    try:
        with db.writing(item.engine) as session:
            act(session)
    except MapdError as error:
        then = Stop(item.here.exam_id, item.here.place, str(error))
    go(then)
