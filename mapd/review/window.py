"""A person's next cards, read in so many statements however many they are.

    window = load_window(session, ann, exam_id, WindowQuery(queue="smart"))
    window.cards[0].enter                          -> the text to begin with
    load_window(session, ann, exam_id, WindowQuery(queue="smart", after=window.cards[-1].mistake))

What others have in front of them isn't dealt; what they only prefetched is. The aggregate has to be up to date
(standing.catch_up). Where the exam wants checks, repeats or practice the session has to be a writing one
(`writes`): what is dealt beside the queue is kept.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlmodel import Session, col, select

from mapd.curation import first, guidelines, lines, practice, queues, reasons
from mapd.curation.curated import Curated, Mistake
from mapd.curation.judging import REASONS
from mapd.curation.queues import DEFAULT, QUEUES, Queue
from mapd.curation.records import PRACTICE
from mapd.errors import BadInput, NotFound
from mapd.people import Person
from mapd.review import curated_part, filters, leases, messages, quality_control
from mapd.review.cards import Deal, Seat, card
from mapd.review.curated_part import Setting
from mapd.review.messages import (
    Card,
    ClassReject,
    GuidelinesVersion,
    Missing,
    OfferedReason,
    QueueState,
    Window,
    WindowQuery,
)
from mapd.review.passages import line
from mapd.review.queue_cursor import QueueCursor
from mapd.store import listing, queries, standings
from mapd.store import tables as t
from mapd.store.listing import Row, Turn
from mapd.store.standings import Count, Key

BROWSE, GUIDELINES = "browse", "guidelines"
SELECTION = Queue(BROWSE, "chosen in Browse", QUEUES[DEFAULT].about, tells=False)
LINES = {
    "corrected": "this attempt counts as correct now: people found that it is not a mistake; go on with the next",
    "excluded": "people took this question out of the exam: no mistake on it is taught; go on with the next",
    "unknown": "this address asks for a mistake that this exam doesn't have; go on with the next",
}


def open_queues(person: Person) -> dict[str, Queue]:
    """Return the queues that a person may open: what people decided is settled by one who has the last word."""
    return {name: queue for name, queue in QUEUES.items() if person.owns or not queue.settles}


def queue_of(person: Person, name: str) -> Queue:
    """Return the queue of this name.

    Raises: BadInput where the person may open none that is called so.
    """
    there = open_queues(person)
    if name != BROWSE and name not in there:
        raise BadInput(f"unknown queue: {line(name, 60)}; one of {', '.join([*there, BROWSE])}")
    return SELECTION if name == BROWSE else there[name]


def writes(exam: queries.ExamInfo) -> bool:
    """Whether a window of this exam may have to keep what it deals."""
    return practice.wanted(exam)


def load_window(session: Session, person: Person, exam_id: int, query: WindowQuery) -> Window:
    """Return the cards that the query asks for. What it asks in vain is told in `problems`, and left out.

    Raises: NotFound where there is no such exam.
    """
    setting = curated_part.load_setting(session, exam_id)
    dealer = _Dealer(session, setting, _seat(setting, person, query), query)
    dealer.check_address()
    cards, end = ([], True) if query.render is not None else dealer.cards()
    return dealer.window(cards, end)


def text_of(session: Session, exam_id: int, uid: str) -> str:
    """Return a text of the exam, or the guidelines, as it is written.

    Raises: NotFound.
    """
    if uid == GUIDELINES:
        row = guidelines.current(session)
        return row.text if row else ""
    x, attempt = t.Explanation, t.Attempt
    asked = select(attempt.id).where(attempt.exam_id == exam_id, attempt.question_id == x.question_id)
    text = session.exec(select(x.text).where(x.uid == uid, asked.exists())).first()
    if text is None:
        raise NotFound(f"unknown text: {line(uid, 70)}; it is none of this exam's, or was deleted")
    return text


def _seat(setting: Setting, person: Person, query: WindowQuery) -> Seat:
    try:
        queue = queue_of(person, query.queue)
    except BadInput:
        queue = QUEUES[DEFAULT]
    asked = {"first": True, "assisted": False}.get(query.judge or "")
    own = first.is_default(queue, setting.exam.wanted)
    return Seat(person, queue, own if asked is None else asked, setting.threshold, query.draw)


@dataclass(slots=True)
class _Stop:
    """A place where a card is dealt: a mistake, of a selection a row of it."""

    attempt_id: int
    key: Key | None = None
    row: Row | None = None
    number: int | None = None
    asked: bool = False  # a link names it


@dataclass(slots=True)
class _Dealer:
    """What one window is made of."""

    session: Session
    setting: Setting
    seat: Seat
    query: WindowQuery
    problems: list[str] = field(default_factory=list)
    missing: Missing | None = None
    held: dict[int, list[leases.MistakeLease]] = field(default_factory=lambda: defaultdict(list))
    counts: Mapping[str, Count] = field(default_factory=dict)
    filter: filters.Filter | None = None

    @property
    def cursor(self) -> QueueCursor:
        seat = self.seat
        return QueueCursor(self.setting.exam.id, seat.queue, seat.threshold, seat.person.name, seat.draw)

    @property
    def count(self) -> Count:
        return self.counts.get(self.seat.queue.name, Count(0, 0))

    # -- what is asked ------------------------------------------------------------------------------------------------

    def check_address(self) -> None:
        """Read what the cards rest on, and say what the address asks in vain."""
        session, exam, query = self.session, self.setting.exam, self.query
        if query.queue not in (BROWSE, *open_queues(self.seat.person)):
            self.problems.append(
                f"unknown queue: {line(query.queue, 60)}; one of {', '.join(open_queues(self.seat.person))}"
            )
        if query.judge not in (None, "first", "assisted"):
            self.problems.append(
                f"this address asks for judge {line(query.judge or '', 40)}, which isn't here; one of first, assisted"
            )
        for row in leases.held(session, exam.id):
            if row.person != self.seat.person.name:
                self.held[row.attempt_id].append(row)
        self.counts = standings.counts(session, exam.id, self.seat.threshold, self.seat.person.name)
        if self.seat.queue is SELECTION:
            self._read_filter()

    def _read_filter(self) -> None:
        """Read the selection; what can't be read selects everything."""
        session, exam = self.session, self.setting.exam
        try:
            chosen = filters.read(self.query.filter, queries.voices(session, exam.id))
        except BadInput as error:
            self.problems.append(str(error))
            chosen = filters.read("", {})
        if exam.wanted > 1:  # what others said is no filter before one's own word
            chosen = replace(chosen, wanted=replace(chosen.wanted, unheard_by=self.seat.person.name))
        self.filter = chosen
        number = listing.count(session, exam.id, chosen.wanted, self.seat.threshold)
        self.counts = {**self.counts, BROWSE: Count(number, number)}

    # -- the cards ----------------------------------------------------------------------------------------------------

    def cards(self) -> tuple[list[Card], bool]:
        """The cards, and whether there are no more."""
        stops, end = self._stops()
        rows = self._attempts([stop.attempt_id for stop in stops])
        part = curated_part.load(self.session, self.setting, {question for _, question in rows.values()})
        self._explain_missing(part)
        mistakes = {m.attempt.id: m for m in part.mistakes}
        dealt = [(stop, mistakes[stop.attempt_id]) for stop in stops if stop.attempt_id in mistakes]
        dealt = [(s, m) for s, m in dealt if s.asked or s.row or self.query.settled or self._is_free(part, m)]
        dealt = dealt[: self.query.number]
        self._number([stop for stop, _ in dealt])
        return self._among_them(part, dealt), end

    def _stops(self) -> tuple[list[_Stop], bool]:
        """The places of the window, more than it needs where some may be others'."""
        asked = self._asked()
        stops, end = self._selected(asked) if self.filter is not None else self._queued(asked)
        if asked is not None and not any(s.attempt_id == asked and s.asked for s in stops):
            stops = [_Stop(asked, asked=True), *(s for s in stops if s.attempt_id != asked)]
        return stops, end

    def _queued(self, asked: int | None) -> tuple[list[_Stop], bool]:
        """The places of a queue: ahead, behind, or before."""
        query, cursor = self.query, self.cursor
        near = query.after or query.before
        key = self._key(near) if near else self._key_of(asked) if asked is not None else None
        number = query.number + len(self.held) + len(query.has)
        if near and key is not None and (query.before or query.settled):
            places, end = cursor.neighbours(self.session, key, query.number, backwards=query.before is not None)
            return [_Stop(p.key.attempt_id, p.key) for p in places], end
        places, end = cursor.ahead(self.session, key, number)
        has = set(self._ids(query.has)) if query.has else set()
        free = [p for p in places if p.key.attempt_id not in has and self._may_be_free(p.key.attempt_id)]
        end = end and len(free) <= query.number
        stops = [_Stop(p.key.attempt_id, p.key) for p in free]
        if asked is not None and key is not None:
            stops = [_Stop(asked, key, asked=True), *(s for s in stops if s.attempt_id != asked)]
        return stops, end

    def _selected(self, asked: int | None) -> tuple[list[_Stop], bool]:
        """The rows that Browse's filters show, in their order."""
        assert self.filter is not None
        query, wanted, order = self.query, self.filter.wanted, self.filter.order
        at = (self.session, self.setting.exam.id, wanted, self.seat.threshold)
        key = self._row_key(query.after or query.before, query.after_text)
        turn = None if key is None else Turn(key, back=query.before is not None)
        start = self._row_key(query.mistake, query.text) if asked is not None else None
        if turn is None and start is not None:  # from that row on: a hair before it
            turn = Turn((*start[:-1], start[-1] + (1 if order is listing.Order.HIGHEST else -1)))
        rows = listing.page(*at, turn, order=order, number=query.number)
        before = listing.count(*at, order=order, before=rows[0].key) if rows and turn is not None else 0
        stops = [_Stop(row.attempt_id, row=row, number=before + n) for n, row in enumerate(rows, 1)]
        if query.before is not None:
            stops.reverse()
        if asked is not None and stops and stops[0].attempt_id == asked:
            stops[0].asked = True
        return stops, len(rows) < query.number

    def _asked(self) -> int | None:
        """The id of the mistake that a link names."""
        query, exam = self.query, self.setting.exam
        if query.mistake is None and query.question is None:
            return None
        attempt = t.Attempt
        found = select(attempt.id).where(attempt.exam_id == exam.id)
        if query.mistake is not None:
            found = found.where(attempt.uid == query.mistake)
        else:
            question = t.Question
            named = (col(question.uid) == query.question) | (col(question.source_id) == query.question)
            found = found.join(question, col(attempt.question_id) == question.id).where(named)
        id_ = self.session.exec(found.order_by(col(attempt.id)).limit(1)).first()
        if id_ is None:
            self._miss("unknown", query.mistake or query.question or "")
        return id_

    def _miss(self, code: str, uid: str) -> None:
        self.missing = Missing.model_validate({"code": code, "line": f"{LINES[code]}: {line(uid, 70)}"})

    def _explain_missing(self, part: Curated) -> None:
        """Say why the mistake that a link names is none, and which text it doesn't have."""
        uid = self.query.mistake
        if uid in {attempt.uid for attempt in part.corrected}:
            self._miss("corrected", uid or "")
        elif uid in {attempt.uid for attempt in part.excluded}:
            self._miss("excluded", uid or "")
        mistake = next((m for m in part.mistakes if m.attempt.uid == uid), None)
        text = self.query.text
        if mistake is not None and text is not None and text not in {x.text.uid for x in mistake.texts}:
            self.problems.append(f"this address asks for a text that this mistake doesn't have: {line(text, 70)}")

    def _ids(self, uids: Iterable[str]) -> list[int]:
        attempt = t.Attempt
        where = (attempt.exam_id == self.setting.exam.id, col(attempt.uid).in_(set(uids)))
        return [id_ for id_ in self.session.exec(select(attempt.id).where(*where)).all() if id_ is not None]

    def _attempts(self, ids: Sequence[int]) -> dict[int, tuple[str, int]]:
        """By id, the uid and the question of attempts."""
        attempt = t.Attempt
        query = select(attempt.id, attempt.uid, attempt.question_id).where(col(attempt.id).in_(ids))
        return {id_: (uid, question) for id_, uid, question in self.session.exec(query).all() if id_ is not None}

    def _key(self, uid: str) -> Key | None:
        """The place of a mistake of this exam by uid; None where it isn't one."""
        return self._key_of(next(iter(self._ids([uid])), None))

    def _key_of(self, attempt_id: int | None) -> Key | None:
        """A mistake's place, also where it has left the queue."""
        if attempt_id is None:
            return None
        if (key := self.cursor.place_of(self.session, attempt_id)) is not None:
            return key
        question = self._attempts([attempt_id])[attempt_id][1]
        part = curated_part.load(self.session, self.setting, [question])
        mistake = next((m for m in part.mistakes if m.attempt.id == attempt_id), None)
        return None if mistake is None else self.cursor.key_of(mistake)

    def _row_key(self, mistake: str | None, text: str | None) -> tuple[int, ...] | None:
        assert self.filter is not None
        if mistake is None or not (ids := self._ids([mistake])):
            return None
        text_id = None
        if text is not None:
            text_id = self.session.exec(select(t.Explanation.id).where(t.Explanation.uid == text)).first()
        at = (self.session, self.setting.exam.id, self.filter.wanted.show, self.seat.threshold, self.filter.order)
        return listing.key_of(*at, ids[0], text_id)

    def _may_be_free(self, attempt_id: int) -> bool:
        return self.seat.queue.settles is not None or len(self.held[attempt_id]) < self.setting.exam.wanted

    def _is_free(self, part: Curated, mistake: Mistake) -> bool:
        entry = self.seat.entry(part, mistake)
        places = entry.places if entry else 1
        return self.seat.queue.settles is not None or len(self.held[mistake.attempt.id]) < places

    def _number(self, stops: Sequence[_Stop]) -> None:
        keys = {stop.attempt_id: stop.key for stop in stops if stop.key is not None}
        if not keys or self.filter is not None:
            return
        numbers = self.cursor.numbers(self.session, set(keys.values()), self.count.all)
        for stop in stops:
            key = keys.get(stop.attempt_id)
            in_queue = key is not None and (not stop.asked or self._is_in_queue(stop.attempt_id))
            stop.number = numbers[key] if key is not None and in_queue else None

    def _is_in_queue(self, attempt_id: int) -> bool:
        return self.cursor.place_of(self.session, attempt_id) is not None

    # -- what is dealt beside the queue -------------------------------------------------------------------------------

    def _among_them(self, part: Curated, dealt: Sequence[tuple[_Stop, Mistake]]) -> list[Card]:
        """The queue's cards, with those beside the queue at the places where they are due."""
        plain = [self._card(part, mistake, stop) for stop, mistake in dealt]
        chosen = self.query.before is not None or self.query.settled or (dealt and dealt[0][0].asked)
        if not quality_control.is_wanted(self.setting, self.seat) or chosen:
            return plain
        hand = quality_control.Hand.load(self.session, self.setting, self.seat.person.name)
        judge_first = self.seat.judge_first
        mixed = [
            self._beside(d, plain, 0) for d in quality_control.still_open(self.session, hand, judge_first=judge_first)
        ]
        judged = hand.judged + self.query.ahead
        for place, drawn in enumerate(plain):
            for kind in hand.due(judged, judge_first=judge_first):
                there = {*self.query.has, *(other.mistake for other in mixed)}
                dealing = quality_control.deal(self.session, hand, kind, self.seat, there)
                if dealing is not None:
                    mixed.append(self._beside(dealing, plain, place, there))
            if all(drawn.mistake != other.mistake for other in mixed):  # else it comes again, once that is decided
                mixed.append(drawn)
                judged += len(drawn.open)
        return mixed

    def _beside(
        self, dealing: quality_control.Dealing, plain: Sequence[Card], place: int, there: Collection[str] = ()
    ) -> Card:
        """A card beside the queue; it has the number of what waits behind it, so that nothing tells it from a card."""
        number = plain[place].number if place < len(plain) else None
        if number is None and dealing.kind != PRACTICE:
            key = self.cursor.place_of(self.session, dealing.mistake.attempt.id)
            number = self.cursor.numbers(self.session, [key], self.count.all)[key] if key else None
        seat = replace(self.seat, judge_first=True)
        holders = tuple(row.holder for row in self.held[dealing.mistake.attempt.id])
        deal = Deal(
            dealing.card,
            number,
            self.count.all,
            dealing.kind,
            dealing.text.text.id,
            alone=dealing.mistake.attempt.uid in there,
            holders=holders,
        )
        return card(dealing.part, dealing.mistake, seat, deal)

    def _card(self, part: Curated, mistake: Mistake, stop: _Stop) -> Card:
        of_row = stop.row.explanation_id if stop.row else None
        first_text = next((x.text.uid for x in mistake.texts if x.text.id == of_row), None)
        deal = Deal(
            id=t.new_uid(),
            number=stop.number,
            all=self.count.all,
            text=of_row if self._is_of_texts() else None,
            enter=self.query.text if stop.asked and self.query.text else first_text,
            holders=tuple(row.holder for row in self.held[mistake.attempt.id]),
        )
        return card(part, mistake, self.seat, deal)

    def _is_of_texts(self) -> bool:
        return self.filter is not None and self.filter.wanted.show is not listing.Show.MISTAKES

    # -- what stands around them --------------------------------------------------------------------------------------

    def window(self, cards: list[Card], end: bool) -> Window:
        """The cards with the queue and what is said beside them."""
        session, exam, person = self.session, self.setting.exam, self.seat.person
        lacking = None
        if not self.count.all and self.seat.queue is not SELECTION:
            has_votes, has_gold = lines.has(session, exam.id)
            lacking = queues.lacking(self.seat.queue, has_votes=has_votes, has_gold=has_gold)
        return Window(
            person=person.name,
            role=person.role,
            exam=messages.ExamName(uid=exam.uid, name=line(exam.name), wanted=exam.wanted),
            queue=self._queue(),
            cards=cards,
            end=end,
            missing=self.missing,
            problems=self.problems,
            others=self._others(),
            lacking=lacking,
            guidelines=_guidelines(session, self.query.guidelines),
            reasons=rejection_reasons(session),
            longest={
                "note": messages.LONGEST_NOTE,
                "value": messages.LONGEST_VALUE,
                "repair": messages.LONGEST_REPAIR,
                "marks": messages.MOST_MARKS,
            },
        )

    def _queue(self) -> QueueState:
        seat, queue, whole = self.seat, self.seat.queue, self.seat.queue.whole
        return QueueState(
            **counts_of(queue, self.count, covered=seat.judge_first).model_dump(),
            judge=seat.judge,
            own_judge="first" if first.is_default(queue, self.setting.exam.wanted) else "assisted",
            draw=seat.draw,
            by_lot=queue.by_lot,
            about="attempt" if queue.of_attempt else "texts",
            again=queue.again,
            class_=class_of(seat) if whole is not None else None,
        )

    def _others(self) -> list[messages.Other]:
        """Who has what is left of this queue."""
        held = [row for rows in self.held.values() for row in rows]
        if self.seat.queue is SELECTION:
            return leases.others(held, self.seat.person.name)
        at = (self.session, self.setting.exam.id, self.seat.queue.name, self.seat.threshold, self.seat.person.name)
        waiting = standings.waiting_among(*at, Counter(row.attempt_id for row in held))
        return leases.others(held, self.seat.person.name, waiting)


