"""A person's next cards, read in so many statements however many they are.

    window = load_window(session, ann, exam_id, WindowQuery(queue="smart"))
    window.cards[0].enter                          -> the text to begin with
    load_window(session, ann, exam_id, WindowQuery(queue="smart", after=window.cards[-1].mistake))

What others have in front of them isn't dealt; what they only prefetched is. The queue index has to be up to date
(derivation.catch_up). Where the exam wants checks, repeats or practice the session has to be a writing one
(`practice.is_enabled`): what is dealt beside the queue is kept.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlmodel import Session, select

from mapd.curation.curated import Curated, Mistake
from mapd.curation.text_verdicts import PRACTICE
from mapd.domain import DECISIVE, LONGEST_REPAIR, MOST_MARKS
from mapd.errors import BadInput, NotFound
from mapd.judgements import drop_undone
from mapd.people import Person
from mapd.review import (
    batches,
    blinding,
    curated_part,
    filters,
    guidelines,
    leases,
    messages,
    own_judgements,
    practice,
    quality_control,
    queues,
    reasons,
)
from mapd.review.card_messages import LONGEST_NOTE, LONGEST_VALUE, Card
from mapd.review.cards import card
from mapd.review.curated_part import Setting
from mapd.review.deals import Deal, Seat
from mapd.review.judging import REASONS
from mapd.review.passages import line
from mapd.review.queues import DEFAULT, QUEUES, Queue
from mapd.review.stops import CardStop, QueueStops, SelectionStops, linked_attempt, questions_of
from mapd.store import browse, queries, queue_index
from mapd.store import tables as t
from mapd.store.queue_index import QueueCount

BROWSE, GUIDELINES = "browse", "guidelines"
SELECTION = Queue(BROWSE, "chosen in Browse", QUEUES[DEFAULT].about, title_reveals=False)
LINES = {
    "corrected": "this attempt counts as correct now: people found that it is not a mistake; go on with the next",
    "excluded": "people took this question out of the exam: no mistake on it is taught; go on with the next",
    "unknown": "this address asks for a mistake that this exam doesn't have; go on with the next",
}


def open_queues(person: Person) -> dict[str, Queue]:
    """Return the queues that a person may open: what people decided is settled by one who has the last word."""
    return {name: queue for name, queue in QUEUES.items() if person.owns or not queue.settles}


def queue_of(person: Person, name: str) -> Queue:
    """Return the queue of this name. Raises: BadInput where the person may open none that is called so."""
    queues_by_name = open_queues(person)
    if name != BROWSE and name not in queues_by_name:
        raise BadInput(f"unknown queue: {line(name, 60)}; one of {', '.join([*queues_by_name, BROWSE])}")
    return SELECTION if name == BROWSE else queues_by_name[name]


def load_window(session: Session, person: Person, exam_id: int, query: messages.WindowQuery) -> messages.Window:
    """Return the cards that the query asks for. What it asks in vain is told in `problems`, and left out.

    Raises: NotFound where there is no such exam.
    """
    setting = curated_part.load_setting(session, exam_id)
    dealer = _Dealer(session, setting, _seat(setting, person, query), query)
    dealer.check_address()
    # Who asks for a rendered text has the cards already.
    cards, end = ([], True) if query.render is not None else dealer.cards()
    return dealer.window(cards, end)


def load_text(session: Session, exam_id: int, uid: str) -> str:
    """Return a text of the exam, or the guidelines, as it is written. Raises: NotFound."""
    if uid == GUIDELINES:
        row = guidelines.current(session)
        return row.text if row else ""
    x, attempt = t.Explanation, t.Attempt
    of_exam = select(attempt.id).where(attempt.exam_id == exam_id, attempt.question_id == x.question_id)
    text = session.exec(select(x.text).where(x.uid == uid, of_exam.exists())).first()
    if text is None:
        raise NotFound(f"unknown text: {line(uid, 70)}; it is none of this exam's, or was deleted")
    return text


def _seat(setting: Setting, person: Person, query: messages.WindowQuery) -> Seat:
    try:
        queue = queue_of(person, query.queue)
    except BadInput:
        queue = QUEUES[DEFAULT]
    default = blinding.is_default(queue, setting.exam.judgements_per_text)
    judge_first = {"first": True, "assisted": False}.get(query.judge or "", default)
    return Seat(person, queue, judge_first, setting.threshold, query.draw)


@dataclass(slots=True)
class _Dealer:
    """What one window is made of."""

    session: Session
    setting: Setting
    seat: Seat
    query: messages.WindowQuery
    problems: list[str] = field(default_factory=list)
    missing: messages.Missing | None = None
    leased: dict[int, list[leases.MistakeLease]] = field(default_factory=lambda: defaultdict(list))  # by others
    counts: Mapping[str, QueueCount] = field(default_factory=dict)
    stops: QueueStops | SelectionStops = field(init=False)

    def __post_init__(self) -> None:
        self.stops = QueueStops(self.session, self.setting, self.seat)

    @property
    def count(self) -> QueueCount:
        return self.counts.get(self.seat.queue.name, QueueCount(0, 0))

    # -- what is asked ------------------------------------------------------------------------------------------------

    def check_address(self) -> None:
        """Read what the cards rest on, and say what the address asks in vain."""
        session, exam, query = self.session, self.setting.exam, self.query
        if query.queue not in (BROWSE, *(known_queues := open_queues(self.seat.person))):
            self.problems.append(f"unknown queue: {line(query.queue, 60)}; one of {', '.join(known_queues)}")
        if query.judge not in (None, "first", "assisted"):
            self.problems.append(
                f"this address asks for judge {line(query.judge or '', 40)}, which isn't here; one of first, assisted"
            )
        for row in leases.list_leases(session, exam.id):
            if row.person != self.seat.person.name:
                self.leased[row.attempt_id].append(row)
        self.counts = queue_index.count_queues(session, exam.id, self.seat.threshold, self.seat.person.name)
        if self.seat.queue is SELECTION:
            self._read_filter()

    def _read_filter(self) -> None:
        """Read the selection; what can't be read selects everything."""
        session, exam = self.session, self.setting.exam
        try:
            selection = filters.read(self.query.filter, queries.voices(session, exam.id))
        except BadInput as error:
            self.problems.append(str(error))
            selection = filters.read("", {})
        # Where several people judge each text, nobody filters by others' judgements before their own.
        if exam.judgements_per_text > 1:
            selection = replace(selection, filter=replace(selection.filter, blind_person=self.seat.person.name))
        self.stops = SelectionStops(session, self.setting, self.seat, selection)
        number = browse.count_rows(session, exam.id, selection.filter, self.seat.threshold)
        self.counts = {**self.counts, BROWSE: QueueCount(number, number)}

    # -- the cards ----------------------------------------------------------------------------------------------------

    def cards(self) -> tuple[list[Card], bool]:
        """Return the cards, and whether there are no more."""
        linked = self._linked()
        # As many more as others have in front of them, so that the window is full without those.
        stops, end = self.stops.read(self.query, linked, spare=len(self.leased))
        part = curated_part.load(self.session, self.setting, questions_of(self.session, [s.attempt_id for s in stops]))
        self._explain_missing(part)
        mistakes = {m.attempt.id: m for m in part.mistakes}
        free = [(s, mistakes[s.attempt_id]) for s in stops if s.attempt_id in mistakes and self._may_deal(part, s)]
        dealt = free[: self.query.number]
        self.stops.number([stop for stop, _ in dealt], self.count.all)
        return self._among_them(part, dealt), end and len(free) <= self.query.number

    def _linked(self) -> int | None:
        query = self.query
        if query.mistake is None and query.question is None:
            return None
        id_ = linked_attempt(self.session, self.setting.exam.id, query)
        if id_ is None:
            self._miss("unknown", query.mistake or query.question or "")
        return id_

    def _miss(self, code: str, uid: str) -> None:
        self.missing = messages.Missing.model_validate({"code": code, "line": f"{LINES[code]}: {line(uid, 70)}"})

    def _explain_missing(self, part: Curated) -> None:
        """Say why the mistake that a link names is none, and which text it doesn't have."""
        uid, text = self.query.mistake, self.query.text
        if uid in {attempt.uid for attempt in part.corrected}:
            self._miss("corrected", uid or "")
        elif uid in {attempt.uid for attempt in part.excluded}:
            self._miss("excluded", uid or "")
        mistake = next((m for m in part.mistakes if m.attempt.uid == uid), None)
        if mistake is not None and text is not None and text not in {x.text.uid for x in mistake.texts}:
            self.problems.append(f"this address asks for a text that this mistake doesn't have: {line(text, 70)}")

    def _may_deal(self, part: Curated, stop: CardStop) -> bool:
        """Return whether the queue may give a mistake to one more person; a link or the arrows show it to all."""
        walks = self.query.settled or self.query.before is not None
        if stop.is_linked or stop.row is not None or walks or self.seat.queue.settles is not None:
            return True
        mistake = next(m for m in part.mistakes if m.attempt.id == stop.attempt_id)
        entry = self.seat.entry(part, mistake)
        return len(self.leased[stop.attempt_id]) < (entry.capacity if entry else 1)

    # -- what is dealt beside the queue -------------------------------------------------------------------------------

    def _among_them(self, part: Curated, dealt: Sequence[tuple[CardStop, Mistake]]) -> list[Card]:
        """Return the queue's cards, with the injected ones at the places where they are due."""
        queue_cards = [self._card(part, mistake, stop) for stop, mistake in dealt]
        walks = self.query.before is not None or self.query.settled or (dealt and dealt[0][0].is_linked)
        if not quality_control.is_enabled(self.setting, self.seat) or walks or self.seat.queue is SELECTION:
            return queue_cards
        hand = quality_control.Hand.load(self.session, self.setting, self.seat.person.name)
        judge_first = self.seat.judge_first
        dealt_cards = [
            self._injected_card(d, queue_cards, 0)
            for d in quality_control.list_open(self.session, hand, judge_first=judge_first)
        ]
        judged_by_then = practice.count_judged(hand.own_rows) + self.query.ahead
        for place, queue_card in enumerate(queue_cards):
            for kind in hand.list_due(judged_by_then, judge_first=judge_first):
                on_cards = {*self.query.has, *(x.mistake for x in dealt_cards)}
                dealing = quality_control.deal(self.session, hand, kind, self.seat, on_cards)
                if dealing is not None:
                    dealt_cards.append(self._injected_card(dealing, queue_cards, place, on_cards))
            # A mistake that an injected card shows comes again, once that card is decided.
            if all(queue_card.mistake != x.mistake for x in dealt_cards):
                dealt_cards.append(queue_card)
                judged_by_then += len(queue_card.open)
        return dealt_cards

    def _injected_card(
        self,
        dealing: quality_control.InjectedCard,
        queue_cards: Sequence[Card],
        place: int,
        on_cards: Collection[str] = (),
    ) -> Card:
        # It has the number of the queue's card behind it, so that nothing gives it away.
        number = queue_cards[place].number if place < len(queue_cards) else None
        if number is None and dealing.kind != PRACTICE:
            cursor = QueueStops(self.session, self.setting, self.seat).cursor
            stop = CardStop(dealing.mistake.attempt.id, cursor.place_of(self.session, dealing.mistake.attempt.id))
            self.stops.number([stop], self.count.all)
            number = stop.number
        seat = replace(self.seat, judge_first=True)
        holders = tuple(row.holder for row in self.leased[dealing.mistake.attempt.id])
        deal = Deal(
            dealing.card,
            number,
            self.count.all,
            dealing.kind,
            dealing.text.text.id,
            alone=dealing.mistake.attempt.uid in on_cards,
            holders=holders,
        )
        return card(dealing.part, dealing.mistake, seat, deal)

    def _card(self, part: Curated, mistake: Mistake, stop: CardStop) -> Card:
        of_row = stop.row.explanation_id if stop.row else None
        first_text = next((x.text.uid for x in mistake.texts if x.text.id == of_row), None)
        deal = Deal(
            id=t.new_uid(),
            number=stop.number,
            all=self.count.all,
            text=of_row if isinstance(self.stops, SelectionStops) and self.stops.is_of_texts else None,
            enter=self.query.text if stop.is_linked and self.query.text else first_text,
            holders=tuple(row.holder for row in self.leased[mistake.attempt.id]),
        )
        return card(part, mistake, self.seat, deal)

    # -- what stands around them --------------------------------------------------------------------------------------

    def window(self, cards: list[Card], end: bool) -> messages.Window:
        """Return the cards with the queue and what stands beside them."""
        session, exam, person = self.session, self.setting.exam, self.seat.person
        lacking = None
        if not self.count.all and self.seat.queue is not SELECTION:
            has_votes, has_gold = queue_index.has_votes(session, exam.id), queue_index.has_gold(session, exam.id)
            lacking = queues.explain_lack(self.seat.queue, has_votes=has_votes, has_gold=has_gold)
        return messages.Window(
            person=person.name,
            role=person.role,
            exam=messages.ExamName(uid=exam.uid, name=line(exam.name), wanted=exam.judgements_per_text),
            queue=self._queue(),
            cards=cards,
            end=end,
            missing=self.missing,
            problems=self.problems,
            others=self._list_others(),
            lacking=lacking,
            guidelines=_guidelines(session, self.query.guidelines),
            reasons=rejection_reasons(session),
            longest={"note": LONGEST_NOTE, "value": LONGEST_VALUE, "repair": LONGEST_REPAIR, "marks": MOST_MARKS},
        )

    def _queue(self) -> messages.QueueState:
        seat, queue = self.seat, self.seat.queue
        return messages.QueueState(
            **counts_of(queue, self.count, covered=seat.judge_first).model_dump(),
            judge=seat.judge,
            own_judge="first" if blinding.is_default(queue, self.setting.exam.judgements_per_text) else "assisted",
            draw=seat.draw,
            by_lot=queue.by_lot,
            about="attempt" if queue.of_attempt else "texts",
            again=queue.second_look,
            order=line(f"order: {self.setting.order_fit.name}", 400) if queue.name == "smart" else None,
            class_=class_of(seat),
        )

    def _list_others(self) -> list[messages.OtherPerson]:
        leased = [row for rows in self.leased.values() for row in rows]
        if self.seat.queue is SELECTION:
            return leases.list_others(leased, self.seat.person.name)
        at = (self.session, self.setting.exam.id, self.seat.queue.name, self.seat.threshold, self.seat.person.name)
        waiting = queue_index.waiting_among(*at, Counter(row.attempt_id for row in leased))
        return leases.list_others(leased, self.seat.person.name, waiting)


