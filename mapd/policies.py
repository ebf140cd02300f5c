"""The committee's rules: means, policies, verdicts. Pure, no I/O.

    decide_rationale([5, None], PAPER, checks)                    -> accepted, mean 5
    decide_rationale([5, None], STRICT, checks)                   -> undecided: 1 valid vote, 2 needed
    decide_rationale([5, 2], fitted.at(0.9), checks, Fraction("0.97"))      -> accepted: P(right) 0.97 is above 0.9

Source: arXiv 2410.03663, section 3; the rule "mean > 3, strictly" is the released code's.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction

from mapd.checks import State
from mapd.domain import Verdict
from mapd.errors import BadInput
from mapd.probability import Fit


def mean(scores: Iterable[int | Fraction | None]) -> Fraction | None:
    """Return the exact mean of the valid votes; None where there is none (no vote is never a 0)."""
    valid = [s for s in scores if s is not None]
    return Fraction(sum(valid)) / len(valid) if valid else None


# Thresholds reach from 0 to these.
HIGHEST_MEAN, HIGHEST_PROBABILITY = 5.0, 1.0


def check_threshold(threshold: float, highest: float) -> None:
    """See that a threshold on a mean, or on a probability, is one. Raises: BadInput."""
    if not 0 <= threshold <= highest:
        scale = ": it is on a probability" if highest == HIGHEST_PROBABILITY else ""
        raise BadInput(f"a threshold lies between 0 and {highest:g}, not at {threshold:g}{scale}")
    # Exams and the queue index hold whole hundredths, and a text has the same verdict everywhere.
    if not math.isclose(100 * threshold, round(100 * threshold), abs_tol=1e-6):
        raise BadInput(f"a threshold has two digits, such as {threshold:.2f}, not as many as {threshold:g}")


class Check(StrEnum):
    """The checks a policy can require. Each is looked at in both kinds of explanation, as far as it applies."""

    MATCHES_GOLD = "matches_gold"
    EQUATIONS_TRUE = "equations_true"
    SHOWS_WORK = "shows_work"


@dataclass(frozen=True, slots=True)
class Policy:
    """What the committee's votes and the checks have to say for a text to be accepted.

    With a `fit` the probability that a rationale is right decides in place of the mean; that of a feedback does so
    where the fit has one for feedback, too, else feedback is decided as ever.
    """

    name: str
    # The mean, or the probability, must be strictly greater.
    threshold: float = 3.0
    # Fewer valid votes leave it undecided.
    min_votes: int = 1
    checks: frozenset[Check] = frozenset()
    # Each score is first corrected by how far its reviewer's mean lies from all reviewers'.
    leniency_adjusted: bool = False
    version: int = 1
    fit: Fit | None = None

    def __post_init__(self) -> None:
        check_threshold(self.threshold, self.highest)
        if self.fit and self.leniency_adjusted:
            raise BadInput(f"{self.name} is fitted, and a fit weighs each reviewer: leave out the leniency")
        if self.min_votes < 1:
            raise BadInput(f"at least 1 valid vote is needed to decide, not {self.min_votes}")

    @property
    def highest(self) -> float:
        """Return the highest threshold: of a probability 1, of a mean 5."""
        return HIGHEST_MEAN if self.fit is None else HIGHEST_PROBABILITY

    @property
    def rule(self) -> str:
        """Return what its threshold is on, in words."""
        return "mean" if self.fit is None else "P(right)"

    @property
    def conditions(self) -> str:
        """Return all that decides beside the threshold, in words that two policies share where they decide alike."""
        words = f"votes {self.min_votes}, checks {sorted(self.checks)}, leniency {self.leniency_adjusted}"
        return words if self.fit is None else f"{words}, fit {self.fit.digest}"

    def at(self, threshold: float) -> "Policy":
        """Return the same policy with another threshold."""
        return replace(self, threshold=threshold)


PAPER = Policy("paper")
# Its checks are named one by one: a further check changes no preset.
STRICT = Policy("strict", min_votes=2, checks=frozenset({Check.MATCHES_GOLD, Check.EQUATIONS_TRUE, Check.SHOWS_WORK}))
PRESETS: Mapping[str, Policy] = {p.name: p for p in (PAPER, STRICT)}
NEVER, ALWAYS = -math.inf, math.inf


@dataclass(frozen=True, slots=True)
class CommitteeVerdict:
    """The committee's verdict with its reason, in words that a page can show."""

    verdict: Verdict
    mean: Fraction | None
    valid_votes: int
    # The text is accepted at every threshold below this mean, or probability (NEVER where votes or checks stand in the
    # way, ALWAYS where no vote is needed), so that all thresholds can be counted at once.
    cut: float
    why: str
    probability: Fraction | None = None  # that the text is right, by a fitted policy

    @property
    def decisive(self) -> Fraction | None:
        """Return what the threshold is held against: the probability where there is one, else the mean."""
        return self.mean if self.probability is None else self.probability

    def figure(self, digits: int = 2) -> str:
        """Return what decided, as a chip shows it: "3.50", "P 0.97"; "" where nothing did. `digits`: of a mean."""
        # A rationale without a vote is undecided, whatever its probability; a feedback is decided by it.
        is_open = self.mean is None and self.verdict is Verdict.UNDECIDED
        if self.probability is not None and not is_open:
            return f"P {float(self.probability):.2f}"
        return "" if self.mean is None else f"{float(self.mean):.{digits}f}"


