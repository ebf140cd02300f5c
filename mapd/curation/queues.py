"""The queues of triage: which mistakes to look at, in which order, and at which text each is entered. Pure.

    line = fill(curated, QUEUES["accepted-wrong"], "ann")
    line.first_open()        -> the most doubtful mistake that still waits, with the texts the queue is about
    line.after(mistake)      -> the next one that waits, from the beginning again after the last

A queue looks at what the committee and the checks say, so deciding does not move it under the reader's feet: a decided
mistake stays in its place and counts as settled. The few that people's decisions define (`drains`) get shorter instead.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from mapd.checks import State
from mapd.curation.curated import Curated, Explained, Mistake, counted
from mapd.store.queries import JudgementRow
from mapd.verdicts import Act, Verdict, in_force

DISAGREE = 2  # scores this far apart
NEAR = 0.5  # a mean this close to the threshold

Texts = tuple[Explained, ...]
Doubt = Callable[[Explained, float], float]  # of one text at a threshold; more is earlier


def spread(x: Explained) -> int:
    """How far the highest and the lowest valid vote lie apart."""
    scores = [v.score for v in counted(x.text.votes) if v.score is not None]
    return max(scores) - min(scores) if scores else 0


def distance(x: Explained, threshold: float) -> float:
    """How far the mean lies from the threshold; far away where there is no mean."""
    return 9.0 if x.committee.mean is None else abs(float(x.committee.mean) - threshold)


def doubt(x: Explained, threshold: float) -> float:
    """How much calls for a second look: votes against checks, votes against votes, a close call, an unread answer."""
    accepted = x.committee.verdict is Verdict.ACCEPTED
    against = 0.0
    if accepted:
        against = 2.0 * (x.states.matches_gold is State.FAILS) + 1.5 * (x.states.equations_true is State.FAILS)
    elif x.states.matches_gold is State.HOLDS:
        against = 1.5
    undecided = 1.0 * (x.committee.verdict is Verdict.UNDECIDED)
    unread = 0.5 * (x.states.matches_gold is State.NOTHING)
    return against + undecided + unread + spread(x) / 4 + max(0.0, 1 - distance(x, threshold)) / 2


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue: `about` gives the texts that a mistake is there for, or None where it doesn't belong."""

    name: str
    title: str
    about: Callable[[Mistake, float], Texts | None]
    order: Doubt = doubt
    drains: bool = False
    of_attempt: bool = False  # a word on the attempt settles it


def _rationales(of: Callable[[Explained, float], bool]) -> Callable[[Mistake, float], Texts | None]:
    return lambda m, threshold: tuple(x for x in m.rationales if of(x, threshold)) or None


def _feedback(of: Callable[[Explained], bool]) -> Callable[[Mistake, float], Texts | None]:
    return lambda m, _: tuple(x for x in m.feedback if of(x)) or None


def _mistakes(of: Callable[[Mistake], bool]) -> Callable[[Mistake, float], Texts | None]:
    """The whole mistake: its rationales, its feedback where it has none, nothing where it has neither."""
    return lambda m, _: (m.rationales or m.feedback) if of(m) else None


def _conflicts(m: Mistake, _: float) -> Texts | None:
    return tuple(x for x in m.texts if x.people.conflict) or (m.texts if m.disputed else None)


def _committee(x: Explained, verdict: Verdict) -> bool:
    return x.committee.verdict is verdict


def _no_vote(x: Explained) -> bool:
    return _committee(x, Verdict.UNDECIDED) or any(v.score is None for v in counted(x.text.votes))


def _checks_fail(x: Explained) -> bool:
    return State.FAILS in (x.states.matches_gold, x.states.equations_true)


QUEUES: Mapping[str, Queue] = {
    queue.name: queue
    for queue in (
        Queue("everything", "everything", _mistakes(lambda _: True)),
        Queue("unjudged", "not judged yet", _mistakes(lambda m: not any(x.judged for x in m.texts)), drains=True),
        Queue(
            "accepted-wrong",
            "accepted, but wrong answer",
            _rationales(lambda x, _: _committee(x, Verdict.ACCEPTED) and x.states.matches_gold is State.FAILS),
        ),
        Queue(
            "rejected-right",
            "rejected, but right answer",
            _rationales(lambda x, _: _committee(x, Verdict.REJECTED) and x.states.matches_gold is State.HOLDS),
        ),
        Queue(
            "disagree",
            "reviewers disagree",
            _rationales(lambda x, _: spread(x) >= DISAGREE),
            order=lambda x, threshold: 10 * spread(x) + doubt(x, threshold),
        ),
        Queue(
            "near-threshold",
            "near the threshold",
            _rationales(lambda x, threshold: distance(x, threshold) <= NEAR),
            order=lambda x, threshold: -10 * distance(x, threshold) + doubt(x, threshold),
        ),
        Queue("unreadable", "answer can't be read", _rationales(lambda x, _: x.answer is None)),
        Queue(
            "false-step",
            "accepted with a false step",
            _rationales(lambda x, _: _committee(x, Verdict.ACCEPTED) and x.states.equations_true is State.FAILS),
        ),
        Queue("feedback-check", "feedback that fails a check", _feedback(_checks_fail)),
        Queue("uncovered", "nothing accepted", _mistakes(lambda m: not m.covered), drains=True),
        Queue("no-vote", "undecided, or a vote is missing", _rationales(lambda x, _: _no_vote(x))),
        Queue("not-a-mistake", "possibly not a mistake", _mistakes(lambda m: m.possibly_not), of_attempt=True),
        Queue("conflicts", "people differ", _conflicts, drains=True),
    )
}
DEFAULT = "everything"


