"""Intervals by questions drawn anew: the bootstrap of numbers that are made of sums over questions. Pure.

    sums = sum_by_question(questions, columns)      # a row a question
    draws = draw_sums(sums)                         # a row a draw, each of as many questions as there are
    estimate_share(questions, passed, wrong)         -> Measurement(n=362, questions=214, value=.27, low=.21, high=.33)

Texts of one question are alike, so whole questions are drawn (a cluster bootstrap; Davison and Hinkley 1997, 3.8). What
is drawn is how often each kind of question comes, a multinomial: its cost doesn't grow with their number.
"""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from mapd.statistics import CONFIDENCE, RESAMPLES, wilson

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

# Fewer say too little for a number.
LEAST_TEXTS, LEAST_QUESTIONS = 30, 10
# Of more questions than these so many bundles are made at random, and bundles are drawn.
MOST_KINDS = 1_000


@dataclass(frozen=True, slots=True)
class Measurement:
    """A number with its 95 % interval, of `n` texts on so many questions; without a number `why` says why."""

    n: int
    questions: int
    value: float | None = None
    low: float | None = None
    high: float | None = None
    why: str = ""


def find_lack(n: int, questions: int, least: int = LEAST_TEXTS) -> str:
    """Return in words that these texts are too few for a number, of how many; "" where they are enough."""
    if n >= least and questions >= LEAST_QUESTIONS:
        return ""
    if n < least:
        return f"too few: {n:,} of {least:,}"
    return f"too few: {questions:,} of {LEAST_QUESTIONS} questions"


def sum_by_question(questions: "Array", columns: "Array") -> "Array":
    """Return the columns' sums over each question."""
    import numpy as np

    _, numbers = np.unique(questions, return_inverse=True)
    size = int(numbers.max()) + 1 if len(numbers) else 0
    sums = [np.bincount(numbers, columns[:, place], minlength=size) for place in range(columns.shape[1])]
    return np.stack(sums, axis=1) if sums else np.zeros((size, 0))


def draw_sums(sums: "Array") -> "Array":
    """Return the columns' sums over as many questions as there are, drawn with replacement, a row a draw."""
    import numpy as np

    if len(sums) > MOST_KINDS:
        bundles = np.random.default_rng(0).permutation(len(sums)) % MOST_KINDS
        draws: Array = _draw_bundles() @ sum_by_question(bundles, sums)
        return draws
    # Sums of fractions differ in their last digits by the order in which they were added.
    kinds, counts = np.unique(sums.round(9), axis=0, return_counts=True)
    draws = _draw_counts(counts)
    return draws @ kinds  # type: ignore[no-any-return]


@cache
def _draw_bundles() -> "Array":
    """Return how often each bundle comes in each draw: the same for all numbers of an exam."""
    import numpy as np

    return _draw_counts(np.ones(MOST_KINDS, dtype=np.int64))


def _draw_counts(counts: "Array") -> "Array":
    import numpy as np

    # The same numbers each time: an interval that flickers can't be quoted.
    generator = np.random.default_rng(0)
    draws: Array = generator.multinomial(counts.sum(), counts / counts.sum(), size=RESAMPLES).astype(float)
    return draws


def find_interval(draws: "Array") -> tuple[float, float] | None:
    """Return the 95 % interval of a number's draws; None where most draws gave none."""
    import numpy as np

    valid = draws[np.isfinite(draws)]
    if len(valid) < len(draws) / 2:
        return None
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(valid, (tail, 1 - tail))
    return float(low), float(high)


def estimate_share(questions: "Array", parts: "Array", wholes: "Array") -> Measurement:
    """Return a share of texts; where it is 0 or 1 with Wilson’s interval, for no draw shows another."""
    import numpy as np

    counted = wholes > 0
    n, number = int(wholes.sum()), len(np.unique(questions[counted]))
    if why := find_lack(n, number):
        return Measurement(n, number, why=why)
    value = float(parts.sum() / wholes.sum())
    if value in (0.0, 1.0):
        return Measurement(n, number, value, *wilson(round(parts.sum()), n))
    sums = draw_sums(sum_by_question(questions[counted], np.stack([parts, wholes], axis=1)[counted]))
    low, high = find_interval(sums[:, 0] / sums[:, 1]) or (value, value)
    return Measurement(n, number, value, low, high)
