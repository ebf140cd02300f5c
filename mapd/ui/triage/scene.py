"""What triage shows at a place, and what a press there needs: frozen at render, so a late press means what was seen.

scene = show(curated, line, stop, mistake, text)
scene.item.target, scene.item.seen, scene.item.token       -> one decision on this text, as it was shown, once
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa
import streamlit as st

from mapd.curation import first, lines, records, seen
from mapd.curation.bulk import Chosen
from mapd.curation.curated import Curated, Explained, Mistake
from mapd.curation.judging import Target
from mapd.curation.lines import Line, Spot
from mapd.curation.queues import Entry, done_with, most_doubtful, undecided
from mapd.store import db, queries
from mapd.store.queries import JudgementRow
from mapd.store.tables import new_uid
from mapd.ui import reveals
from mapd.ui.current import engine
from mapd.ui.triage import turns
from mapd.ui.triage.place import JUDGE, Place, Stop
from mapd.verdicts import ADJUDICATOR, ANNOTATOR, ANYTHING, VERDICT, Act, heard, ruling

SHOWN = "triage_shown"  # session state: the version that is shown, its token, since when
KINDS = ("rationale", "feedback")


@dataclass(frozen=True, slots=True)
class Item:
    """One target as it is shown: all that a press on it needs."""

    engine: sa.Engine
    person: str
    target: Target
    seen: int  # the latest judgement on it that is shown; 0 = none
    seen_of: str | None  # whose judgements can be seen here: this person's alone, or everybody's
    token: str
    since: float
    queue: str
    chance: float | None
    revealed: bool
    committee: str | None
    here: Stop
    then: Stop
    past: Stop  # where a skip leads: nothing is revealed by it
    deletions: int = 0  # of the project so far: after another one an id may be another's
    role: str = ANNOTATOR
    order: tuple[str, ...] = ()  # the texts' uids as they stand, where that is by lot


@dataclass(frozen=True, slots=True)
class Scene:
    """A mistake at a place."""

    curated: Curated
    line: Line
    stop: Stop
    person: str
    version: str  # of all that is shown: widget keys carry it, so a press on what is gone finds no new meaning
    mistake: Mistake
    text: Explained | None
    hidden: frozenset[int]  # the texts that wait to be judged before anything is said of them
    explained: JudgementRow | None  # what the adjudicator said of a practice text, once it may be told
    unsaid: frozenset[int]  # the texts that wait to be judged before it is told what others said of them
    own: Act | None  # what this person says of the text
    rest: tuple[Chosen, ...]  # of the same kind as the text in focus, and marked as waiting: what Enter accepts
    skipped: frozenset[int]  # the texts that this person skipped as their last word
    onward: Stop  # the next mistake
    item: Item  # the text, or the attempt where there is none
    attempt: Item
    question: Item
    before: Stop | None
    behind: Stop | None

    @property
    def covered(self) -> bool:
        """Whether the text in focus waits to be judged before anything is said of it."""
        return self.text is not None and self.text.text.id in self.hidden

    @property
    def revealed(self) -> bool:
        """Whether the text was judged first and all is shown now, the decision open to a change."""
        return self.stop.place.judge_first and self.own is not None and not self.covered

    @property
    def repeats(self) -> bool:
        """Whether the text was judged by this person before and is to be judged again as if it were new."""
        return self.stop.beside == records.REPEAT

    @property
    def rows(self) -> list[JudgementRow]:
        """The judgements that count and that this person can see here."""
        return self.visible(self.curated.judgements)

    def visible(self, rows: Sequence[JudgementRow]) -> list[JudgementRow]:
        """Those of the judgements that this person can see here."""
        of_texts = {("rationale", n) for n in self.unsaid} | {("feedback", n) for n in self.unsaid}
        return [row for row in rows if row.judged.person == self.person or (row.target, row.target_id) not in of_texts]

    @property
    def waiting(self) -> frozenset[int]:
        """The texts that are marked as waiting."""
        return frozenset(chosen.target.id for chosen in self.rest)

    def at(self, text: Explained) -> Stop:
        """The same mistake at another text."""
        return self.stop.at(self.mistake.attempt.uid, text.text.uid)


def ordered(line: Line, stop: Stop, mistake: Mistake) -> Mistake:
    """The mistake with its texts as this person may see them, in the order in which they are shown."""
    person = line.person
    if not line.queue.again:
        mistake = first.seen_by(mistake, person, line.exam.wanted)
    if not stop.place.judge_first:
        return mistake
    rationales, feedback = first.shuffled(mistake.rationales, person), first.shuffled(mistake.feedback, person)
    return replace(mistake, rationales=rationales, feedback=feedback)


def entered(curated: Curated, line: Line, stop: Stop, mistake: Mistake) -> Explained | None:
    """The text to begin with: the queue's choice; judged first, the first in the person's own order that waits."""
    entry = line.entry(curated, mistake)
    chosen = entry.enter if entry else most_doubtful(mistake)
    if not stop.place.judge_first or chosen is None:
        return chosen
    alike = (entry.open or entry.texts) if entry else ()
    alike = alike or (mistake.feedback if chosen.text.kind == "feedback" else mistake.rationales)
    return first.shuffled(alike, line.person)[0]


def show(curated: Curated, line: Line, stop: Stop, mistake: Mistake, text: Explained | None) -> Scene:
    """The scene of this mistake, its texts as `ordered` has them, this text in focus."""
    person, entry = line.person, line.entry(curated, mistake)
    hidden = _hidden(curated, stop, person, mistake, text)
    own, unsaid = _own(curated, stop, text, person), hidden | _unsaid(curated, mistake)
    targets = _targets(mistake, text)
    seen_of, opened = person if unsaid else None, _opened(person, mistake, hidden)
    latest = [_latest(curated, target, seen_of) for target in targets]
    token, since = _shown("_".join(map(str, (mistake.attempt.id, text.text.id if text else 0, *latest, bool(unsaid)))))
    next_mistake, deletions = _given(stop, line.after(mistake)), _deletions()
    items = [
        Item(
            engine=engine(),
            person=person,
            target=target,
            seen=n,
            seen_of=seen_of,
            token=f"{token}-{target.kind}",
            since=since,
            queue=stop.beside or line.queue.name,
            chance=None if stop.beside else _chance(line),
            revealed=not hidden,
            committee=None,
            here=replace(stop, told=None),
            then=next_mistake,
            past=next_mistake,
            deletions=deletions,
            role=_role(line, _rows(curated, target, None)),
        )
        for target, n in zip(targets, latest, strict=True)
    ]
    if text:
        then = _after(stop, mistake, entry, text, person) or next_mistake
        practises = stop.beside == records.PRACTICE and own is None  # what was said of it follows, also after an undo
        stays = text.text.id in hidden or practises
        items[-1] = _of_text(items[-1], mistake, text, stays, text.text.id in opened, then)
    before, behind = _neighbours(stop, line, mistake, next_mistake)
    return Scene(
        curated=curated,
        line=line,
        stop=stop,
        person=person,
        version=token,
        mistake=mistake,
        text=text,
        hidden=hidden,
        explained=_explained(curated, stop, text, own),
        unsaid=unsaid,
        own=own,
        rest=_rest(curated, mistake, text, hidden, person, seen_of),
        skipped=frozenset(target for kind, target in done_with(curated.judgements, person) if kind in KINDS),
        onward=next_mistake,
        item=items[-1] if text else items[0],
        attempt=items[0],
        question=items[1],
        before=before,
        behind=behind,
    )


def _targets(mistake: Mistake, text: Explained | None) -> list[Target]:
    """What can be judged here; the text comes last."""
    of_text = [Target(text.text.kind, text.text.id)] if text else []
    return [Target("attempt", mistake.attempt.id), Target("question", mistake.question.id), *of_text]


def _opened(person: str, mistake: Mistake, hidden: frozenset[int]) -> set[int]:
    """The mistake's texts that this person has seen with all that is known of them, those shown so now among them."""
    open_now = {x.text.id for x in mistake.texts} - hidden
    reveals.note(person, open_now)
    if not hidden:
        return open_now
    with db.reading(engine()) as session:
        return open_now | seen.of(session, person, hidden)


