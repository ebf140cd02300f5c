"""Where a mistake stands in every queue, at every threshold at once. Pure: queues.py, asked between two cuts.

Committee and queues see the threshold only through verdicts and means, so between two neighbouring cuts nothing
changes. A mistake whose rationales have the means 4 and 2.5 (and a gold that both miss) gives for "accepted-wrong":

    BandPosition("accepted-wrong", 0, 250, waits=True, place=-2625, enter=17, …), BandPosition(…, 250, 400, …)

Thresholds are hundredths, `low` is in, `high` is out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

from mapd.curation.curated import Mistake, decide_at
from mapd.curation.decided_texts import ALWAYS_CUT
from mapd.review.queues import QUEUES, Queue, find_entry, rank

ClosedTargets = frozenset[tuple[str, int]]
ClosedByPerson = Mapping[str, ClosedTargets]
BandKey = tuple[str, int, int, bool]  # queue or figure, low, high, waits
LOWEST, END = 0, ALWAYS_CUT


@dataclass(frozen=True, slots=True)
class BandPosition:
    """A mistake's place in one queue from one threshold up to below another."""

    queue: str
    low: int
    high: int
    waits: bool
    place: int
    enter: int | None  # the text to begin with
    passed_by: frozenset[str]  # people who skipped what waits there, or judged it while it waits for others
    skipped_by: frozenset[str]  # those of them for whom it would wait if they had not skipped
    texts: tuple[int, ...]

    @property
    def band(self) -> BandKey:
        """Return the band that it lies in."""
        return self.queue, self.low, self.high, self.waits

    @property
    def content(self) -> tuple[object, ...]:
        """Return all but the thresholds: two neighbouring bands of the same content are one."""
        return (self.waits, self.place, self.enter, self.passed_by, self.skipped_by, self.texts)


def find_positions(
    mistake: Mistake, closed: ClosedTargets, skipped: ClosedByPerson, per_text: int = 1
) -> list[BandPosition]:
    """Return the mistake's positions in all queues, where each text waits for `per_text` people.

    `closed`: the targets that nobody need judge; `skipped`: by person, those that this person skipped.
    """
    people = {who: closed | skips for who, skips in skipped.items()}
    # Who judged a text is done with it, although it waits for others.
    if per_text > 1:
        people |= {who: people.get(who, closed) for x in mistake.texts for who in x.people.by}
    find = partial(_find_position, closed=closed, people=people, per_text=per_text)
    # Between two neighbouring cuts no verdict changes, so that each queue is asked once for all thresholds there.
    cuts = {x.committee_cut for x in mistake.texts} | {x.final_cut for x in mistake.texts}
    at: dict[int, Mistake] = {}
    positions: list[BandPosition] = []
    for queue in QUEUES.values():
        bounds = {LOWEST, END} | {cut for cut in (*cuts, *queue.edges(mistake)) if LOWEST < cut < END}
        positions += _of_queue(queue, mistake, at, sorted(bounds), find)
    return positions


def _of_queue(
    queue: Queue,
    mistake: Mistake,
    at: dict[int, Mistake],
    bounds: list[int],
    find: Callable[[Queue, Mistake, int, int], BandPosition | None],
) -> list[BandPosition]:
    positions: list[BandPosition | None] = [None]
    for low, high in pairwise(bounds):
        if low not in at:
            at[low] = decide_at(mistake, low)
        current, previous = find(queue, at[low], low, high), positions[-1]
        if previous is not None and current is not None and current.content == previous.content:
            positions[-1] = replace(previous, high=high)
        else:
            positions.append(current)
    return [position for position in positions if position is not None]


def _find_position(
    queue: Queue, mistake: Mistake, low: int, high: int, *, closed: ClosedTargets, people: ClosedByPerson, per_text: int
) -> BandPosition | None:
    entry_of_all = find_entry(queue, mistake, low / 100, closed, "", per_text)
    if entry_of_all is None:
        return None

    def settles(person: str, closed_for_person: ClosedTargets) -> bool:
        entry_of_person = find_entry(queue, mistake, low / 100, closed_for_person, person, per_text)
        return entry_of_person is not None and entry_of_person.is_settled

    waiting_for = {} if entry_of_all.is_settled else people
    passed = frozenset(person for person, targets in waiting_for.items() if settles(person, targets))
    return BandPosition(
        queue=queue.name,
        low=low,
        high=high,
        waits=not entry_of_all.is_settled,
        place=rank(queue, mistake, entry_of_all.texts),
        enter=None if entry_of_all.enter is None else entry_of_all.enter.text.id,
        passed_by=passed,
        skipped_by=frozenset(person for person in passed if not settles(person, closed)),
        texts=tuple(x.text.id for x in entry_of_all.texts),
    )
