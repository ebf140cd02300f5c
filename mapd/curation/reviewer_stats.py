"""How the committee reviewed: who gave whom which scores, and what each reviewer let pass. Pure.

matrix(table)["slips", "sound"]     -> PairScores(votes=81, no_votes=0, mean=2.96): sound's for slips'
reviewers(table)[0].caught          -> Share(77, 87): of 87 rationales that the checks call wrong, 77 got 3 or less
reviewers(table)[0].let_pass        -> Measurement(n=87, questions=61, value=.115, low=.056, high=.181)

What is wrong is said by the checks (its answer isn't the gold answer, or an equation is false), so a rationale that is
wrong in another way counts as right here: docs/checks.md tells how often that is.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from mapd.curation.curated import Curated
from mapd.curation.decided_texts import filter_votes
from mapd.curation.resampling import Measurement, draw_sums, estimate_share, find_interval, find_lack, sum_by_question
from mapd.curation.score_table import ScoreTable
from mapd.policies import leniency

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

# A score above this lets a rationale pass, as the paper's threshold does with a mean.
PASSES = 3
HIGHEST = 5


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
    # How far its mean lies above (+) or below (-) that of all votes; its scores' standard deviation; its share of 5s.
    leniency: Measurement
    spread: Measurement
    fives: Measurement
    # What it got wrong by the checks: 1 - passed, 1 - caught.
    blocked: Measurement
    let_pass: Measurement


def matrix(table: ScoreTable) -> dict[tuple[str, str], PairScores]:
    """Return the scores by (author, reviewer); where nobody reviews an own rationale, the diagonal is absent."""
    import numpy as np

    size = len(table.teachers)
    authors = table.authors[table.texts]
    is_peers = authors >= 0
    pairs = authors[is_peers] * size + table.reviewers[is_peers]
    scores = table.scores[is_peers]
    all_votes = np.bincount(pairs, minlength=size * size)
    valid = np.bincount(pairs[scores > 0], minlength=size * size)
    sums = np.bincount(pairs, scores, minlength=size * size)
    return {
        (table.teachers[pair // size], table.teachers[pair % size]): PairScores(
            int(valid[pair]),
            int(all_votes[pair] - valid[pair]),
            Fraction(int(sums[pair]), int(valid[pair])) if valid[pair] else None,
        )
        for pair in np.flatnonzero(all_votes).tolist()
    }


def count_pairs(curated: Curated) -> dict[tuple[str, str], PairScores]:
    """Return the same of a curated set that is in memory, in the teachers' order, without a look at its checks."""
    # By pair: valid votes, votes without a score, the scores' sum.
    sums: dict[tuple[str, str], list[int]] = {}
    names = {name: place for place, name in enumerate(curated.teachers) if curated.places.get(name) is not None}
    for x in curated.rationales:
        for vote in filter_votes(x.text.votes):
            pair = sums.setdefault((x.text.teacher, vote.reviewer), [0, 0, 0])
            pair[vote.score is None] += 1
            pair[2] += vote.score or 0
    # Whoever repairs texts is an author, too, and none of the teachers.
    present = sorted((pair for pair in sums if set(pair) <= names.keys()), key=lambda pair: [names[x] for x in pair])
    return {
        pair: PairScores(votes, no_votes, Fraction(total, votes) if votes else None)
        for pair in present
        for votes, no_votes, total in [sums[pair]]
    }


def reviewers(table: ScoreTable) -> list[Reviewer]:
    """Return every teacher that reviewed, in the exam's order."""
    import numpy as np

    is_valid = table.scores > 0
    numbers, scores = table.reviewers[is_valid].tolist(), table.scores[is_valid].tolist()
    offsets = leniency((table.teachers[number], score) for number, score in zip(numbers, scores, strict=True))
    present = np.unique(table.reviewers).tolist()
    return [_describe(table, number, offsets.get(table.teachers[number])) for number in present]


def _describe(table: ScoreTable, number: int, offset: Fraction | None) -> Reviewer:
    is_own = table.reviewers == number
    is_valid = is_own & (table.scores > 0)
    scores, texts = table.scores[is_valid], table.texts[is_valid]
    questions, is_wrong = table.questions[texts], table.is_wrong[texts]
    passes, votes = scores > PASSES, len(scores)
    lenient, spread = _measure_scores(table, is_valid, offset)
    return Reviewer(
        table.teachers[number],
        votes,
        int(is_own.sum()) - votes,
        Fraction(int(scores.sum()), votes) if votes else None,
        Share(int((is_wrong & ~passes).sum()), int(is_wrong.sum())),
        Share(int((~is_wrong & passes).sum()), int((~is_wrong).sum())),
        lenient,
        spread,
        estimate_share(questions, scores == HIGHEST, scores > 0),
        estimate_share(questions, ~is_wrong & ~passes, ~is_wrong),
        estimate_share(questions, is_wrong & passes, is_wrong),
    )


def _measure_scores(table: ScoreTable, is_own: "Array", offset: Fraction | None) -> tuple[Measurement, Measurement]:
    """Return a reviewer's leniency and the spread of its scores. `is_own`: its valid votes."""
    import numpy as np

    is_valid = table.scores > 0
    questions = table.questions[table.texts]
    n, number = int(is_own.sum()), len(np.unique(questions[is_own]))
    if (why := find_lack(n, number)) or offset is None:
        return Measurement(n, number, why=why), Measurement(n, number, why=why)
    scores = table.scores.astype(float)
    columns = np.stack([is_own, is_own * scores, is_own * scores**2, is_valid, is_valid * scores], axis=1)
    draws = draw_sums(sum_by_question(questions[is_valid], columns[is_valid]))
    spread = _measure_spread(columns.sum(axis=0))
    # One reviewer alone is as lenient as all.
    lenient = find_interval(draws[:, 1] / draws[:, 0] - draws[:, 4] / draws[:, 3]) or (0.0, 0.0)
    spreads = find_interval(_measure_spread(draws.T)) or (spread, spread)
    return Measurement(n, number, float(offset), *lenient), Measurement(n, number, float(spread), *spreads)


def _measure_spread(sums: "Array") -> Any:
    """Return the standard deviation by number, sum, and sum of squares."""
    import numpy as np

    number, total, squares = sums[:3]
    return np.sqrt(np.maximum(squares / number - (total / number) ** 2, 0))
