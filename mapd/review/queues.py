"""The queues of triage: which mistakes to look at, in which order, and at which text each is entered. Pure.

    find_entry(QUEUES["accepted-wrong"], mistake, 3.0, closed, "ann", 1)    -> its texts in question, those that wait

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

from mapd.alignment import read_steps
from mapd.checks import State
from mapd.curation.curated import Mistake
from mapd.curation.decided_texts import DecidedText, filter_votes
from mapd.domain import Act, JudgementRow, RowFilter, Ruling, TextReason, Verdict
from mapd.judgements import drop_undone
from mapd.policies import Check
from mapd.review.priority import estimate_base_error, estimate_error, find_against_gold

DISAGREE_SPREAD = 2  # scores this far apart
NEAR_DISTANCE = Fraction(1, 2)  # a mean this close to the threshold
NEAR_PROBABILITY = Fraction(1, 10)  # a fitted policy's probability this close
# A text that is less probably decided wrongly is in no combined queue: five looks would find less than one error there.
# Texts below it would come along with the doubtful ones of their mistakes, ahead of texts that are more doubtful.
LEAST_ERROR = 0.2

Texts = tuple[DecidedText, ...]
About = Callable[[Mistake, float], Texts | None]
# A text's rank; more is earlier. It sees the threshold through the verdict alone: it is constant between two cuts.
Doubt = Callable[[Mistake, DecidedText], float]


def is_near(x: DecidedText, threshold: float) -> bool:
    """Return whether the mean, or the probability, lies near the threshold."""
    low, high = near_range(x)
    return low <= round(threshold * 100) < high


def near_range(x: DecidedText) -> tuple[int, int]:
    """Return from which threshold on, in hundredths, what decides is near, and from which on no longer."""
    return x.ask(_find_near_range)


def _find_near_range(x: DecidedText) -> tuple[int, int]:
    decisive = x.committee.decisive
    if decisive is None:
        return (0, 0)
    distance = NEAR_DISTANCE if x.committee.probability is None else NEAR_PROBABILITY
    return math.ceil((decisive - distance) * 100), math.floor((decisive + distance) * 100) + 1


def doubt(x: DecidedText) -> float:
    """Return how much calls for a second look: votes against checks or votes, a lukewarm mean, no answer."""
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
def draw_lot(uid: str) -> float:
    """Return a number drawn for a row: always the same for it, and evenly spread over 0 to 1,000,000."""
    return int.from_bytes(hashlib.sha256(f"lot {uid}".encode()).digest()[:6]) / 2**48 * 1_000_000


def _doubt(_: Mistake, x: DecidedText) -> float:
    return x.ask(doubt)


def _error(m: Mistake, x: DecidedText) -> float:
    return x.ask(estimate_error, m)


@dataclass(frozen=True, slots=True)
class BatchRule:
    """A class of rationales that can be decided at once: the filter that finds them, and why none will do."""

    filter: RowFilter
    reason: TextReason


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue: `about` gives the texts that a mistake is there for, or None where it doesn't belong.

    The mistakes come in the `order` of their first text, or by `lot`: at random, each with the same chance.
    """

    name: str
    title: str
    about: About
    order: Doubt = _doubt
    drains: bool = False
    of_attempt: bool = False  # a word on the attempt settles it
    # What people decided waits for a second look; nobody judges first there.
    second_look: bool = False
    by_lot: bool = False
    # Its title says something that is covered where people judge first.
    title_reveals: bool = True
    # Where it holds of people's ruling, who decides in this queue has the last word.
    settles: Callable[[Ruling], bool] | None = None
    batch_rule: BatchRule | None = None  # its texts can be decided at once
    # The thresholds beside the cuts at which `about` changes.
    edges: Callable[[Mistake], Iterable[int]] = lambda _: ()


def _rationales(of: Callable[[DecidedText, float], bool]) -> About:
    return lambda m, threshold: tuple(x for x in m.rationales if of(x, threshold)) or None


def _feedback(of: Callable[[DecidedText], bool]) -> About:
    return lambda m, _: tuple(x for x in m.feedback if of(x)) or None


def _mistakes(of: Callable[[Mistake], bool]) -> About:
    """Take the whole mistake: its rationales, its feedback where it has none, nothing where it has neither."""
    return lambda m, _: (m.rationales or m.feedback) if of(m) else None


def _conflicts(m: Mistake, _: float) -> Texts | None:
    return tuple(x for x in m.texts if x.people.conflict) or (m.texts if m.disputed else None)


def _decided(verdict: Verdict, check: str | None = None, state: State = State.FAILS) -> About:
    """Take the rationales on which the committee has this verdict, and on which a check says this."""
    return _rationales(
        lambda x, _: x.committee.verdict is verdict and (check is None or getattr(x.states, check) is state)
    )


