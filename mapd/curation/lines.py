"""A queue of triage as the aggregate has it: where one is in it and what comes next, without reading the exam.

    line = lines.line(engine, exam, 300, QUEUES["disagree"], "ann", {17: 1})
    line.waiting, line.all                     -> 97, 102
    next(line.ahead()).attempt_id              -> the most doubtful mistake that waits for ann and nobody has

The order is that of queues.fill(), a mistake at a time: tests hold the two together.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile

import sqlalchemy as sa
from sqlmodel import Session, col, select

from mapd.curation import queues
from mapd.curation.curated import Curated, Mistake
from mapd.curation.queues import Entry, Queue
from mapd.store import db, standings
from mapd.store import tables as t
from mapd.store.queries import ExamInfo, JudgementRow
from mapd.store.standings import Count, Key, Place

AT_ONCE = 20  # places that are read at once


@dataclass(frozen=True, slots=True)
class Spot:
    """A mistake in a queue. Which of its texts to enter it at is seen with the mistake itself (`Line.entry`)."""

    attempt_id: int
    uid: str


@dataclass(frozen=True, slots=True)
class Line:
    """A queue as a person finds it. `threshold` in hundredths; `held`: by attempt, how many others have it.

    `counts`: of every queue, how many mistakes wait for this person, of how many. `draw`: a queue by lot, which has an
    order of its own, is begun somewhere else by each draw; behind its end it goes on from its beginning.
    """

    engine: sa.Engine
    exam: ExamInfo
    threshold: int
    queue: Queue
    person: str
    held: Mapping[int, int]
    counts: Mapping[str, Count]
    draw: int = 1

    @property
    def waiting(self) -> int:
        """How many mistakes wait."""
        return self.counts[self.queue.name].waiting

    @property
    def all(self) -> int:
        """Of how many."""
        return self.counts[self.queue.name].all

    @property
    def settled(self) -> int:
        """How many mistakes don't wait: those that are decided, and those that this person skipped."""
        return self.all - self.waiting

    @property
    def skipped(self) -> int:
        """How many mistakes wait but for what this person skipped."""
        return self.counts[self.queue.name].skipped

    @property
    def decided(self) -> int:
        """How many mistakes need no decision of this person any more."""
        return self.counts[self.queue.name].decided

    def entry(self, curated: Curated, mistake: Mistake) -> Entry | None:
        """This mistake's entry, if it is in the queue. `curated` holds at least all that is said of its question."""
        done = queues.done_with(curated.judgements, self.person)
        return queues.entry(self.queue, mistake, self.threshold / 100, done, self.person, self.exam.wanted)

    def free(self, entry: Entry) -> bool:
        """Whether one more may have it in front of them; where people disagree they may, and the adjudicator too."""
        return self.queue.settles is not None or self.held.get(entry.mistake.attempt.id, 0) < entry.places

    def number(self, attempt_id: int) -> int | None:
        """A mistake's place in the queue, from 1; None where it isn't in it."""
        at = (self.exam.id, self.queue.name, self.threshold)
        with db.reading(self.engine) as session:
            number = standings.number_of(session, *at, attempt_id)
            if number is None or self._start is None:
                return number
            passed_over = standings.number_up_to(session, *at, self._start)
        return (number - passed_over - 1) % self.all + 1

    @property
    def _start(self) -> Key | None:
        """Behind what the draw begins; None is the beginning."""
        drawn = self.queue.by_lot and self.draw > 1
        return Key(-round(1000 * queues.lot(f"draw {self.draw}")), -1, 0) if drawn else None

    def ahead(self, mistake: Mistake | None = None) -> Iterator[Spot]:
        """All that waits, from this mistake's place on (it may have left the queue), then from the start.

        What as many others have as the exam wants judgements is left out.
        """
        before = self._start
        if mistake is not None:
            key = self._key(mistake)
            before = key._replace(attempt_id=key.attempt_id - 1)
        for place in self._waiting(before):
            if self.queue.settles or self.held.get(place.key.attempt_id, 0) < self.exam.wanted:
                yield self._spot(place)

    def after(self, mistake: Mistake) -> Spot | None:
        """The next that waits behind this mistake's place, then from the start."""
        return next((spot for spot in self.ahead(mistake) if spot.attempt_id != mistake.attempt.id), None)

    def neighbours(self, mistake: Mistake) -> tuple[Spot | None, Spot | None]:
        """The mistakes before and behind this one's place, settled or not."""
        key = self._key(mistake)
        with db.reading(self.engine) as session:
            at = (session, self.exam.id, self.queue.name, self.threshold, self.person)
            found = [standings.ahead(*at, after=key, settled=True, backwards=back) for back in (True, False)]
        before, behind = (self._spot(*places) if places else None for places in found)
        return before, behind

    def _key(self, mistake: Mistake) -> Key:
        return Key(*queues.key(self.queue, mistake, self.threshold / 100))

    def _waiting(self, before: Key | None) -> Iterator[Place]:
        """All places that wait: those behind `before`, then those up to it."""
        yield from self._from(before)
        if before is not None:
            yield from takewhile(lambda place: place.key <= before, self._from(None))

    def _from(self, after: Key | None) -> Iterator[Place]:
        while True:
            with db.reading(self.engine) as session:
                at = (session, self.exam.id, self.queue.name, self.threshold, self.person)
                found = standings.ahead(*at, after=after, number=AT_ONCE)
            yield from found
            if len(found) < AT_ONCE:
                return
            after = found[-1].key

    def _spot(self, place: Place) -> Spot:
        with db.reading(self.engine) as session:
            uid = session.exec(select(t.Attempt.uid).where(t.Attempt.id == place.key.attempt_id)).one()
            return Spot(place.key.attempt_id, uid)