def _of_text(item: Item, mistake: Mistake, text: Explained, stays: bool, opened: bool, then: Stop) -> Item:
    """The item of the text in focus. What is revealed is read before one goes on, and is no repeat any more."""
    again = item.here.beside == records.REPEAT
    stay = replace(item.here, beside="" if again else item.here.beside)
    order = tuple(x.text.uid for x in mistake.texts) if item.here.place.judge_first else ()
    committee, revealed = text.committee.verdict.value, opened and not again
    return replace(item, revealed=revealed, committee=committee, then=stay if stays else then, past=then, order=order)


def _hidden(curated: Curated, stop: Stop, person: str, mistake: Mistake, text: Explained | None) -> frozenset[int]:
    """The texts of which nothing is told yet: those not judged, and the one that is to be judged again."""
    if not stop.place.judge_first:
        return frozenset()
    again = {text.text.id} if text and stop.beside == records.REPEAT else set()
    return first.hidden(curated.judgements, mistake.texts, person) | again


def _explained(curated: Curated, stop: Stop, text: Explained | None, own: Act | None) -> JudgementRow | None:
    if text is None or own is None or stop.beside != records.PRACTICE:
        return None
    return records.last_words(curated.judgements).get((text.text.kind, text.text.id))


def _unsaid(curated: Curated, mistake: Mistake) -> frozenset[int]:
    """The texts that are shown as if nobody had said anything of them, though somebody has."""
    known = {x.text.id: x for m in curated.mistakes if m.attempt.id == mistake.attempt.id for x in m.texts}
    return frozenset(x.text.id for x in mistake.texts if x.people != known[x.text.id].people)