def counts_of(queue: Queue, count: Count, *, covered: bool = False) -> messages.QueueCounts:
    """Return a queue's counts. `covered`: people judge first there, so that its title may tell too much."""
    return messages.QueueCounts(
        name=queue.name,
        title=None if covered and queue.tells else queue.title,
        waiting=count.waiting,
        decided=count.decided,
        skipped=count.skipped,
        all=count.all,
    )


def class_of(seat: Seat) -> ClassReject | None:
    """Return why none of the queue's class will do, where it can be decided at once.

    Where people judge first each text is to be read.
    """
    whole = seat.queue.whole
    if whole is None or seat.judge_first or not seat.person.name:
        return None
    return ClassReject(reason=whole.reason, words=whole.words)


def rejection_reasons(session: Session) -> dict[str, list[OfferedReason]]:
    """Return the reasons for a rejection, by what is rejected; the first nine have a digit."""
    of_texts = reasons.offered(session)
    codes = {kind: [code.value for code in usual] for kind, usual in REASONS.items()}
    return {
        kind: [
            OfferedReason(code=code, words=code.replace("_", " "), key=str(number) if number < 10 else "")
            for number, code in enumerate(of_texts if kind in ("rationale", "feedback") else usual, 1)
        ]
        for kind, usual in codes.items()
    }


def _guidelines(session: Session, known: str | None) -> GuidelinesVersion | None:
    """Return the current guidelines, unless they are the known ones."""
    row = guidelines.current(session)
    if row is None or row.uid == known:
        return None
    return GuidelinesVersion(uid=row.uid, text=row.text, person=line(row.person, 60), since=row.created_at)
