"""How likely the committee's verdict on a rationale is wrong: the order of the combined queue. Pure.

    suspicion(mistake, x)          -> Suspicion(5.1, ("its answer is not the gold", "spread of scores 4", …))
    suspicion(mistake, x).words    -> "Accepted at 3.50, perhaps wrongly: its answer is not the gold; …"

It adds up what speaks against the verdict and takes off what speaks for it. A rationale that is accepted wrongly
teaches an error, one that is rejected wrongly is only missed: of it half counts. The weights were chosen by hand; that
half after a look at the authors' SVAMP data, on which benchmarks/smart.py measures the order, the others before.
Without a gold answer the rest still works.
"""

from dataclasses import dataclass

from mapd.checks import State
from mapd.curation.curated import DecidedText, Mistake
from mapd.curation.inputs import agree
from mapd.domain import Verdict

# What a rationale that is rejected wrongly counts beside one that is accepted wrongly.
MISSED_WEIGHT = 0.5
WeightedReason = tuple[float, str]  # what it adds, and in words


@dataclass(frozen=True, slots=True)
class Suspicion:
    """More is earlier. `reasons`: the weightiest first. `figure`: what decided, "" where nobody voted."""

    score: float
    reasons: tuple[str, ...]
    verdict: Verdict
    figure: str

    @property
    def words(self) -> str:
        """Say why the text has its rank, for a tooltip."""
        at = f"at {self.figure}" if self.figure else "without a vote"
        doubts = "; ".join(self.reasons) or "no check, review or answer contradicts it"
        perhaps = ", perhaps wrongly" if self.reasons and self.verdict is not Verdict.UNDECIDED else ""
        return f"{self.verdict.value.capitalize()} {at}{perhaps}: {doubts}"


def suspicion(mistake: Mistake, x: DecidedText, *, gold: bool = True) -> Suspicion:
    """Return what speaks against the committee's verdict on a rationale. `gold` unset: as if none were known."""
    average = x.fair_mean if x.fair_mean is not None else x.committee.mean
    mean = None if average is None else min(5.0, max(1.0, float(average)))
    if x.committee.verdict is Verdict.ACCEPTED:
        weighted = _against_accepted(mistake, x, mean, gold)
    elif x.committee.verdict is Verdict.REJECTED:
        weighted = _against_rejected(mistake, x, mean, gold)
    else:
        weighted = [(2.0, "the committee could not decide"), *_against_accepted(mistake, x, mean, gold)]
    if (apart := x.spread) >= 1:
        weighted.append((0.4 * apart, f"its scores lie {apart} apart"))
    # A wrongly rejected rationale is only missed, a wrongly accepted one teaches an error.
    if x.committee.verdict is Verdict.REJECTED:
        weighted = [(MISSED_WEIGHT * weight, words) for weight, words in weighted]
    # What speaks for the verdict has no words and counts below 0.
    reasons = tuple(words for weight, words in sorted(weighted, key=lambda reason: -reason[0]) if weight > 0)
    return Suspicion(sum(w for w, _ in weighted), reasons, x.committee.verdict, x.committee.figure())


def _keep(*claims: tuple[bool, float, str]) -> list[WeightedReason]:
    return [(weight, words) for holds, weight, words in claims if holds]


def _against_accepted(mistake: Mistake, x: DecidedText, mean: float | None, gold: bool) -> list[WeightedReason]:
    below = 0.0 if mean is None else 5 - mean
    return [
        *_keep(
            (gold and x.states.matches_gold is State.FAILS, 3.0, "its answer is not the gold"),
            (gold and x.states.matches_gold is State.HOLDS, -1.0, ""),
            (x.states.equations_true is State.FAILS, 1.5, "an equation in it is false"),
            (x.states.shows_work is State.FAILS, 0.8, "it shows no work"),
            (x.answer is None, 1.0, "its answer can't be read"),
        ),
        *_compare_with_peers(mistake, x),
        *_keep(
            (below > 0, 0.6 * below, "its mean is low for these reviewers"),
            (_is_short(mistake, x), 0.4, "it is much shorter than the others"),
        ),
    ]


def _against_rejected(mistake: Mistake, x: DecidedText, mean: float | None, gold: bool) -> list[WeightedReason]:
    above = 0.0 if mean is None else mean - 1
    is_shared = any(agrees(mistake, x, peer) for peer in _list_peers(mistake, x))
    return _keep(
        (gold and x.states.matches_gold is State.HOLDS, 2.0, "its answer is the gold"),
        (gold and x.states.matches_gold is State.FAILS, -1.5, ""),
        (x.states.equations_true is State.FAILS, -1.0, ""),
        (is_shared, 1.0, "another author comes to the same answer"),
        (above > 0, 0.6 * above, "its mean is not low, for these reviewers"),
    )


def _compare_with_peers(mistake: Mistake, x: DecidedText) -> list[WeightedReason]:
    peers = [peer for peer in _list_peers(mistake, x) if peer.answer is not None]
    if not peers or x.answer is None:
        return []
    if any(agrees(mistake, x, peer) for peer in peers):
        return [(-0.8, "")]
    if len(peers) > 1 and any(agrees(mistake, a, b) for a in peers for b in peers if a is not b):
        return [(2.0, "the other authors agree on another answer")]
    return [(1.2, "no other author comes to its answer")]


def _list_peers(mistake: Mistake, x: DecidedText) -> list[DecidedText]:
    return [peer for peer in mistake.rationales if peer.text.teacher != x.text.teacher]


def agrees(mistake: Mistake, first: DecidedText, second: DecidedText) -> bool:
    """Return whether two rationales end in the same answer."""
    return agree(mistake.question, first.answer, second.answer)


def find_against_gold(mistake: Mistake) -> tuple[DecidedText, ...]:
    """Return the largest group of rationales by two or more authors who agree on an answer that isn't the gold."""
    wrong = [x for x in mistake.rationales if x.states.matches_gold is State.FAILS and x.answer is not None]
    if len({x.text.teacher for x in wrong}) < 2:
        return ()
    groups = [[peer for peer in wrong if agrees(mistake, x, peer)] for x in wrong]
    largest = max(groups, key=lambda group: len({x.text.teacher for x in group}))
    return tuple(largest) if len({x.text.teacher for x in largest}) > 1 else ()


def _is_short(mistake: Mistake, x: DecidedText) -> bool:
    lengths = [len(peer.text.text) for peer in _list_peers(mistake, x)]
    return bool(lengths) and len(x.text.text) * 3 < min(lengths)
