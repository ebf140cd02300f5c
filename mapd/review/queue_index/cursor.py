"""Where a person is in a queue, and what comes next: reads of the queue index, so many statements at any depth.

    cursor = QueueCursor(exam_id, QUEUES["disagree"], threshold=300, person="ann")
    cursor.ahead(session, None, 12)           -> the first twelve places that wait for ann, and whether there are more
    cursor.ahead(session, places[-1].key, 12) -> those behind; at the queue's end it goes on from the beginning
    cursor.numbers(session, keys, total)      -> {key: 17, …}: the places' numbers from 1

A queue by lot is begun somewhere else by each draw.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sqlmodel import Session

from mapd.curation.curated import Mistake
from mapd.review import queues
from mapd.review.queues import Queue
from mapd.store import queue_index
from mapd.store.queue_index import QueueKey, QueuePosition


@dataclass(frozen=True, slots=True)
class QueueCursor:
    """A queue of an exam as a person goes along it. `threshold` in hundredths."""

    exam_id: int
    queue: Queue
    threshold: int
    person: str
    draw: int = 1

    @property
    def start(self) -> QueueKey | None:
        """Return the key behind which the draw begins; None is the beginning."""
        # A lot of its own; position -1 stands before every question of the same lot.
        is_later_draw = self.queue.by_lot and self.draw > 1
        return QueueKey(-round(1000 * queues.draw_lot(f"draw {self.draw}")), -1, 0) if is_later_draw else None

    def ahead(self, session: Session, after: QueueKey | None, number: int) -> tuple[list[QueuePosition], bool]:
        """Return the next places that wait for the person, behind a place or from the start; whether these are all."""
        after = after or self.start
        places = self._read(session, after, number)
        # At the queue's end it goes on from the beginning, up to where it began.
        if after is not None and len(places) < number:
            places += [p for p in self._read(session, None, number - len(places)) if p.key < after]
        return places, len(places) < number

    def neighbours(
        self, session: Session, key: QueueKey, number: int, *, backwards: bool
    ) -> tuple[list[QueuePosition], bool]:
        """Return the places before or behind one, waiting or not, nearest first; and whether these are all."""
        at = (session, self.exam_id, self.queue.name, self.threshold, self.person)
        places = queue_index.list_positions(*at, after=key, number=number, all_positions=True, backwards=backwards)
        return places, len(places) < number

    def key_of(self, mistake: Mistake) -> QueueKey:
        """Return a mistake's place, whether it is in the queue (any more) or not."""
        return QueueKey(*queues.sort_key(self.queue, mistake, self.threshold / 100))

    def place_of(self, session: Session, attempt_id: int) -> QueueKey | None:
        """Return a mistake's place if it is in the queue."""
        place = queue_index.find_position(session, self.exam_id, self.queue.name, self.threshold, attempt_id)
        return None if place is None else place.key

    def numbers(self, session: Session, keys: Collection[QueueKey], total: int) -> dict[QueueKey, int]:
        """Return the places' numbers from 1, counted from where the draw begins."""
        start = self.start
        all_keys = {*keys, *([start] if start else [])}
        numbers = queue_index.number_positions(session, self.exam_id, self.queue.name, self.threshold, all_keys)
        if start is None:
            return numbers
        # Counted from where the draw begins, and around the queue's end.
        passed_over = numbers.pop(start)
        return {key: (number - passed_over - 1) % total + 1 for key, number in numbers.items()}

    def _read(self, session: Session, after: QueueKey | None, number: int) -> list[QueuePosition]:
        at = (session, self.exam_id, self.queue.name, self.threshold, self.person)
        return queue_index.list_positions(*at, after=after, number=number)
