"""How the committee reviewed: who gave whom which scores, and what each reviewer let pass. Pure.

matrix(curated)["slips", "sound"]     -> PairScores(votes=81, no_votes=0, mean=2.96): sound's for slips'
reviewers(curated)[0].caught          -> Share(77, 87): of 87 rationales that the checks call wrong, 77 got 3 or less

What is wrong is said by the checks (its answer isn't the gold answer, or an equation is false), so a rationale that is
wrong in another way counts as right here: docs/checks.md tells how often that is.
"""

from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction

from mapd.curation.curated import Curated, filter_votes
from mapd.policies import mean

# A score above this lets a rationale pass, as the paper's threshold does with a mean.
PASSES = 3


@dataclass(frozen=True, slots=True)
class PairScores:
    """One reviewer's scores for one author's rationales."""

    votes: int
    no_votes: int
    mean: Fraction | None


@dataclass(frozen=True, slots=True)
class Share:
    """`count` out of `of`."""

    count: int
    of: int

    @property
    def value(self) -> float | None:
        """Return the share, None out of nothing."""
        return self.count / self.of if self.of else None


@dataclass(frozen=True, slots=True)
class Reviewer:
    """One reviewer: `caught` is its sensitivity to wrong rationales, `passed` its specificity for the others."""

    name: str
    votes: int
    no_votes: int
    mean: Fraction | None
    caught: Share
    passed: Share


def matrix(curated: Curated) -> dict[tuple[str, str], PairScores]:
    """Return the scores by (author, reviewer); nobody reviews an own rationale, so the diagonal is absent."""
    scores: dict[tuple[str, str], list[int | None]] = defaultdict(list)
    for x in curated.rationales:
        for v in filter_votes(x.text.votes):
            scores[x.text.teacher, v.reviewer].append(v.score)
    return {
        pair: PairScores(sum(s is not None for s in of_pair), sum(s is None for s in of_pair), mean(of_pair))
        for pair, of_pair in scores.items()
    }


def reviewers(curated: Curated) -> list[Reviewer]:
    """Return every teacher that reviewed, in the exam's order."""
    votes: dict[str, list[tuple[bool, int | None]]] = defaultdict(list)
    for x in curated.rationales:
        for v in filter_votes(x.text.votes):
            votes[v.reviewer].append((x.states.refuted, v.score))
    return [_reviewer(name, votes[name]) for name in curated.teachers if votes[name]]


def _reviewer(name: str, votes: list[tuple[bool, int | None]]) -> Reviewer:
    valid = [(wrong, score) for wrong, score in votes if score is not None]
    caught = [score <= PASSES for wrong, score in valid if wrong]
    passed = [score > PASSES for wrong, score in valid if not wrong]
    return Reviewer(
        name,
        len(valid),
        len(votes) - len(valid),
        mean(score for _, score in valid),
        Share(sum(caught), len(caught)),
        Share(sum(passed), len(passed)),
    )
