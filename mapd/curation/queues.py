"""The queues of triage: which mistakes to look at, in which order, and at which text each is entered. Pure.

    fill(curated, QUEUES["accepted-wrong"], "ann").entries[0]    -> the most doubtful mistake, its texts in question

A text waits for each person who hasn't judged it, until as many have as the exam wants.

A queue looks at what the committee and the checks say, so deciding does not move it under the reader's feet: a decided
mistake stays in its place and counts as settled. The few that people's decisions define (`drains`) get shorter instead.
"""

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from mapd.checks import State
from mapd.curation.curated import Curated, Explained, Mistake, counted
from mapd.curation.suspicion import against_gold, suspicion
from mapd.store.listing import Wanted
from mapd.store.queries import JudgementRow
from mapd.verdicts import Act, Reason, Ruling, Verdict, in_force

DISAGREE = 2  # scores this far apart
NEAR = Fraction(1, 2)  # a mean this close to the threshold
WORTH = 1.5  # of suspicion: less is not worth a look in the combined queue

Texts = tuple[Explained, ...]
# Of one text; more is earlier. It sees the threshold through the verdict alone, so it is constant between two cuts.
Doubt = Callable[[Mistake, Explained], float]


def is_near(x: Explained, threshold: float) -> bool:
    """Whether the mean lies near the threshold."""
    low, high = near(x)
    return low <= round(threshold * 100) < high


def near(x: Explained) -> tuple[int, int]:
    """From which threshold on, in hundredths, the mean is near, and from which on no longer."""
    if "near" not in x.memo:
        mean = x.committee.mean
        edges = (0, 0) if mean is None else (math.ceil((mean - NEAR) * 100), math.floor((mean + NEAR) * 100) + 1)
        x.memo["near"] = edges
    bounds: tuple[int, int] = x.memo["near"]
    return bounds


def doubt(x: Explained) -> float:
    """How much calls for a second look: votes against checks, votes against votes, a lukewarm mean, no answer."""
    accepted, mean = x.committee.verdict is Verdict.ACCEPTED, x.committee.mean
    against = 0.0
    if accepted:
        against = 2.0 * (x.states.matches_gold is State.FAILS) + 1.5 * (x.states.equations_true is State.FAILS)
    elif x.states.matches_gold is State.HOLDS:
        against = 1.5
    undecided = 1.0 * (x.committee.verdict is Verdict.UNDECIDED)
    unread = 0.5 * (x.states.matches_gold is State.NOTHING)
    lukewarm = 0.0 if mean is None else float(5 - mean if accepted else mean - 1) / 8
    return against + undecided + unread + x.spread / 4 + lukewarm


@lru_cache(maxsize=4096)
def lot(uid: str) -> float:
    """A number drawn for a row: always the same for it, and evenly spread over 0 to 1,000,000."""
    return int.from_bytes(hashlib.sha256(f"lot {uid}".encode()).digest()[:6]) / 2**48 * 1_000_000


def _doubt(_: Mistake, x: Explained) -> float:
    if "doubt" not in x.memo:
        x.memo["doubt"] = doubt(x)
    score: float = x.memo["doubt"]
    return score


def _suspicion(m: Mistake, x: Explained) -> float:
    if "suspicion" not in x.memo:
        x.memo["suspicion"] = suspicion(m, x).score
    score: float = x.memo["suspicion"]
    return score