@dataclass(frozen=True, slots=True)
class CheckStates:
    """The three-state checks that a policy may require, of one text."""

    matches_gold: State = State.NOTHING
    equations_true: State = State.NOTHING
    shows_work: State = State.NOTHING

    @property
    def refuted(self) -> bool:
        """Return whether a check calls it wrong: its answer isn't the gold one, or an equation is false."""
        return State.FAILS in (self.matches_gold, self.equations_true)


_RATIONALE_FAILS = {
    (Check.MATCHES_GOLD, State.FAILS): "its own answer is not the gold answer",
    (Check.MATCHES_GOLD, State.NOTHING): "its own answer can't be read",
    (Check.EQUATIONS_TRUE, State.FAILS): "an equation is false",  # a text without equations may be right
    (Check.SHOWS_WORK, State.FAILS): "it shows no work",
    (Check.SHOWS_WORK, State.NOTHING): "it shows no work",
}
# Feedback need not state an answer: only a wrong one speaks against it.
_FEEDBACK_FAILS = {
    (Check.MATCHES_GOLD, State.FAILS): "it states another answer than the gold",
    (Check.EQUATIONS_TRUE, State.FAILS): "an equation is false",
}


def find_failed_check(
    checks: CheckStates, required: Iterable[Check], failures: Mapping[tuple[Check, State], str]
) -> str | None:
    """Return the first required check that speaks against a text, in words; None if none does."""
    reports = (failures.get((check, getattr(checks, check))) for check in sorted(required))
    return next((failure for failure in reports if failure), None)


def decide_rationale(
    scores: Sequence[int | Fraction | None], policy: Policy, checks: CheckStates, probability: Fraction | None = None
) -> CommitteeVerdict:
    """Return the committee's verdict on a rationale. Too few valid votes leave it undecided, whatever checks say.

    `probability`: that it is right, where the policy is fitted.
    """
    average = mean(scores)
    votes = sum(s is not None for s in scores)
    # No check is looked at: without enough votes there is nothing to decide.
    if average is None or votes < policy.min_votes:
        needed = f"{votes} valid {'vote' if votes == 1 else 'votes'}, {policy.min_votes} needed"
        return CommitteeVerdict(Verdict.UNDECIDED, average, votes, NEVER, needed, probability)
    failure = find_failed_check(checks, policy.checks, _RATIONALE_FAILS)
    if policy.fit is None:
        return _decide(average, votes, policy.threshold, failure)
    assert probability is not None, "a fitted policy decides by it"
    return _decide_by_probability(average, votes, policy.threshold, failure, probability)