def _role(line: Line, rows: Sequence[JudgementRow]) -> str:
    """In a queue that settles what people decided one decides as the adjudicator, also to change that."""
    judged = [row.judged for row in rows]
    about = VERDICT if rows and rows[0].target in ("rationale", "feedback") else ANYTHING
    people, settles = ruling(judged, about), line.queue.settles
    return ADJUDICATOR if settles is not None and (settles(people) or people.adjudicated) else ANNOTATOR


def _rows(curated: Curated, target: Target, person: str | None) -> list[JudgementRow]:
    """The judgements on a target, all or one person's, oldest first."""
    return [
        row
        for row in curated.judgements
        if (row.target, row.target_id) == (target.kind, target.id) and person in (None, row.judged.person)
    ]


def _latest(curated: Curated, target: Target, person: str | None) -> int:
    """The highest id, not the latest in time: what came in by a merge is news."""
    return max((row.judged.id for row in _rows(curated, target, person)), default=0)


def _own(curated: Curated, stop: Stop, text: Explained | None, person: str) -> Act | None:
    """What this person says of the text; nothing yet where it is judged again."""
    if text is None or stop.beside == records.REPEAT:
        return None
    mine = heard((row.judged for row in _rows(curated, Target(text.text.kind, text.text.id), person)), VERDICT)
    return mine[-1].decision if mine else None


def _rest(
    curated: Curated,
    mistake: Mistake,
    text: Explained | None,
    hidden: frozenset[int],
    person: str,
    seen_of: str | None,
) -> tuple[Chosen, ...]:
    """The texts of the focus's kind that wait; none while one of them is hidden: each is to be read then."""
    if text is None:
        return ()
    alike = mistake.feedback if text.text.kind == "feedback" else mistake.rationales
    if any(x.text.id in hidden for x in alike):
        return ()
    done = done_with(curated.judgements, person)
    waiting = [(x, Target(x.text.kind, x.text.id)) for x in undecided(alike, person, curated.exam.wanted, done)]
    return tuple(Chosen(target, _latest(curated, target, seen_of), x.committee.verdict.value) for x, target in waiting)