@dataclass(frozen=True, slots=True)
class Whole:
    """A class of rationales that can be decided at once: as the aggregate finds them, and why none will do."""

    wanted: Wanted
    reason: Reason


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue: `about` gives the texts that a mistake is there for, or None where it doesn't belong.

    The mistakes come in the `order` of their first text, or by `lot`: at random, each with the same chance.
    """

    name: str
    title: str
    about: Callable[[Mistake, float], Texts | None]
    order: Doubt = _doubt
    drains: bool = False
    of_attempt: bool = False  # a word on the attempt settles it
    again: bool = False  # what people decided waits for a second look; nobody judges first there
    by_lot: bool = False
    tells: bool = True  # its title says something that is covered where people judge first
    settles: Callable[[Ruling], bool] | None = None  # of what people decided so, who decides there has the last word
    whole: Whole | None = None  # its texts are such a class
    edges: Callable[[Mistake], Iterable[int]] = lambda _: ()  # thresholds, beside the cuts, where `about` changes


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


def _suspects(m: Mistake, _: float) -> Texts | None:
    return tuple(x for x in m.rationales if _suspicion(m, x) >= WORTH) or None


def _accepted_by_people(m: Mistake, _: float) -> Texts | None:
    """People accepted it, its answer is wrong, and nobody has had the last word on it: whatever the policy checks."""
    accepted = (x for x in m.rationales if x.people.decision is Act.ACCEPT and not x.people.adjudicated)
    return tuple(x for x in accepted if x.states.matches_gold is State.FAILS) or None


def _stale(m: Mistake, _: float) -> Texts | None:
    """People decided when the committee said something else than it says now."""
    return tuple(x for x in m.texts if x.then is not None and x.then != x.committee.verdict and x.judged) or None


def _near_edges(m: Mistake) -> Iterable[int]:
    return (edge for x in m.rationales for edge in near(x))


QUEUES: Mapping[str, Queue] = {
    queue.name: queue
    for queue in (
        Queue("everything", "everything", _mistakes(lambda _: True), tells=False),
        Queue(
            "smart",
            "most likely decided wrongly",
            _suspects,
            order=_suspicion,
            tells=False,
        ),
        Queue(
            "unjudged",
            "not judged yet",
            _mistakes(lambda m: not any(x.judged for x in m.texts)),
            drains=True,
            tells=False,
        ),
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
            _rationales(lambda x, _: x.spread >= DISAGREE),
            order=lambda m, x: 10 * x.spread + _doubt(m, x),
        ),
        Queue("near-threshold", "near the threshold", _rationales(is_near), edges=_near_edges),
        Queue("unreadable", "answer can't be read", _rationales(lambda x, _: x.answer is None)),
        Queue(
            "false-step",
            "accepted with a false step",
            _rationales(lambda x, _: _committee(x, Verdict.ACCEPTED) and x.states.equations_true is State.FAILS),
        ),
        Queue(
            "no-work",
            "accepted, but shows no work",
            _rationales(lambda x, _: _committee(x, Verdict.ACCEPTED) and x.states.shows_work is State.FAILS),
            whole=Whole(Wanted(committee="accepted", checks={"shows_work": "fails"}), Reason.NO_WORK),
        ),
        Queue("feedback-check", "feedback that fails a check", _feedback(_checks_fail)),
        Queue("uncovered", "nothing accepted", _mistakes(lambda m: not m.covered), drains=True),
        Queue("no-vote", "undecided, or a vote is missing", _rationales(lambda x, _: _no_vote(x))),
        Queue(
            "not-a-mistake", "possibly not a mistake", _mistakes(lambda m: m.possibly_not), of_attempt=True, tells=False
        ),
        Queue("against-gold", "teachers agree against the gold", lambda m, _: against_gold(m) or None),
        Queue("stale", "decided before the committee changed", _stale, drains=True, again=True),
        Queue(
            "conflicts", "people disagree", _conflicts, drains=True, again=True, settles=lambda people: people.conflict
        ),
        Queue(
            "person-accepted-wrong",
            "a person accepted it, but wrong answer",
            _accepted_by_people,
            drains=True,
            again=True,
            settles=lambda people: people.decision is Act.ACCEPT,
        ),
        Queue("audit", "random audit", _mistakes(lambda _: True), by_lot=True, tells=False),
        Queue(
            "audit-accepted",
            "random audit of what is accepted",
            _rationales(lambda x, _: _committee(x, Verdict.ACCEPTED)),
            by_lot=True,
        ),
        Queue(
            "audit-rejected",
            "random audit of what is rejected",
            _rationales(lambda x, _: _committee(x, Verdict.REJECTED)),
            by_lot=True,
        ),
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
    places: int = 1  # so many people may have it in front of them at once

    @property
    def enter(self) -> Explained | None:
        """The text to begin with; None where the mistake has no text at all."""
        return next(iter(self.open or self.texts or self.mistake.texts), None)


@dataclass(frozen=True, slots=True)
class Filled:
    """A queue filled: its entries in order. One walks along it in lines.py."""

    queue: Queue
    entries: tuple[Entry, ...]

    @property
    def settled(self) -> int:
        """How many entries need no decision any more."""
        return sum(entry.settled for entry in self.entries)


def most_doubtful(mistake: Mistake) -> Explained | None:
    """The text to enter a mistake at that is in no queue."""
    return max(mistake.rationales or mistake.feedback, key=doubt, default=None)


def fill(curated: Curated, queue: Queue, person: str) -> Filled:
    """The queue as this person finds it, the most doubtful first."""
    threshold, closed, per_text = curated.policy.threshold, done_with(curated.judgements, person), curated.exam.wanted
    entries = [e for m in curated.mistakes if (e := entry(queue, m, threshold, closed, person, per_text)) is not None]
    return Filled(queue, tuple(sorted(entries, key=lambda e: key(queue, e.mistake, threshold))))


def wants(x: Explained, person: str, per_text: int) -> bool:
    """Whether a text waits for this person's judgement, of an exam that wants so many of each."""
    return not x.people.adjudicated and len(x.people.by) < per_text and person not in x.people.by


