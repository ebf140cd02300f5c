"""What triage shows at a place, and what a press there needs: frozen at render, so a late press means what was seen.

scene = show(curated, line, stop, "ann")
scene.item.target, scene.item.seen, scene.item.token       -> one decision on this text, as it was shown, once
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace

import sqlalchemy as sa
import streamlit as st

from mapd.curation.curated import Curated, Explained, Mistake
from mapd.curation.judging import Target
from mapd.curation.queues import Entry, Line
from mapd.store.queries import JudgementRow, Response
from mapd.store.tables import new_uid
from mapd.ui.current import engine
from mapd.ui.triage.place import Place, Stop
from mapd.verdicts import in_force

SHOWN = "triage_shown"  # session state: the version that is shown, its token, since when


@dataclass(frozen=True, slots=True)
class Item:
    """One target as it is shown: all that a press on it needs."""

    engine: sa.Engine
    person: str
    target: Target
    seen: int  # the latest judgement on it that is shown; 0 = none
    token: str
    since: float
    queue: str
    committee: str | None
    here: Stop
    then: Stop


@dataclass(frozen=True, slots=True)
class Scene:
    """A mistake at a place."""

    curated: Curated
    line: Line
    stop: Stop
    person: str
    version: str  # of all that is shown: widget keys carry it, so a press on what is gone finds no new meaning
    mistake: Mistake
    entry: Entry | None
    text: Explained | None
    item: Item  # the text, or the attempt where there is none
    attempt: Item
    question: Item
    before: Stop | None
    behind: Stop | None

    def at(self, text: Explained) -> Stop:
        """The same mistake at another text."""
        return _to(self.stop, self.mistake, text)


def show(curated: Curated, line: Line, stop: Stop, person: str, mistake: Mistake, text: Explained | None) -> Scene:
    """The scene of this mistake with this text in focus."""
    latest: dict[tuple[str, int], int] = {}  # the highest id, not the latest in time: what came in by a merge is news
    for row in curated.judgements:
        latest[row.target, row.target_id] = max(row.judged.id, latest.get((row.target, row.target_id), 0))
    entry = line.entry(mistake)
    targets = [Target("attempt", mistake.attempt.id), Target("question", mistake.question.id)]
    targets += [Target(text.text.kind, text.text.id)] if text else []
    seen = [latest.get((target.kind, target.id), 0) for target in targets]
    version = "_".join(str(n) for n in (mistake.attempt.id, text.text.id if text else 0, max(seen)))
    token, since = _shown(version)
    next_mistake = _enter(stop, line.after(mistake)) or Stop(stop.exam_id, Place(stop.place.queue))
    items = [
        Item(engine(), person, target, n, f"{token}-{target.kind}", since, line.queue.name, None, stop, next_mistake)
        for target, n in zip(targets, seen, strict=True)
    ]
    if text:
        item = replace(
            items[-1], committee=text.committee.verdict.value, then=_after(stop, mistake, entry, text) or next_mistake
        )
    before, behind = line.neighbours(mistake)
    return Scene(
        curated=curated,
        line=line,
        stop=stop,
        person=person,
        version=version,
        mistake=mistake,
        entry=entry,
        text=text,
        item=item if text else items[0],
        attempt=items[0],
        question=items[1],
        before=_enter(stop, before),
        behind=_enter(stop, behind),
    )


def nowhere(stop: Stop, person: str, curated: Curated) -> Item:
    """What an undo needs where no mistake is shown."""
    latest = max((row.judged.id for row in curated.judgements), default=0)
    token, since = _shown(f"{stop.place.mistake or stop.place.queue}_{latest}")
    return Item(engine(), person, Target("attempt", 0), latest, token, since, stop.place.queue, None, stop, stop)


def _shown(version: str) -> tuple[str, float]:
    """The token and the moment of this version: the same for every run that shows it again."""
    kept = st.session_state.get(SHOWN)
    if kept is None or kept[0] != version:
        kept = st.session_state[SHOWN] = (version, new_uid(), time.monotonic())
    return kept[1], kept[2]


def _to(stop: Stop, mistake: Mistake, text: Explained | None) -> Stop:
    return Stop(stop.exam_id, Place(stop.place.queue, mistake.attempt.uid, text.text.uid if text else None))


def _enter(stop: Stop, entry: Entry | None) -> Stop | None:
    return None if entry is None else _to(stop, entry.mistake, entry.enter)


def _after(stop: Stop, mistake: Mistake, entry: Entry | None, text: Explained) -> Stop | None:
    """The mistake's next text to decide: of the same kind where the queue isn't about this one, else the queue's."""
    about = entry.open if entry else ()
    if entry is None or all(x.text.id != text.text.id for x in entry.texts):
        alike = mistake.feedback if text.text.kind == "feedback" else mistake.rationales
        about = (*(x for x in alike if x.people.decision is None), *about)
    found = next((x for x in about if x.text.id != text.text.id), None)
    return None if found is None else _to(stop, mistake, found)


# -- undo -------------------------------------------------------------------------------------------------------------


def undoable(rows: Iterable[JudgementRow], person: str) -> JudgementRow | None:
    """What `u` takes back: the person's latest judgement in force, or the row that brought it back last."""
    mine = [row for row in rows if row.judged.person == person]
    standing = in_force(row.judged for row in mine)
    if not standing:
        return None
    undone_by = {row.judged.undoes: row for row in mine}
    found = next(row for row in mine if row.judged.id == standing[-1].id)
    while found.judged.id in undone_by:
        found = undone_by[found.judged.id]
    return found


def redoable(rows: Iterable[JudgementRow], person: str) -> JudgementRow | None:
    """The undo that can be taken back: the person's very latest row, where it is one (and not the undo of an undo)."""
    mine = {row.judged.id: row for row in rows if row.judged.person == person}
    row = latest = list(mine.values())[-1] if mine else None
    undone = False
    while row is not None and row.judged.undoes is not None:
        row, undone = mine[row.judged.undoes], not undone
    return latest if undone else None


def home_of(curated: Curated, stop: Stop, row: JudgementRow) -> Stop:
    """Where the target of a judgement is looked at."""
    gone: tuple[Response, ...] = curated.corrected + curated.excluded
    for m in curated.mistakes:
        for x in m.texts:
            if (x.text.kind, x.text.id) == (row.target, row.target_id):
                return _to(stop, m, x)
    attempts = [m.attempt for m in curated.mistakes] + list(gone)
    own = "id" if row.target == "attempt" else "question_id"
    uid = next((a.uid for a in attempts if getattr(a, own) == row.target_id), None)
    return Stop(stop.exam_id, Place(stop.place.queue, uid))