def _no_vote(x: DecidedText) -> bool:
    return x.committee.verdict is Verdict.UNDECIDED or any(v.score is None for v in filter_votes(x.text.votes))


def _absent_steps(m: Mistake, _: float) -> Texts | None:
    steps = ((x, read_steps(m.attempt.text, x.text.text, x.record)) for x in m.feedback)
    return tuple(x for x, states in steps if states.step_exists is State.FAILS) or None


def _suspects(m: Mistake, _: float) -> Texts | None:
    return tuple(x for x in m.rationales if x.ask(estimate_base_error, m) >= LEAST_ERROR) or None


def _accepted_by_people(m: Mistake, _: float) -> Texts | None:
    """Return what people accepted with a wrong answer and no adjudicator decided, whatever the policy checks."""
    accepted = (x for x in m.rationales if x.people.decision is Act.ACCEPT and not x.people.adjudicated)
    return tuple(x for x in accepted if x.states.matches_gold is State.FAILS) or None


def _stale(m: Mistake, _: float) -> Texts | None:
    judged = (x for x in m.texts if x.judged and x.committee_then is not None)
    return tuple(x for x in judged if x.committee_then != x.committee.verdict) or None


def _near_edges(m: Mistake) -> Iterable[int]:
    return (edge for x in m.rationales for edge in near_range(x))


QUEUES: Mapping[str, Queue] = {
    queue.name: queue
    for queue in (
        Queue("everything", "everything", _mistakes(lambda _: True), title_reveals=False),
        Queue("smart", "most likely decided wrongly", _suspects, order=_error, title_reveals=False),
        Queue(
            "unjudged",
            "not judged yet",
            _mistakes(lambda m: not any(x.judged for x in m.texts)),
            drains=True,
            title_reveals=False,
        ),
        Queue("accepted-wrong", "accepted, but wrong answer", _decided(Verdict.ACCEPTED, Check.MATCHES_GOLD)),
        Queue(
            "rejected-right", "rejected, but right answer", _decided(Verdict.REJECTED, Check.MATCHES_GOLD, State.HOLDS)
        ),
        Queue(
            "disagree",
            "reviewers disagree",
            _rationales(lambda x, _: x.spread >= DISAGREE_SPREAD),
            order=lambda m, x: 10 * x.spread + _doubt(m, x),
        ),
        Queue("near-threshold", "near the threshold", _rationales(is_near), edges=_near_edges),
        Queue("unreadable", "answer can't be read", _rationales(lambda x, _: x.answer is None)),
        Queue("false-step", "accepted with a false step", _decided(Verdict.ACCEPTED, Check.EQUATIONS_TRUE)),
        Queue(
            "no-work",
            "accepted, but shows no work",
            _decided(Verdict.ACCEPTED, Check.SHOWS_WORK),
            batch_rule=BatchRule(RowFilter(committee="accepted", checks={"shows_work": "fails"}), TextReason.NO_WORK),
        ),
        Queue("feedback-check", "feedback that fails a check", _feedback(lambda x: x.states.refuted)),
        Queue("absent-step", "criticises what isn’t there", _absent_steps),
        Queue("uncovered", "nothing accepted", _mistakes(lambda m: not m.covered), drains=True),
        Queue("no-vote", "undecided, or a vote is missing", _rationales(lambda x, _: _no_vote(x))),
        Queue(
            "not-a-mistake",
            "possibly not a mistake",
            _mistakes(lambda m: m.may_be_correct),
            of_attempt=True,
            title_reveals=False,
        ),
        Queue("against-gold", "teachers agree against the gold", lambda m, _: find_against_gold(m) or None),
        Queue("stale", "decided before the committee changed", _stale, drains=True, second_look=True),
        Queue(
            "conflicts",
            "people disagree",
            _conflicts,
            drains=True,
            second_look=True,
            settles=lambda people: people.conflict,
        ),
        Queue(
            "person-accepted-wrong",
            "a person accepted it, but wrong answer",
            _accepted_by_people,
            drains=True,
            second_look=True,
            settles=lambda people: people.decision is Act.ACCEPT,
        ),
        Queue("audit", "random audit", _mistakes(lambda _: True), by_lot=True, title_reveals=False),
        Queue("audit-accepted", "random audit of what is accepted", _decided(Verdict.ACCEPTED), by_lot=True),
        Queue("audit-rejected", "random audit of what is rejected", _decided(Verdict.REJECTED), by_lot=True),
    )
}
DEFAULT = "everything"
# The random audits that show accepted rationales: what people decide there stands for all others.
AUDITS = ("audit", "audit-accepted")


