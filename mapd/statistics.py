"""The numbers of a comparison: an interval of a share, a paired test. Pure.

wilson(81, 263) -> (0.2553, 0.3662), as published by Newcombe (1998)
"""

from collections.abc import Sequence
from typing import Any

CONFIDENCE = 0.95
# Draws of an interval: its ends are then steady to a hundredth of its width.
RESAMPLES = 2_000


def wilson(count: int, of: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share."""
    from scipy.stats import binomtest  # two seconds, so only where a number is made

    interval = binomtest(count, of).proportion_ci(CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


def bootstrap_mean(values: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % interval of a mean of shares, over draws of the values; Wilson's where each is 0 or 1."""
    # Wilson's has a width also where all are right, which no draw of them shows.
    if all(value in (0, 1) for value in values):
        return wilson(round(sum(values)), len(values))
    from scipy.stats import bootstrap

    interval = bootstrap(
        (values,), _mean, n_resamples=RESAMPLES, batch=100, method="percentile", rng=0, confidence_level=CONFIDENCE
    ).confidence_interval
    return float(interval.low), float(interval.high)


def student_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return Student's 95 % interval of the mean of two values or more."""
    from scipy.stats import sem, t

    mean, error = sum(values) / len(values), float(sem(values))
    low, high = t.interval(CONFIDENCE, len(values) - 1, loc=mean, scale=error) if error else (mean, mean)
    return float(low), float(high)


def paired_bootstrap(changes: Sequence[int]) -> tuple[float, float] | None:
    """Return the 95 % interval of a mean change of paired outcomes, each -1, 0 or 1; None where nothing changed."""
    if not any(changes):
        return None
    from scipy.stats import multinomial

    n = len(changes)
    shares = [changes.count(value) / n for value in (-1, 0, 1)]
    # Of -1, 0 and 1 a draw of the questions is one of a multinomial: three numbers instead of thousands.
    draws = multinomial.rvs(n, shares, RESAMPLES * 5, random_state=0)
    means = sorted(float(gained - lost) / n for lost, _, gained in draws)
    tail = round(len(means) * (1 - CONFIDENCE) / 2)
    return means[tail], means[-tail - 1]


def _mean(values: Any, axis: int = -1) -> Any:
    return values.mean(axis=axis)


def mcnemar(fixed: int, broken: int) -> float:
    """Return McNemar's exact p, two-sided; 1 where no question changed."""
    from scipy.stats import binomtest

    # Were both students equally good, each changed question would be the throw of a fair coin.
    return float(binomtest(fixed, fixed + broken, 0.5).pvalue) if fixed + broken else 1.0
