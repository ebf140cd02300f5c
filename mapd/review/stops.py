"""Where a window's cards are: the next places of a queue, or the next rows that Browse's filters show.

    QueueStops(session, setting, seat).read(WindowQuery(after="9d2e…"), linked=None, spare=3) -> [CardStop(17), …], end

Both are read from a place on, so they cost the same at any depth. `linked` is the mistake that a link names: it comes
first. `spare`: so many more are read, for those that others have in front of them.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from mapd import domain
from mapd.domain import Order
from mapd.review import curated_part
from mapd.review.curated_part import Setting
from mapd.review.deals import Seat
from mapd.review.filters import Selection
from mapd.review.messages import WindowQuery
from mapd.review.queue_index.cursor import QueueCursor
from mapd.store import browse
from mapd.store import tables as t
from mapd.store.browse import BrowseRow, PageStart
from mapd.store.queue_index import QueueKey


@dataclass(slots=True)
class CardStop:
    """A place where a card is dealt: a mistake in a queue (`key`), or a row of Browse (`row`)."""

    attempt_id: int
    key: QueueKey | None = None
    row: BrowseRow | None = None
    number: int | None = None
    is_linked: bool = False


def linked_attempt(session: Session, exam_id: int, query: WindowQuery) -> int | None:
    """Return the id of the mistake that a link names, by its uid or its question; None where the exam has none."""
    attempt, question = t.Attempt, t.Question
    ids = select(attempt.id).where(attempt.exam_id == exam_id)
    if query.mistake is not None:
        ids = ids.where(attempt.uid == query.mistake)
    else:
        of_question = (col(question.uid) == query.question) | (col(question.source_id) == query.question)
        ids = ids.join(question, col(attempt.question_id) == question.id).where(of_question)
    return session.exec(ids.order_by(col(attempt.id)).limit(1)).first()


def ids_of(session: Session, exam_id: int, uids: Iterable[str]) -> list[int]:
    """Return the ids of the exam's attempts with these uids."""
    attempt = t.Attempt
    query = select(attempt.id).where(attempt.exam_id == exam_id, col(attempt.uid).in_(set(uids)))
    return [id_ for id_ in session.exec(query).all() if id_ is not None]


def questions_of(session: Session, attempts: Collection[int]) -> set[int]:
    """Return the questions that these attempts answer."""
    query = select(t.Attempt.question_id).where(col(t.Attempt.id).in_(attempts))
    return set(session.exec(query).all())


@dataclass(frozen=True, slots=True)
class QueueStops:
    """The places of a queue."""

    session: Session
    setting: Setting
    seat: Seat

    @property
    def cursor(self) -> QueueCursor:
        """Return the person's cursor in the queue."""
        seat = self.seat
        return QueueCursor(self.setting.exam.id, seat.queue, seat.threshold, seat.person.name, seat.draw)

    def read(self, query: WindowQuery, linked: int | None, spare: int) -> tuple[list[CardStop], bool]:
        """Return the places ahead, behind or before, as the query asks, and whether these are all."""
        session, exam_id = self.session, self.setting.exam.id
        near = query.after or query.before
        beginning = next(iter(ids_of(session, exam_id, [near])), None) if near else linked
        key = None if beginning is None else self._key(beginning)
        if near and key is not None and (query.before or query.settled):
            places, end = self.cursor.neighbours(session, key, query.number, backwards=query.before is not None)
            return [CardStop(place.key.attempt_id, place.key) for place in places], end
        places, end = self.cursor.ahead(session, key, query.number + spare + len(query.has))
        has = set(ids_of(session, exam_id, query.has)) if query.has else set()
        stops = [CardStop(p.key.attempt_id, p.key) for p in places if p.key.attempt_id not in has]
        if linked is not None:
            stops = [CardStop(linked, key, is_linked=True), *(stop for stop in stops if stop.attempt_id != linked)]
        return stops, end

    def number(self, stops: Sequence[CardStop], total: int) -> None:
        """Set the stops' numbers; a mistake that a link names may be outside the queue, and has none."""
        keys = {stop.key for stop in stops if stop.key is not None}
        numbers: Mapping[QueueKey, int] = self.cursor.numbers(self.session, keys, total) if keys else {}
        for stop in stops:
            is_inside = not stop.is_linked or self.cursor.place_of(self.session, stop.attempt_id) is not None
            stop.number = numbers.get(stop.key) if stop.key is not None and is_inside else None

    def _key(self, attempt_id: int) -> QueueKey | None:
        """Return a mistake's key in the queue, also where it has left the queue."""
        if (key := self.cursor.place_of(self.session, attempt_id)) is not None:
            return key
        part = curated_part.load(self.session, self.setting, questions_of(self.session, [attempt_id]))
        mistake = next((m for m in part.mistakes if m.attempt.id == attempt_id), None)
        return None if mistake is None else self.cursor.key_of(mistake)


@dataclass(frozen=True, slots=True)
class SelectionStops:
    """The rows that Browse's filters show, in their order. They have their numbers as they are read."""

    session: Session
    setting: Setting
    seat: Seat
    filter: Selection

    @property
    def is_of_texts(self) -> bool:
        """Return whether a row is one text, not a whole mistake."""
        return self.filter.filter.show is not domain.RowKind.MISTAKES

    def read(self, query: WindowQuery, linked: int | None, spare: int = 0) -> tuple[list[CardStop], bool]:
        """Return the rows from the beginning, behind or before one, and whether these are all."""
        rows_of = (self.session, self.setting.exam.id, self.filter.filter, self.seat.threshold)
        order = self.filter.order
        turn = self._turn(query, linked)
        number = query.number + spare
        rows = browse.list_rows(*rows_of, turn, order=order, number=number)
        # The first page begins at number 1; a later one has to count what stands before it.
        ahead = browse.count_rows(*rows_of, order=order, before_key=rows[0].key) if rows and turn is not None else 0
        stops = [CardStop(row.attempt_id, row=row, number=ahead + place) for place, row in enumerate(rows, 1)]
        if query.before is not None:
            stops.reverse()
        if linked is not None and (not stops or stops[0].attempt_id != linked):
            stops.insert(0, CardStop(linked))
        if linked is not None:
            stops[0].is_linked = True
        return stops, len(rows) < number

    def number(self, stops: Sequence[CardStop], total: int) -> None:
        """Do nothing: the rows are numbered."""

    def _turn(self, query: WindowQuery, linked: int | None) -> PageStart | None:
        near = query.after or query.before
        if near is not None:
            ids = ids_of(self.session, self.setting.exam.id, [near])
            key = self._key(ids[0], query.after_text) if ids else None
            return None if key is None else PageStart(key, back=query.before is not None)
        key = None if linked is None else self._key(linked, query.text)
        if key is None:
            return None
        step = 1 if self.filter.order is Order.HIGHEST else -1
        # A page begins behind its key, so the key is set a hair before the row.
        return PageStart((*key[:-1], key[-1] + step))

    def _key(self, attempt_id: int, text: str | None) -> tuple[int, ...] | None:
        """Return the key of a row in the order; a mistake without a text has one, too."""
        query = select(t.Explanation.id).where(t.Explanation.uid == text)
        text_id = None if text is None else self.session.exec(query).first()
        of_order = (self.setting.exam.id, self.filter.filter.show, self.seat.threshold, self.filter.order)
        return browse.find_key(self.session, *of_order, attempt_id, text_id)