@dataclass(frozen=True, slots=True)
class QueuedMistake:
    """A mistake in a queue: the texts it is there for, the most doubtful first, and those that still wait."""

    mistake: Mistake
    texts: Texts
    waiting: Texts
    is_settled: bool
    # So many people may have it in front of them at once.
    capacity: int = 1

    @property
    def enter(self) -> DecidedText | None:
        """Return the text to begin with; None where the mistake has no text at all."""
        return next(iter(self.waiting or self.texts or self.mistake.texts), None)


def find_most_doubtful(mistake: Mistake) -> DecidedText | None:
    """Return the text to begin with of a mistake that is in no queue."""
    return max(mistake.rationales or mistake.feedback, key=doubt, default=None)


def waits_for(x: DecidedText, person: str, per_text: int) -> bool:
    """Return whether a text waits for this person's judgement, in an exam that wants `per_text` of each."""
    return not x.people.adjudicated and len(x.people.by) < per_text and person not in x.people.by


def find_undecided(
    texts: Iterable[DecidedText], person: str, per_text: int, closed: frozenset[tuple[str, int]]
) -> Texts:
    """Return those of the texts that wait for this person and that nobody decided, as far as they may see."""
    waiting = (x for x in texts if not x.judged and waits_for(x, person, per_text))
    return tuple(x for x in waiting if (x.text.kind, x.text.id) not in closed)


def find_entry(
    queue: Queue, mistake: Mistake, threshold: float, closed: frozenset[tuple[str, int]], person: str, per_text: int
) -> QueuedMistake | None:
    """Return the mistake's entry in the queue as this person finds it, None where it isn't in it."""
    about = queue.about(mistake, threshold)
    if about is None:
        return None
    texts = about if len(about) < 2 else tuple(sorted(about, key=lambda x: -_first(queue, mistake, x)))
    # In a queue for a second look everything waits, also what this person judged.
    asked = (x for x in texts if queue.second_look or waits_for(x, person, per_text))
    waiting = tuple(x for x in asked if (x.text.kind, x.text.id) not in closed)
    if ("attempt", mistake.attempt.id) in closed and (queue.of_attempt or not texts):
        return QueuedMistake(mistake, texts, (), is_settled=True)
    places = max((per_text - len(x.people.by) for x in waiting), default=1)
    is_settled = bool(texts) and not waiting and not queue.of_attempt
    return QueuedMistake(mistake, texts, waiting, is_settled=is_settled, capacity=max(1, places))


def _first(queue: Queue, mistake: Mistake, x: DecidedText) -> float:
    return draw_lot(x.text.uid) if queue.by_lot else queue.order(mistake, x)


def rank(queue: Queue, mistake: Mistake, texts: Texts) -> int:
    """Return a mistake's rank in the queue, in thousandths; less is earlier. `texts`: those it is there for."""
    if queue.by_lot:
        return -round(1000 * draw_lot(mistake.attempt.uid))
    return -round(1000 * max((queue.order(mistake, x) for x in texts), default=0.0))


def sort_key(queue: Queue, mistake: Mistake, threshold: float) -> tuple[int, int, int]:
    """Return what orders a mistake in the queue, whether it belongs there or not: rank, question, attempt."""
    about = queue.about(mistake, threshold) or mistake.rationales
    return rank(queue, mistake, about), mistake.question.position, mistake.attempt.id


def find_closed_targets(judgements: Iterable[JudgementRow], person: str) -> frozenset[tuple[str, int]]:
    """Return the targets (kind, id) that this person skipped last, and the attempts found to be mistakes."""
    rows = {row.judged.id: row for row in judgements}
    latest: dict[tuple[str, str, int], Act] = {}
    for judged in drop_undone(row.judged for row in rows.values()):
        row = rows[judged.id]
        if not judged.only_notes:
            latest[judged.person, row.target, row.target_id] = judged.decision
    return frozenset(
        (kind, target)
        for (who, kind, target), act in latest.items()
        if (act is Act.SKIP and who == person) or (act is Act.ACCEPT and kind == "attempt")
    )


# The queues that find nothing without a gold answer, and those that find nothing without votes.
_OF_GOLD = frozenset({"accepted-wrong", "rejected-right", "against-gold", "person-accepted-wrong"})
_OF_COMMITTEE = {"near-threshold", "false-step", "no-work", "audit-accepted", "audit-rejected"}
_OF_VOTES = _OF_GOLD - {"against-gold", "person-accepted-wrong"} | {"disagree"} | _OF_COMMITTEE


def explain_lack(queue: Queue, *, has_votes: bool, has_gold: bool) -> str | None:
    """Say what the exam has none of, so that the queue can't fill: then an empty queue is no good news."""
    if queue.name in _OF_VOTES and not has_votes:
        return "No rationale of this exam has a valid vote yet."
    if queue.name in _OF_GOLD and not has_gold:
        return "No question of this exam has a gold answer to compare with."
    return None