def undecided(texts: Iterable[Explained], person: str, per_text: int, closed: frozenset[tuple[str, int]]) -> Texts:
    """Return those of the texts that wait for this person and that nobody has decided on, as far as they may see.

    `done`: what `done_with` says of them; a text that they skipped doesn't wait.
    """
    return tuple(
        x for x in texts if not x.judged and wants(x, person, per_text) and (x.text.kind, x.text.id) not in closed
    )


def entry(
    queue: Queue, mistake: Mistake, threshold: float, closed: frozenset[tuple[str, int]], person: str, per_text: int
) -> Entry | None:
    """The mistake's entry in the queue as this person finds it, None where it isn't in it."""
    about = queue.about(mistake, threshold)
    if about is None:
        return None
    texts = about if len(about) < 2 else tuple(sorted(about, key=lambda x: -_first(queue, mistake, x)))
    waiting = tuple(
        x for x in texts if (queue.again or wants(x, person, per_text)) and (x.text.kind, x.text.id) not in closed
    )
    if ("attempt", mistake.attempt.id) in closed and (queue.of_attempt or not texts):
        return Entry(mistake, texts, (), settled=True)
    places = max((per_text - len(x.people.by) for x in waiting), default=1)
    is_settled = bool(texts) and not waiting and not queue.of_attempt
    return Entry(mistake, texts, waiting, settled=is_settled, places=max(1, places))


def _first(queue: Queue, mistake: Mistake, x: Explained) -> float:
    return lot(x.text.uid) if queue.by_lot else queue.order(mistake, x)


def place(queue: Queue, mistake: Mistake, texts: Texts) -> int:
    """Where a mistake stands in the queue, in thousandths; less is earlier. `texts`: those it is there for."""
    if queue.by_lot:
        return -round(1000 * lot(mistake.attempt.uid))
    return -round(1000 * max((queue.order(mistake, x) for x in texts), default=0.0))


def key(queue: Queue, mistake: Mistake, threshold: float) -> tuple[int, int, int]:
    """What a mistake is ordered by in the queue, whether it belongs there or not: place, question, attempt."""
    about = queue.about(mistake, threshold) or mistake.rationales
    return place(queue, mistake, about), mistake.question.position, mistake.attempt.id


def done_with(judgements: Iterable[JudgementRow], person: str) -> frozenset[tuple[str, int]]:
    """The targets (kind, id) that this person skipped as their last word, and the attempts found to be mistakes."""
    rows = {row.judged.id: row for row in judgements}
    latest: dict[tuple[str, str, int], Act] = {}
    for judged in in_force(row.judged for row in rows.values()):
        row = rows[judged.id]
        if not judged.only_notes:
            latest[judged.person, row.target, row.target_id] = judged.decision
    return frozenset(
        (kind, target)
        for (who, kind, target), act in latest.items()
        if (act is Act.SKIP and who == person) or (act is Act.ACCEPT and kind == "attempt")
    )


_OF_GOLD = frozenset({"accepted-wrong", "rejected-right", "against-gold", "person-accepted-wrong"})
_OF_COMMITTEE = {"near-threshold", "false-step", "no-work", "audit-accepted", "audit-rejected"}
_OF_VOTES = _OF_GOLD - {"against-gold", "person-accepted-wrong"} | {"disagree"} | _OF_COMMITTEE


def lacking(queue: Queue, *, has_votes: bool, has_gold: bool) -> str | None:
    """What the exam has none of, so that the queue can find nothing: an empty queue is no good news then."""
    if queue.name in _OF_VOTES and not has_votes:
        return "No rationale of this exam has a valid vote yet."
    if queue.name in _OF_GOLD and not has_gold:
        return "No question of this exam has a gold answer to compare with."
    return None
