"""What a person may know of a mistake yet: which texts are covered, whose judgements may be told. Pure.

    sight = blind(part, mistake, "ann", QUEUES["audit"], judge_first=True)
    sight.mistake.texts     -> in ann's own order, without what others said where that waits for hers
    sight.hidden            -> {17, 18}: she has not decided on them
    sight.visible(rows)     -> the judgements that she may know of

The server alone decides this: what isn't told is not sent (cards.py). Where a person judges first, the order of the
texts is drawn from the person's name and the texts' uids; it is kept with each decision, in its audit.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mapd.curation.curated import Curated, Mistake
from mapd.curation.decided_texts import DecidedText
from mapd.domain import Act, JudgementRow, Ruling
from mapd.review.queues import Queue, waits_for

TEXTS = ("rationale", "feedback")


@dataclass(frozen=True, slots=True)
class VisibleMistake:
    """A mistake as one person may see it."""

    person: str
    mistake: Mistake
    judge_first: bool
    # Texts of which nothing is told until the person decides.
    hidden: frozenset[int]
    # Texts that are shown, without others' judgements.
    unsaid: frozenset[int]

    @property
    def blind(self) -> bool:
        """Return whether any text is covered: then nothing is told that may point to its verdict."""
        return bool(self.hidden)

    @property
    def own_alone(self) -> bool:
        """Return whether the person may know of their own judgements alone."""
        return bool(self.hidden or self.unsaid)

    def visible(self, rows: Iterable[JudgementRow]) -> list[JudgementRow]:
        """Return those of the judgements that the person may know of."""
        return [row for row in rows if row.judged.person == self.person or not self._withheld(row)]

    def _withheld(self, row: JudgementRow) -> bool:
        if row.target in TEXTS:
            return row.target_id in self.hidden or row.target_id in self.unsaid
        return self.blind


def blind(
    part: Curated, mistake: Mistake, person: str, queue: Queue, *, judge_first: bool, repeated: int | None = None
) -> VisibleMistake:
    """Return the mistake as this person may see it. `repeated`: the text that is to be judged as if it were new."""
    # Who takes a second look has to see what people decided.
    view = mistake if queue.second_look else show_to(mistake, person, part.exam.judgements_per_text)
    full = {x.text.id: x for x in mistake.texts}
    unsaid = frozenset(x.text.id for x in view.texts if x.people != full[x.text.id].people)
    hidden: frozenset[int] = frozenset()
    # A repeat is judged as if it were new, so it is covered although the person decided on it.
    if judge_first:
        hidden = find_hidden(part.judgements, mistake.texts, person)
        hidden |= frozenset() if repeated is None else {repeated}
        view = view.change_texts(lambda texts: shuffle(texts, person))
    return VisibleMistake(person, view, judge_first, hidden, unsaid)


def list_order(sight: VisibleMistake) -> tuple[str, ...]:
    """Return the texts' uids as they stand, where they stand by lot."""
    return tuple(x.text.uid for x in sight.mistake.texts) if sight.judge_first else ()


def is_default(queue: Queue, per_text: int) -> bool:
    """Return whether people judge first in a queue unless they say otherwise: where agreement counts."""
    return queue.by_lot or (per_text > 1 and not queue.second_look)


def draw(person: str, uid: str) -> str:
    """Return the lot of one text for one person: the texts of a mistake are ordered by their lots."""
    # A hash and no random number: the order is the same in every tab and on every day.
    return hashlib.sha256(f"{person} {uid}".encode()).hexdigest()


def shuffle(texts: Iterable[DecidedText], person: str) -> tuple[DecidedText, ...]:
    """Return the texts in this person's own order."""
    return tuple(sorted(texts, key=lambda x: draw(person, x.text.uid)))


def find_hidden(rows: Sequence[JudgementRow], texts: Iterable[DecidedText], person: str) -> frozenset[int]:
    """Return the ids of the texts that this person never accepted or rejected, not even in a decision taken back."""
    decided = {
        row.target_id
        for row in rows
        if row.judged.person == person and row.judged.decision in (Act.ACCEPT, Act.REJECT) and row.target in TEXTS
    }
    return frozenset(x.text.id for x in texts if x.text.id not in decided)


def hide_others(x: DecidedText, person: str, per_text: int) -> DecidedText:
    """Return the text without others' judgements where it waits for this person's own."""
    # Nobody judged it, or it doesn't wait for this person: there is nothing to keep back.
    if not (x.people.by and waits_for(x, person, per_text)):
        return x
    return replace(x, people=Ruling(), verdict=x.committee.verdict)


def show_to(mistake: Mistake, person: str, per_text: int) -> Mistake:
    """Return the mistake, each text without others' judgements where it waits for this person's own."""
    return mistake.change_texts(lambda texts: (hide_others(x, person, per_text) for x in texts))
