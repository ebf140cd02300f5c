"""One explanation, decided: the committee's verdict from votes and checks, people's word on it, and what counts. Pure.

rules = CommitteeRules(PAPER, offsets={})
rules.tally(text, [Vote("gpt", 5), Vote("mistral", 4)], states).committee      -> accepted, mean 4.50
DecidedText(…).final_cut                                  -> 450: accepted at every threshold below 4.50
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from mapd import policies
from mapd.checks import CheckRecord, FeedbackChecks, RationaleChecks
from mapd.domain import Ruling, Text, Verdict, Vote
from mapd.judgements import final_verdict
from mapd.policies import CheckStates, CommitteeVerdict, Policy

if TYPE_CHECKING:
    from mapd.curation.curated import Mistake

T = TypeVar("T")
# Thresholds are whole hundredths: of a mean from 0 to 500, of a probability to 100; a text is accepted at each
# threshold below its cut.
NEVER_CUT, ALWAYS_CUT = 0, 501


@dataclass(frozen=True, slots=True)
class DecidedText:
    """An explanation, decided. `verdict` is what counts, `committee` what votes and checks say."""

    text: Text
    checks: RationaleChecks | FeedbackChecks
    states: CheckStates
    committee: CommitteeVerdict
    people: Ruling
    verdict: Verdict
    answer: str | None  # a rationale's own final answer, as corrected by people
    cut: float  # accepted at every threshold below this mean, or probability
    fair_mean: Fraction | None = None  # the mean, each score corrected for its reviewer's leniency
    committee_then: str | None = None  # the committee's verdict when people's latest decision on it was made
    spread: int = 0  # how far the highest and the lowest valid vote lie apart
    # What the checks said of it when it was derived, where that is known beside the gold answer of now.
    record: CheckRecord | None = field(default=None, repr=False, compare=False)
    not_needed: tuple[str, ...] = ()  # who gave no review, where none can change the committee's verdict
    # By rule: what `ask` worked out. All else is as it was decided, so that an answer stays right.
    answers: dict[Callable[..., Any], Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def ask(self, rule: Callable[..., T], *mistake: "Mistake") -> T:
        """Return a rule's answer on this text, worked out once: queues ask for the same at many thresholds."""
        if rule not in self.answers:
            self.answers[rule] = rule(*mistake, self)
        answer: T = self.answers[rule]
        return answer

    @property
    def overridden(self) -> bool:
        """Return whether people's decision differs from the committee's."""
        return self.verdict is not self.committee.verdict

    @property
    def judged(self) -> bool:
        """Return whether a person has decided on it (a conflict is decided, but not yet agreed)."""
        return self.people.decision is not None or self.people.conflict

    def committee_at(self, verdict: Verdict) -> "DecidedText":
        """Return the text with this verdict of the committee; an undecided one stays undecided."""
        if self.committee.verdict in (verdict, Verdict.UNDECIDED):
            return self
        return self.ask(_flip)

    @property
    def committee_cut(self) -> int:
        """Return the cut in hundredths: at every threshold below it the committee accepts the text."""
        return self.ask(_find_committee_cut)

    @property
    def final_cut(self) -> int:
        """Return the cut of the verdict that counts, in hundredths."""
        return _cut_in_hundredths(self.cut, self.committee.decisive)


def _flip(x: DecidedText) -> DecidedText:
    """Return the text with the committee's other verdict."""
    verdict = Verdict.REJECTED if x.committee.verdict is Verdict.ACCEPTED else Verdict.ACCEPTED
    return replace(x, committee=replace(x.committee, verdict=verdict), verdict=final_verdict(verdict, x.people))


def _find_committee_cut(x: DecidedText) -> int:
    return _cut_in_hundredths(x.committee.cut, x.committee.decisive)


def _cut_in_hundredths(cut: float, decisive: Fraction | None) -> int:
    # Rounded up, so that a mean above a whole hundredth stays above it.
    if math.isinf(cut) or decisive is None:
        return ALWAYS_CUT if cut > 0 else NEVER_CUT
    return min(ALWAYS_CUT, max(NEVER_CUT, hundredths(decisive)))


def hundredths(value: Fraction) -> int:
    """Return a mean, or a probability, in whole hundredths, rounded up."""
    return math.ceil(value * 100)


def measure_leniency(texts: Iterable[Sequence[Vote]]) -> dict[str, Fraction]:
    """Return the reviewers' leniency over these texts' votes."""
    return policies.leniency((v.reviewer, v.score) for votes in texts for v in filter_votes(votes))


def filter_votes(votes: Sequence[Vote]) -> list[Vote]:
    """Return the votes that count: those given with sight of the gold, else those without; never both kinds."""
    # Who saw the gold answer scores otherwise than who didn't: their votes have no common mean.
    with_gold = [v for v in votes if v.saw_gold]
    if len(with_gold) == len(votes) or any(v.score is not None for v in with_gold):
        return with_gold
    return [v for v in votes if not v.saw_gold]


@dataclass(frozen=True, slots=True)
class TextTally:
    """What votes and checks give: the verdict, the mean corrected for leniency, how far the valid votes lie apart."""

    committee: CommitteeVerdict
    fair_mean: Fraction | None
    spread: int


# What texts of one exam differ in: score by reviewer, and states of the checks. Few combinations are ever seen.
MOST_TALLIES = 16_384


class CommitteeRules:
    """A policy and the reviewers' leniency; what is equal for the rules is worked out once."""

    def __init__(self, policy: Policy, offsets: Mapping[str, Fraction]) -> None:
        """Take a policy, and by reviewer the leniency."""
        self.policy, self._offsets = policy, offsets
        self._tally_again = lru_cache(MOST_TALLIES)(self._work_out)

    def tally(
        self, text: Text, votes: Iterable[Vote], states: CheckStates, probability: Fraction | None = None
    ) -> TextTally:
        """Return what these votes and checks give. `votes`: those that count; `probability`: of a fitted policy.

        A repair is decided by the checks alone, whatever an archive brought of votes on it.
        """
        scores = tuple((v.reviewer, v.score) for v in votes)
        # Hardly two texts have the same probability.
        work_out = self._tally_again if probability is None else self._work_out
        return work_out(text.kind, text.repairs_id is not None, scores, states, probability)

    def _work_out(
        self,
        kind: str,
        is_repair: bool,
        scores: Sequence[tuple[str, int | None]],
        states: CheckStates,
        probability: Fraction | None,
    ) -> TextTally:
        plain = [score for _, score in scores]
        fair = [None if score is None else score - self._offsets.get(reviewer, 0) for reviewer, score in scores]
        scale: Sequence[int | Fraction | None] = fair if self.policy.leniency_adjusted else plain
        if is_repair:
            committee = policies.decide_repair(kind, self.policy, states)
        else:
            decide = policies.decide_rationale if kind == "rationale" else policies.decide_feedback
            committee = decide(scale, self.policy, states, probability)
        valid = [score for score in plain if score is not None]
        return TextTally(committee, policies.mean(fair), max(valid) - min(valid) if valid else 0)
