"""Who sits at which queue, how a card is dealt to them, and what answers it. Pure.

Seat(ann, QUEUES["smart"], judge_first=False, threshold=300), Deal("c1f0…", number=1, all=12)
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mapd.curation.curated import Curated, Mistake
from mapd.curation.decided_texts import DecidedText
from mapd.domain import Act, JudgementRow
from mapd.judgements import ANYTHING, VERDICT, drop_undone, ruling
from mapd.people import Person
from mapd.review import blinding, queues
from mapd.review.annotators import CHECK, REPEAT
from mapd.review.blinding import VisibleMistake
from mapd.review.card_messages import CardWord, Holder, JudgeMode
from mapd.review.passages import line
from mapd.review.queues import Queue, QueuedMistake, find_closed_targets, find_undecided

# Injected cards that have to look like the queue's own.
HIDDEN_KINDS = (CHECK, REPEAT)


@dataclass(frozen=True, slots=True)
class Seat:
    """A person at a queue. `threshold` in hundredths."""

    person: Person
    queue: Queue
    judge_first: bool
    threshold: int
    draw: int = 1

    @property
    def judge(self) -> JudgeMode:
        """Return the way of judging, as the address has it."""
        return "first" if self.judge_first else "assisted"

    def entry(self, part: Curated, mistake: Mistake) -> QueuedMistake | None:
        """Return the mistake's entry in the queue, if it is in it."""
        name = self.person.name
        closed = find_closed_targets(part.judgements, name)
        return queues.find_entry(self.queue, mistake, self.threshold / 100, closed, name, part.exam.judgements_per_text)


@dataclass(frozen=True, slots=True)
class Deal:
    """How a card is dealt. `text`: the id of its text, if one. `kind`: practice, check or repeat if it is injected."""

    id: str
    number: int | None = None
    all: int = 0
    kind: str = ""
    text: int | None = None
    alone: bool = True  # its other texts are dealt on another card
    enter: str | None = None  # the uid of the text that a link names
    holders: tuple[Holder, ...] = ()


def list_waiting(part: Curated, sight: VisibleMistake, kind: str) -> tuple[DecidedText, ...]:
    """Return the texts of this kind that are marked as waiting: what Enter accepts. None while one is covered."""
    alike = sight.mistake.feedback if kind == "feedback" else sight.mistake.rationales
    if any(x.text.id in sight.hidden for x in alike):
        return ()
    return find_undecided(
        alike, sight.person, part.exam.judgements_per_text, find_closed_targets(part.judgements, sight.person)
    )


def filter_rows(rows: Iterable[JudgementRow], kind: str, target: int) -> list[JudgementRow]:
    """Return the judgements on one target, oldest first."""
    return [row for row in rows if (row.target, row.target_id) == (kind, target)]


def decides_last(seat: Seat, rows: Sequence[JudgementRow]) -> bool:
    """Return whether the person decides as the adjudicator: in a queue that settles people's decisions."""
    if seat.queue.settles is None:
        return False
    about = VERDICT if rows and rows[0].target in blinding.TEXTS else ANYTHING
    people = ruling([row.judged for row in rows], about)
    return seat.queue.settles(people) or people.adjudicated


def word(row: JudgementRow) -> CardWord:
    """Return a judgement as what somebody says."""
    return CardWord(
        person=line(row.judged.person, 60),
        decision=row.judged.decision,
        reason=row.judged.reason,
        value=None if row.judged.value is None else line(row.judged.value),
        note=None if row.note is None else line(row.note, 2_000),
        role=row.judged.role,
        blind=not row.revealed,
        at=row.created_at,
    )


def is_answered(rows: Iterable[JudgementRow], person: str, text: int | None, kind: str) -> bool:
    """Return whether the person's judgements on a text answer an injected card, and nobody undid that.

    A verdict or a skip does; on a repeat only one that was given as its answer.
    """
    of_person = (row for row in rows if row.judged.person == person)
    judgements = [row for row in of_person if row.target in blinding.TEXTS and row.target_id == text]
    ids_in_force = {j.id for j in drop_undone(row.judged for row in judgements)}
    return any(
        row.judged.id in ids_in_force
        and not row.judged.only_notes
        and row.judged.decision in (Act.ACCEPT, Act.REJECT, Act.SKIP)
        and (kind != REPEAT or row.queue == REPEAT)
        for row in judgements
    )
