"""A whole queue of a curated set by the rules: what the queue index has to agree with."""

from dataclasses import dataclass, replace

from mapd.curation.curated import Curated, Mistake
from mapd.curation.order_fits import OrderFit
from mapd.review.queues import Queue, QueuedMistake, find_closed_targets, find_entry, sort_key


@dataclass(frozen=True, slots=True)
class FilledQueue:
    """A queue filled: its entries in order."""

    queue: Queue
    entries: tuple[QueuedMistake, ...]

    @property
    def settled_count(self) -> int:
        """Count the entries that need no decision any more."""
        return sum(entry.is_settled for entry in self.entries)


def order_by(mistake: Mistake, order_fit: OrderFit) -> Mistake:
    """Return the mistake with another order: its texts forget what they answered by the old one."""
    return replace(mistake, order_fit=order_fit, rationales=tuple(map(replace, mistake.rationales)))


def fill(curated: Curated, queue: Queue, person: str) -> FilledQueue:
    """Return the queue as this person finds it, the most doubtful first."""
    threshold, per_text = curated.policy.threshold, curated.exam.judgements_per_text
    closed = find_closed_targets(curated.judgements, person)
    entries = (find_entry(queue, m, threshold, closed, person, per_text) for m in curated.mistakes)
    return FilledQueue(queue, tuple(sorted(filter(None, entries), key=lambda e: sort_key(queue, e.mistake, threshold))))