def _chance(line: Line) -> float | None:
    """In a queue drawn by lot: the chance of each mistake to be the one that a draw gives, for all the same."""
    return 1 / line.all if line.all and line.queue.by_lot else None


def nowhere(stop: Stop, person: str, mine: Sequence[JudgementRow]) -> Item:
    """What an undo needs where no mistake is shown."""
    latest = max((row.judged.id for row in mine), default=0)
    token, since = _shown(f"{stop.place.mistake or stop.place.queue}_{latest}")
    return Item(
        engine=engine(),
        person=person,
        target=Target("attempt", 0),
        seen=latest,
        seen_of=None,
        token=token,
        since=since,
        queue=stop.place.queue,
        chance=None,
        revealed=True,
        committee=None,
        here=stop,
        then=stop,
        past=stop,
        deletions=_deletions(),
    )


def _deletions() -> int:
    with db.reading(engine()) as session:
        return queries.edition(session, queries.DELETED)


def _shown(version: str) -> tuple[str, float]:
    """The token and the moment of this version: the same for every run that shows it again."""
    kept = st.session_state.get(SHOWN)
    if kept is None or kept[0] != version:
        kept = st.session_state[SHOWN] = (version, new_uid(), time.monotonic())
    return kept[1], kept[2]


def _enter(stop: Stop, spot: Spot | None) -> Stop | None:
    """Where one arrives at a mistake; the text to enter it at is chosen there."""
    return None if spot is None else stop.at(spot.uid)


def _neighbours(stop: Stop, line: Line, mistake: Mistake, onward: Stop) -> tuple[Stop | None, Stop | None]:
    """The mistakes before and behind this one; a check or a repeat has those of what waits behind it: it isn't told."""
    waiting = turns.find(line, stop.back) if stop.beside in {records.CHECK, records.REPEAT} and stop.back else None
    if stop.beside and waiting is None:
        return None, onward
    before, behind = line.neighbours(waiting.mistake if waiting else mistake)
    return _enter(stop, before), _enter(stop, behind)


def _given(stop: Stop, spot: Spot | None) -> Stop:
    """On to a mistake that the queue chooses; what was beside it leads back to where the queue was."""
    if stop.beside == records.PRACTICE:  # judged first, as the queue may not be
        place = Place(stop.place.queue, stop.back or None, draw=stop.place.draw)
        return Stop(stop.exam_id, place, given=bool(stop.back))
    if stop.back:
        return replace(stop.at(stop.back), given=True)
    return replace(_enter(stop, spot) or stop.at(None), given=True)


def _after(stop: Stop, mistake: Mistake, entry: Entry | None, text: Explained, person: str) -> Stop | None:
    """The mistake's next text to decide: of the same kind where the queue isn't about this one, else the queue's.

    None beside the queue.
    """
    if stop.beside or stop.back:
        return None
    about = entry.open if entry else ()
    if entry is None or all(x.text.id != text.text.id for x in entry.texts):
        alike = mistake.feedback if text.text.kind == "feedback" else mistake.rationales
        about = (*(x for x in alike if not x.judged), *about)
    if stop.place.judge_first:
        about = first.shuffled(about, person)
    found = next((x for x in about if x.text.id != text.text.id), None)
    return None if found is None else stop.at(mistake.attempt.uid, found.text.uid)


# -- undo -------------------------------------------------------------------------------------------------------------


def home_of(stop: Stop, row: JudgementRow, *, redone: bool) -> Stop:
    """Where the target of a judgement is looked at: as what it was given, if that was beside the queue."""
    with db.reading(engine()) as session:
        home = stop.at(*lines.home(session, stop.exam_id, row))
    if row.queue not in records.BESIDE:
        return home
    back = stop.back if stop.beside else stop.place.mistake or ""
    beside = "" if redone and row.queue == records.REPEAT else row.queue  # judged, it is a repeat no more
    return replace(home, place=replace(home.place, judge=JUDGE[0]), beside=beside, back=back)
