"""The numbers of a comparison: an interval of a share, a paired test. Pure.

wilson(81, 263) -> (0.2553, 0.3662), as published by Newcombe (1998)
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

CONFIDENCE = 0.95
# Draws of an interval: its ends are then steady to a hundredth of its width.
RESAMPLES = 2_000
TAILS = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)


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


def predict_count(clusters: Sequence[tuple[int, int]], further: int) -> tuple[float, float, float]:
    """Return how many of the `further` units are hits, and the 95 % interval, from clusters that were drawn by lot.

    `clusters`: hits and units of each, such as a question's wrong and all texts; two clusters or more with a unit. A
    beta-binomial prediction with an even prior. What the units of a cluster have in common widens it: sample and rest
    are divided by the design effect, with Student's correction for few clusters (Korn and Graubard, 1998).
    """
    import numpy as np
    from scipy.stats import betabinom

    hits, units = (np.array(column, dtype=float) for column in zip(*clusters, strict=True))
    share = float(hits.sum() / units.sum())
    effect = _design_effect(hits - share * units, float(units.sum()) * share * (1 - share))
    scaled_further = round(further / effect)
    right, wrong = hits.sum() / effect + 1, (units - hits).sum() / effect + 1
    cumulated = betabinom.pmf(np.arange(scaled_further + 1), scaled_further, right, wrong).cumsum()
    low, high = _find_ends(cumulated, effect)
    return share * further, min(low, share * further), max(min(high, further), share * further)


def predict_from_risks(clusters: Sequence[Sequence[tuple[bool, float]]], further: float) -> tuple[float, float, float]:
    """Return to how many hits `further` expected ones come, and the 95 % interval, from clusters drawn by lot.

    `clusters`: whether each of their units was a hit, and how probable that was thought to be (above 0, and below 1);
    `further`: the sum of what was thought of the others. A gamma-Poisson prediction of hits by expected hit; sample and
    rest are divided by the dispersion, which is less than 1 where the probabilities tell hits from others.
    """
    import numpy as np
    from scipy.stats import nbinom

    hits, expected = (np.array([sum(unit[i] for unit in units) for units in clusters], dtype=float) for i in (0, 1))
    total = float(expected.sum())
    ratio = float(hits.sum()) / total
    # Were the probabilities true, this would be the dispersion; few clusters can show less by chance.
    least = sum(risk * (1 - risk) for units in clusters for _, risk in units) / total
    dispersion = _design_effect(hits - ratio * expected, float(hits.sum()), least)
    sample, scaled_further = total / dispersion, further / dispersion
    ends = nbinom.ppf(TAILS, hits.sum() / dispersion + 1, sample / (sample + scaled_further)) * dispersion
    return ratio * further, min(float(ends[0]), ratio * further), max(float(ends[1]), ratio * further)


class ShareSums(NamedTuple):
    """Sums of texts that are right (hits) and all (units), weighted, over clusters: one value for each share.

    `units_hits` is the sum over clusters of units times hits, and so on; `squared_weights` that over texts.
    """

    units: Any
    hits: Any
    units_units: Any
    units_hits: Any
    hits_hits: Any
    squared_weights: Any
    texts: Any
    clusters: Any


def share_intervals(sums: ShareSums) -> tuple[Any, Any, Any]:
    """Return shares of weighted hits and their 95 % intervals, from clusters of texts; nan where there is no text.

    Clopper and Pearson's interval at the effective number of texts, with Student's correction for few clusters (Korn
    and Graubard, 1998): what a cluster's texts have in common, and unequal weights, make that number smaller.
    """
    import numpy as np
    from scipy.special import betaincinv, stdtrit

    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.clip(sums.hits / sums.units, 0, 1)
        squares = sums.hits_hits - 2 * shares * sums.units_hits + shares**2 * sums.units_units
        variance = sums.clusters / (sums.clusters - 1) * np.maximum(squares, 0) / sums.units**2
        most = sums.units**2 / sums.squared_weights
        effective = np.fmin(shares * (1 - shares) / variance, most)
        # Where all are hits, or none, their spread says nothing of what they have in common.
        effective = np.where((shares > 0) & (shares < 1), effective, most)
        effective *= (stdtrit(most - 1, TAILS[1]) / stdtrit(sums.clusters - 1, TAILS[1])) ** 2
        hits = shares * effective
        lows = np.where(hits > 0, betaincinv(hits, effective - hits + 1, TAILS[0]), 0.0)
        highs = np.where(hits < effective, betaincinv(hits + 1, effective - hits, TAILS[1]), 1.0)
    return shares, np.fmin(lows, shares), np.fmax(highs, shares)


def _design_effect(deviations: Any, variance: float, least: float = 1.0) -> float:
    """Return by how much clusters' deviations spread more than single units' would, `least` where they don't."""
    from scipy.stats import norm, t

    n = len(deviations)
    effect = n / (n - 1) * float((deviations**2).sum()) / variance if variance else least
    return max(least, effect) * float(t.ppf(TAILS[1], n - 1) / norm.ppf(TAILS[1])) ** 2


def _find_ends(cumulated: Any, scale: float) -> tuple[float, float]:
    low, high = (int(cumulated.searchsorted(tail)) for tail in TAILS)
    return low * scale, high * scale