def line(
    engine: sa.Engine,
    exam: ExamInfo,
    threshold: int,
    queue: Queue,
    person: str,
    held: Mapping[int, int],
    draw: int = 1,
) -> Line:
    """The queue at this threshold (hundredths). The aggregate has to be up to date (standing.catch_up)."""
    with db.reading(engine) as session:
        filled = standings.counts(session, exam.id, threshold, person)
    counts = {name: filled.get(name, Count(0, 0)) for name in queues.QUEUES}
    return Line(engine, exam, threshold, queue, person, held, counts, draw)


def question_of(session: Session, exam_id: int, uid: str) -> int | None:
    """The question of an attempt of this exam; None where the exam has no such attempt."""
    return session.exec(select(t.Attempt.question_id).where(t.Attempt.uid == uid, t.Attempt.exam_id == exam_id)).first()


def questions_of(session: Session, texts: Collection[int]) -> set[int]:
    """The questions that these texts are on."""
    return set(session.exec(select(t.Explanation.question_id).where(col(t.Explanation.id).in_(texts))).all())


def home(session: Session, exam_id: int, row: JudgementRow) -> tuple[str, str | None]:
    """Where the target of a judgement on this exam is looked at: the uids of the attempt and, of a text, the text."""
    if row.target == "attempt":
        return row.target_uid, None
    question, attempt, text = row.target_id, None, None
    if row.target in ("rationale", "feedback"):
        about = select(t.Explanation.question_id, t.Explanation.attempt_id).where(t.Explanation.id == row.target_id)
        (question, attempt), text = session.exec(about).one(), row.target_uid
    of = t.Attempt.question_id == question if attempt is None else t.Attempt.id == attempt
    first = select(t.Attempt.uid).where(t.Attempt.exam_id == exam_id, of).order_by(col(t.Attempt.id)).limit(1)
    return session.exec(first).one(), text


def has(session: Session, exam_id: int) -> tuple[bool, bool]:
    """Whether the exam has a valid vote on a rationale, and whether a question of it has a gold answer."""
    voted = select(t.Standing.id).where(
        t.Standing.exam_id == exam_id, t.Standing.kind == "rationale", col(t.Standing.votes) > 0
    )
    gold = (
        select(t.Question.id)
        .join(t.Attempt, col(t.Attempt.question_id) == t.Question.id)
        .where(t.Attempt.exam_id == exam_id, sa.func.trim(t.Question.gold) != "")
    )
    first_vote, first_gold = (session.exec(query.limit(1)).first() for query in (voted, gold))
    return first_vote is not None, first_gold is not None