def counts_of(queue: Queue, count: QueueCount, *, covered: bool = False) -> messages.QueueCounts:
    """Return a queue's counts. `covered`: people judge first there, so that its title may tell too much."""
    return messages.QueueCounts(
        name=queue.name,
        title=None if covered and queue.title_reveals else queue.title,
        waiting=count.waiting,
        decided=count.decided,
        skipped=count.skipped,
        all=count.all,
    )


def class_of(seat: Seat) -> messages.ClassReject | None:
    """Return why none of the queue's class will do; None where it has no class, or each text is to be read."""
    rule = seat.queue.batch_rule
    if rule is None or seat.judge_first or not seat.person.name:
        return None
    return messages.ClassReject(reason=rule.reason, words=reasons.words(rule.reason))


def rejection_reasons(session: Session) -> dict[str, list[messages.OfferedReason]]:
    """Return the reasons for a rejection, by what is rejected; the first nine have a digit."""
    of_texts = reasons.list_offered(session)
    codes = {kind: of_texts if kind in blinding.TEXTS else list(usual) for kind, usual in REASONS.items()}
    return {
        kind: [
            messages.OfferedReason(code=code, words=reasons.words(code), key=str(number) if number < 10 else "")
            for number, code in enumerate(offered, 1)
        ]
        for kind, offered in codes.items()
    }


