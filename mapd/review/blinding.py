"""What a person may know of a mistake yet: which texts are covered, whose judgements may be told. Pure.

    sight = blind(part, mistake, "ann", QUEUES["audit"], judge_first=True)
    sight.mistake.texts     -> in ann's own order, without what others said where that waits for hers
    sight.hidden            -> {17, 18}: she has not decided on them
    sight.visible(rows)     -> the judgements that she may know of

The server alone decides this: what isn't told is not sent (cards.py).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mapd.curation import first
from mapd.curation.curated import Curated, Mistake
from mapd.curation.queues import Queue
from mapd.store.queries import JudgementRow

TEXTS = ("rationale", "feedback")


@dataclass(frozen=True, slots=True)
class VisibleMistake:
    """A mistake as one person may see it."""

    person: str
    mistake: Mistake
    judge_first: bool
    hidden: frozenset[int]  # texts of which nothing is told until the person decides
    unsaid: frozenset[int]  # texts that are shown, without others' judgements

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
    view = mistake if queue.second_look else first.show_to(mistake, person, part.exam.judgements_per_text)
    full = {x.text.id: x for x in mistake.texts}
    unsaid = frozenset(x.text.id for x in view.texts if x.people != full[x.text.id].people)
    hidden: frozenset[int] = frozenset()
    # A repeat is judged as if it were new, so it is covered although the person decided on it.
    if judge_first:
        hidden = first.find_hidden(part.judgements, mistake.texts, person)
        hidden |= frozenset() if repeated is None else {repeated}
        view = replace(
            view, rationales=first.shuffle(view.rationales, person), feedback=first.shuffle(view.feedback, person)
        )
    return VisibleMistake(person, view, judge_first, hidden, unsaid)


def list_order(sight: VisibleMistake) -> tuple[str, ...]:
    """Return the texts' uids as they stand, where they stand by lot."""
    return tuple(x.text.uid for x in sight.mistake.texts) if sight.judge_first else ()


def find_latest(rows: Sequence[JudgementRow], person: str | None) -> JudgementRow | None:
    """Return the latest judgement, of one person where that is asked for: the one that came in last, not in time."""
    among = [row for row in rows if person in (None, row.judged.person)]
    # Ids and not times: an archive brings judgements with old times.
    return max(among, key=lambda row: row.judged.id, default=None)