def decide_feedback(
    scores: Sequence[int | Fraction | None], policy: Policy, checks: CheckStates, probability: Fraction | None = None
) -> CommitteeVerdict:
    """Return the committee's verdict on a feedback: it stands unless a check fails or peers score it too low.

    Feedback that nobody reviewed stands. `checks.matches_gold` is here: it states the gold answer. `probability`: that
    it is right, where the policy's fit has one for feedback; it decides, with and without scores. Under a fitted policy
    that has none, and whose threshold says nothing of a mean, it is the paper's that peers' scores have to be above.
    """
    average = mean(scores)
    votes = sum(s is not None for s in scores)
    failure = find_failed_check(checks, policy.checks, _FEEDBACK_FAILS)
    if policy.fit is None:
        return _decide(average, votes, policy.threshold, failure)
    if probability is not None:
        return _decide_by_probability(average, votes, policy.threshold, failure, probability)
    decision = _decide(average, votes, PAPER.threshold, failure)
    return replace(decision, cut=ALWAYS if decision.verdict is Verdict.ACCEPTED else NEVER)


def decide_repair(kind: str, policy: Policy, checks: CheckStates) -> CommitteeVerdict:
    """Return the verdict on a text that a person repaired: accepted, unless a required check fails.

    No teacher has reviewed it: its author's word stands in for the committee's. That word is the first judgement on
    it, made with it; it doesn't outrank the checks. A later judgement, the author's too, does, as anywhere. What it
    repairs was rejected by the same act, so one undo brings the old text back (`is_repair_undone`).
    """
    failures = _RATIONALE_FAILS if kind == "rationale" else _FEEDBACK_FAILS
    failure = find_failed_check(checks, policy.checks, failures)
    if failure:
        return CommitteeVerdict(Verdict.REJECTED, None, 0, NEVER, failure)
    return CommitteeVerdict(Verdict.ACCEPTED, None, 0, ALWAYS, "a person repaired it, and no required check fails")


def _decide(average: Fraction | None, votes: int, threshold: float, failure: str | None) -> CommitteeVerdict:
    """Accept if no check fails and the mean, where there is one, is strictly above the threshold."""
    if failure:
        return CommitteeVerdict(Verdict.REJECTED, average, votes, NEVER, failure)
    if average is None:
        return CommitteeVerdict(Verdict.ACCEPTED, None, votes, ALWAYS, "no required check fails, and nobody scored it")
    # Strictly greater, as in the paper. Both are fractions, so that a mean of exactly 3 is never above 3.
    above = average > Fraction(str(threshold))
    why = f"mean {float(average):.2f} is {'' if above else 'not '}above {threshold:g}"
    return CommitteeVerdict(Verdict.ACCEPTED if above else Verdict.REJECTED, average, votes, float(average), why)


def _decide_by_probability(
    average: Fraction | None, votes: int, threshold: float, failure: str | None, probability: Fraction
) -> CommitteeVerdict:
    """Accept if no check fails and the probability is strictly above the threshold."""
    if failure:
        return CommitteeVerdict(Verdict.REJECTED, average, votes, NEVER, failure, probability)
    above = probability > Fraction(str(threshold))
    why = f"P(right) {float(probability):.2f} is {'' if above else 'not '}above {threshold:g}"
    verdict = Verdict.ACCEPTED if above else Verdict.REJECTED
    return CommitteeVerdict(verdict, average, votes, float(probability), why, probability)


def leniency(votes: Iterable[tuple[str, int | None]]) -> dict[str, Fraction]:
    """Return by reviewer how far its mean score lies above (+) or below (-) the mean of all valid votes.

    `votes`: (reviewer, score or None). Subtract it from a score to compare reviewers fairly.
    """
    by_reviewer: dict[str, list[int]] = {}
    for reviewer, score in votes:
        if score is not None:
            by_reviewer.setdefault(reviewer, []).append(score)
    everything = mean([s for scores in by_reviewer.values() for s in scores])
    if everything is None:
        return {}
    return {name: Fraction(sum(scores), len(scores)) - everything for name, scores in by_reviewer.items()}