def _guidelines(session: Session, uid: str | None) -> messages.GuidelinesVersion | None:
    row = guidelines.current(session)
    if row is None or row.uid == uid:
        return None
    return messages.GuidelinesVersion(uid=row.uid, text=row.text, person=line(row.person, 60), since=row.created_at)


def load_counts(session: Session, person: Person, exam_id: int, query: messages.CountsQuery) -> messages.Counts:
    """Return the counts of every queue that the person may open. Raises: NotFound; BadInput (a panel of no queue)."""
    setting = curated_part.load_setting(session, exam_id)
    queue_counts = queue_index.count_queues(session, exam_id, setting.threshold, person.name)
    queue = queue_of(person, query.queue) if query.panel else None
    panel = batches.load_class_panel(session, setting, queue, person) if queue and query.judge == "assisted" else None
    own_rows = own_judgements.load(session, exam_id, person.name)
    in_force = [j for j in drop_undone(row.judged for row in own_rows) if j.decision in DECISIVE]
    current = guidelines.current(session)
    return messages.Counts(
        queues=[
            counts_of(queue, queue_counts.get(name, QueueCount(0, 0))) for name, queue in open_queues(person).items()
        ],
        others=leases.list_others(leases.list_leases(session, exam_id), person.name),
        class_=panel,
        mine=len(in_force),
        guidelines=current.uid if current else None,
    )