@dataclass(frozen=True, slots=True)
class Entry:
    """A mistake in a queue: the texts it is there for, the most doubtful first, and those that still wait."""

    mistake: Mistake
    texts: Texts
    open: Texts
    settled: bool

    @property
    def enter(self) -> Explained | None:
        """The text to begin with; None where the mistake has no text at all."""
        return next(iter(self.open or self.texts or self.mistake.texts), None)


@dataclass(frozen=True, slots=True)
class Line:
    """A queue filled: its entries in order."""

    queue: Queue
    entries: tuple[Entry, ...]
    keys: tuple[tuple[float, int, int], ...]  # the entries' places, ascending
    threshold: float

    @property
    def settled(self) -> int:
        """How many entries need no decision any more."""
        return sum(entry.settled for entry in self.entries)

    def first_open(self) -> Entry | None:
        """The first entry that waits."""
        return next((entry for entry in self.entries if not entry.settled), None)

    def after(self, mistake: Mistake) -> Entry | None:
        """The next entry that waits, behind this mistake's place (it may have left the queue), then from the start."""
        here = bisect_right(self.keys, _place(self.queue, mistake, self.threshold))
        ahead = (*self.entries[here:], *self.entries[:here])
        return next((e for e in ahead if not e.settled and e.mistake.attempt.id != mistake.attempt.id), None)

    def neighbours(self, mistake: Mistake) -> tuple[Entry | None, Entry | None]:
        """The entries before and behind this mistake's place, settled or not."""
        place = _place(self.queue, mistake, self.threshold)
        before, behind = bisect_left(self.keys, place), bisect_right(self.keys, place)
        return (
            self.entries[before - 1] if before else None,
            self.entries[behind] if behind < len(self.entries) else None,
        )

    def number(self, mistake: Mistake) -> int | None:
        """This mistake's place in the queue, from 1; None where it isn't in it."""
        ids = [e.mistake.attempt.id for e in self.entries]
        return ids.index(mistake.attempt.id) + 1 if mistake.attempt.id in ids else None

    def enter(self, mistake: Mistake) -> Explained | None:
        """The text to begin with: the queue's own choice, else the mistake's most doubtful one."""
        if (entry := self.entry(mistake)) is not None:
            return entry.enter
        return max(mistake.rationales or mistake.feedback, key=lambda x: doubt(x, self.threshold), default=None)

    def entry(self, mistake: Mistake) -> Entry | None:
        """This mistake's entry, if it is in the queue."""
        return next((e for e in self.entries if e.mistake.attempt.id == mistake.attempt.id), None)


def fill(curated: Curated, queue: Queue, person: str) -> Line:
    """The queue as this person finds it, the most doubtful first."""
    threshold, done = curated.policy.threshold, done_with(curated.judgements, person)
    entries = [e for m in curated.mistakes if (e := _entry(queue, m, threshold, done)) is not None]
    placed = sorted(((_place(queue, e.mistake, threshold), e) for e in entries), key=lambda pair: pair[0])
    return Line(queue, tuple(e for _, e in placed), tuple(key for key, _ in placed), threshold)


def tally(curated: Curated, person: str) -> dict[str, tuple[int, int]]:
    """By queue: how many mistakes wait, of how many."""
    threshold, done = curated.policy.threshold, done_with(curated.judgements, person)
    counts = {}
    for name, queue in QUEUES.items():
        found = [e for m in curated.mistakes if (e := _entry(queue, m, threshold, done)) is not None]
        counts[name] = (sum(not e.settled for e in found), len(found))
    return counts


def _entry(queue: Queue, mistake: Mistake, threshold: float, done: frozenset[tuple[str, int]]) -> Entry | None:
    about = queue.about(mistake, threshold)
    if about is None:
        return None
    texts = tuple(sorted(about, key=lambda x: -queue.order(x, threshold)))
    waiting = tuple(x for x in texts if x.people.decision is None and (x.text.kind, x.text.id) not in done)
    if ("attempt", mistake.attempt.id) in done and (queue.of_attempt or not texts):
        return Entry(mistake, texts, (), settled=True)
    return Entry(mistake, texts, waiting, settled=bool(texts) and not waiting)


def _place(queue: Queue, mistake: Mistake, threshold: float) -> tuple[float, int, int]:
    about = queue.about(mistake, threshold) or mistake.rationales
    most = max((queue.order(x, threshold) for x in about), default=0.0)
    return -most, mistake.question.position, mistake.attempt.id


def done_with(judgements: Iterable[JudgementRow], person: str) -> frozenset[tuple[str, int]]:
    """The targets (kind, id) that this person skipped as their last word, and the attempts found to be mistakes indeed.

    A skip with a note is but a note.
    """
    rows = {row.judged.id: row for row in judgements}
    latest: dict[tuple[str, str, int], Act] = {}
    for judged in in_force(row.judged for row in rows.values()):
        row = rows[judged.id]
        if not (judged.decision is Act.SKIP and row.note):
            latest[judged.person, row.target, row.target_id] = judged.decision
    return frozenset(
        (kind, target)
        for (who, kind, target), act in latest.items()
        if (act is Act.SKIP and who == person) or (act is Act.ACCEPT and kind == "attempt")
    )
