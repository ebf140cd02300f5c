"""One teacher's stream of calls, the calls in flight, and what a run counts and reports."""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from mapd.adaptive import NOT_ASKED
from mapd.committee.claiming import ForeignCall
from mapd.committee.faults import FailureReason
from mapd.committee.plan import PlannedCall
from mapd.models.base import Model
from mapd.store import tables as t
from mapd.teacher_prices import format_dollars


@dataclass(frozen=True, slots=True)
class SavedCalls:
    """Reviews that adaptive collection left out, and what they would cost; None where a price is unknown."""

    calls: int
    money: float | None

    @property
    def in_words(self) -> str:
        """Return how many reviews aren't asked for, why, and what that saves."""
        dollars = "" if not self.money else f", which saves about {format_dollars(self.money)}"
        dollars = ", which saves an unknown amount" if self.money is None else dollars
        return f"{self.calls:,} {'review' if self.calls == 1 else 'reviews'} {NOT_ASKED}{dollars}"


@dataclass(frozen=True, slots=True)
class CollectResult:
    """What the exam now has from these teachers, and the calls of this run. `no_vote` counts reviews without a score.

    `spent_usd`: the cost of all of the exam's calls. `not_made`: calls that the budget had no room for.
    `cut_off_not_sent`: responses that max_tokens cut off, which may be no mistakes. `reasons`: why calls of this run
    gave no text. `saved`: what adaptive collection left out; None without it.
    """

    feedback: int
    rationales: int
    reviews: int
    no_vote: int
    calls_made: int
    calls_reused: int
    failed: int
    spent_usd: float = 0.0
    not_made: int = 0
    cut_off_not_sent: int = 0
    reasons: tuple[FailureReason, ...] = ()
    saved: SavedCalls | None = None


@dataclass(frozen=True, slots=True)
class CommitteeProgress:
    """Calls answered, in this run or before, of all that are known so far; the speed is this run's."""

    completed: int
    total: int
    calls_per_s: float
    seconds_left: float | None  # None before the first reply
    spent_usd: float | None = None  # of the budget, where there is one
    in_flight: int = 0
    # In flight of other runs, whose replies are waited for.
    elsewhere: int = 0
    budget: float | None = None
    stopped: tuple[str, ...] = ()  # the teachers that are asked no more

    @property
    def in_words(self) -> str:
        """Return its speed, what is spent of the budget, what it waits for, and who is asked no more."""
        of_budget = (
            "" if self.budget is None else f", {format_dollars(self.spent_usd or 0)} of {format_dollars(self.budget)}"
        )
        elsewhere = f", {self.elsewhere:,} calls are in flight elsewhere" if self.elsewhere else ""
        stopped = f", {', '.join(self.stopped)} stopped" if self.stopped else ""
        return f"{self.calls_per_s:.1f} calls/s{of_budget}{elsewhere}{stopped}"


@dataclass
class RunCounts:
    """The counts of one run. `total`: calls that are known so far; it falls where some will never be made."""

    total: int
    calls_made: int = 0
    reused: int = 0
    failed: int = 0
    given_up: int = 0
    in_flight: int = 0
    # The exam's cost in the ledger at the last commit. It is read where there is a budget.
    spent: float = 0.0
    started: float = field(default_factory=time.monotonic)

    @property
    def settled(self) -> int:
        """Return how many calls nothing more can come of."""
        return self.calls_made + self.reused + self.given_up

    @property
    def totals(self) -> dict[str, int]:
        """Return the calls of this run, as its result names them."""
        return {"calls_made": self.calls_made, "calls_reused": self.reused, "failed": self.failed}

    def progress(self, streams: Sequence["TeacherStream"], budget: float | None) -> CommitteeProgress:
        """Return what the run reports now."""
        speed = self.calls_made / max(time.monotonic() - self.started, 1e-6)
        seconds_left = (self.total - self.settled) / speed if speed else None
        spent = None if budget is None else self.spent
        elsewhere = sum(len(stream.elsewhere) for stream in streams)
        stopped = tuple(stream.teacher.name for stream in streams if stream.stopped)
        extras = (self.in_flight, elsewhere, budget, stopped)
        return CommitteeProgress(self.settled, self.total, speed, seconds_left, spent, *extras)


class Flights(dict[str, list[PlannedCall]]):
    """The calls from planned until committed, by key: all rows that wait for the one reply."""

    # Rationales among them: while there are some, no reviewer's stream may end.
    rationales = 0

    def add(self, planned: Sequence[PlannedCall]) -> list[PlannedCall]:
        """Add calls; return those that nobody here has planned yet. The others wait for the same call's reply."""
        fresh = []
        for p in planned:
            if p.key in self:
                self[p.key].append(p)
            else:
                self[p.key] = [p]
                fresh.append(p)
                self.rationales += p.kind == "rationale"
        return fresh


@dataclass
class TeacherStream:
    """One teacher's stream of calls: what is planned for it, and how far its work has been read."""

    teacher: t.Teacher
    model: Model
    own_calls: deque[PlannedCall] = field(default_factory=deque)
    reviews: deque[PlannedCall] = field(default_factory=deque)
    ready: deque[PlannedCall] = field(default_factory=deque)  # claimed
    elsewhere: dict[str, ForeignCall] = field(default_factory=dict)  # by key, sent by other runs
    claims: int = 0  # under way
    # How far the two sources of its work are read: mistakes, and other teachers' rationales by id.
    mistakes_read: int = 0
    last_seen_id: int = 0
    # The run's `news` when rationales were last read: with more news there may be more to review.
    news_read: int = -1
    # Rationales that another reviewer is asked about first, and those to be looked at again since it is over.
    waiting: set[int] = field(default_factory=set)
    recalled: list[int] = field(default_factory=list)
    unanswered: int = 0
    # Reviews without a committed reply: each may have to be asked for once more, so the stream can't end yet.
    unwritten: int = 0
    ended: bool = False
    # By a fault that every further call would meet.
    stopped: bool = False

    def recall(self, rationale: int) -> None:
        """Have the stream look again at a rationale, if it waits for that."""
        if rationale in self.waiting:
            self.waiting.remove(rationale)
            self.recalled.append(rationale)

    def take_recalled(self, number: int) -> list[int]:
        """Take the next rationales that the stream looks at again."""
        rationales, self.recalled = self.recalled[:number], self.recalled[number:]
        return rationales

    def take(self, number: int) -> list[PlannedCall]:
        """Take the next calls, reviews first, to claim them."""
        waiting = [deck for deck in (self.reviews, self.own_calls) for _ in range(len(deck))][:number]
        return [deck.popleft() for deck in waiting]

    def put_back(self, planned: Sequence[PlannedCall]) -> None:
        """Put calls back where they were taken."""
        for p in reversed(planned):
            (self.reviews if p.kind == "review" else self.own_calls).appendleft(p)

    def drop_unsent(self) -> list[PlannedCall]:
        """Return every call that wasn't sent, and hold none of them any more."""
        elsewhere = [foreign.planned for foreign in self.elsewhere.values()]
        unsent = [*self.ready, *self.reviews, *self.own_calls, *elsewhere]
        for deck in (self.ready, self.reviews, self.own_calls, self.elsewhere):
            deck.clear()
        return unsent
