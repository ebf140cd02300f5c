"""Whether a fitted policy's probabilities hold: predicted in tenths, beside the share that is right. Pure.

tenths = measure_reliability(columns, GOLD)
tenths[9]      -> Tenth(low=0.9, high=1.0, predicted=0.983, right=Measurement(n=655, …, value=0.997, …))
"""

from dataclasses import dataclass

from mapd.curation.cut_columns import RIGHT, UNKNOWN, CutColumns
from mapd.curation.precision_recall import PLAIN, SampleWeights, estimate_groups, spread_weights
from mapd.curation.resampling import Measurement
from mapd.probability import GOLD

TENTHS = 10


@dataclass(frozen=True, slots=True)
class Tenth:
    """The texts whose probability lies in a tenth: its mean, and the share of them that is right."""

    low: float
    high: float
    predicted: float | None  # None where there is no text
    right: Measurement


def measure_reliability(columns: CutColumns, source: str, weights: SampleWeights = PLAIN) -> list[Tenth]:
    """Return each tenth of the probabilities. `source`: probability.GOLD or PEOPLE."""
    import numpy as np

    labels = columns.gold if source == GOLD else columns.people
    weight = spread_weights(columns, weights)
    is_known = (labels != UNKNOWN) & (weight > 0) & ~np.isnan(columns.probabilities)
    probabilities, weight = columns.probabilities[is_known], weight[is_known]
    # A probability of 1 belongs to the last tenth.
    groups = np.minimum((probabilities * TENTHS).astype(int), TENTHS - 1)
    shares = estimate_groups(groups, TENTHS, columns.question_ids[is_known], weight, labels[is_known] == RIGHT)
    totals = np.bincount(groups, weight, minlength=TENTHS)
    sums = np.bincount(groups, weight * probabilities, minlength=TENTHS)
    return [
        Tenth(n / TENTHS, (n + 1) / TENTHS, float(sums[n] / totals[n]) if totals[n] else None, share)
        for n, share in enumerate(shares)
    ]
