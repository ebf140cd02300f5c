"""Precision and recall of a policy at every threshold, each with its 95 % interval. Pure.

    figures = measure(columns, GOLD)
    figures.precision.at(300)     -> Measurement(n=826, questions=365, value=0.876, low=0.846, high=0.902)
    figures.recall.at(300)        -> Measurement(n=782, questions=380, value=0.913, …)

What is measured is what a policy would decide by itself: where people decided, their word stands in the set, and says
here whether the policy was right. Texts that people wrote are no part of it. The texts of one question go right or
wrong together, so an interval is by questions (statistics.share_intervals). Everything that it needs is a sum over
questions, of texts above a threshold: each text adds its part at its cut, and a running sum has all thresholds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mapd.curation.cut_columns import RIGHT, UNKNOWN, CutColumns
from mapd.curation.resampling import Measurement, find_lack
from mapd.curation.threshold_sweep import END
from mapd.probability import GOLD
from mapd.statistics import ShareSums, share_intervals

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


NO_SAMPLE = "the random audits show nothing that stands for it"


@dataclass(frozen=True, slots=True)
class SampleWeights:
    """For how many texts each one that people judged stands, by id; `open_ids` are those that no judged one stands for.

    Without weights each stands for itself.
    """

    by_text: Mapping[int, float] | None = None
    open_ids: frozenset[int] = frozenset()


PLAIN = SampleWeights()


@dataclass(frozen=True, slots=True, eq=False)
class Estimates:
    """A share at every threshold."""

    shares: "Array"
    lows: "Array"
    highs: "Array"
    texts: "Array"
    questions: "Array"
    # Below this threshold it is of texts that no known one stands for.
    unknown_below: int = 0

    def at(self, threshold: int) -> Measurement:
        """Return the share at a threshold, or why there is none."""
        n, questions = int(self.texts[threshold]), int(self.questions[threshold])
        if threshold < self.unknown_below:
            return Measurement(n, questions, why=NO_SAMPLE)
        if why := find_lack(n, questions):
            return Measurement(n, questions, why=why)
        value, low, high = (float(column[threshold]) for column in (self.shares, self.lows, self.highs))
        return Measurement(n, questions, value, low, high)


@dataclass(frozen=True, slots=True, eq=False)
class PrecisionRecall:
    """How good a policy is against the gold check, or against people."""

    known: int  # texts of which it is known whether they are right
    precision: Estimates
    recall: Estimates


def measure(columns: CutColumns, source: str, weights: SampleWeights = PLAIN) -> PrecisionRecall:
    """Measure a policy against the gold check or people. `source`: probability.GOLD or PEOPLE."""
    import numpy as np

    labels = columns.gold if source == GOLD else columns.people
    weight = spread_weights(columns, weights)
    is_known = (labels != UNKNOWN) & (weight > 0) & ~columns.is_repair
    cuts, weight, is_right = columns.committee_cuts[is_known], weight[is_known], labels[is_known] == RIGHT
    questions = np.unique(columns.question_ids[is_known], return_inverse=True)[1]
    precision = _sum_accepted(cuts, questions, weight, weight * is_right)
    recall = _sum_all(cuts[is_right], questions[is_right], weight[is_right])
    # A text that no known one stands for is accepted at each threshold below its cut, and missed at the others.
    ends = 0, 0
    open_cuts = columns.committee_cuts[np.isin(columns.text_ids, list(weights.open_ids))]
    if source != GOLD and len(open_cuts):
        ends = int(open_cuts.max()), END
    return PrecisionRecall(int(is_known.sum()), _estimate(precision, ends[0]), _estimate(recall, ends[1]))


def spread_weights(columns: CutColumns, weights: SampleWeights) -> "Array":
    """Return each text's weight."""
    import numpy as np

    if weights.by_text is None:
        return np.ones(len(columns.text_ids))
    return np.array([weights.by_text.get(id_, 0.0) for id_ in columns.text_ids.tolist()], dtype=float)


def estimate_groups(
    groups: "Array", number: int, questions: "Array", weight: "Array", is_right: "Array"
) -> list[Measurement]:
    """Return the share of right texts in each group, from 0 up to below `number`."""
    import numpy as np

    # The sums over a question's texts of one group.
    keys, clusters = np.unique(np.stack([groups, questions]), axis=1, return_inverse=True)
    units, hits = (np.bincount(clusters, x, minlength=keys.shape[1]) for x in (weight, weight * is_right))

    def add(group_of: "Array", parts: "Array") -> "Array":
        sums_of: Array = np.bincount(group_of, parts, minlength=number)
        return sums_of

    group = keys[0]
    sums = ShareSums(
        units=add(group, units),
        hits=add(group, hits),
        units_units=add(group, units * units),
        units_hits=add(group, units * hits),
        hits_hits=add(group, hits * hits),
        squared_weights=add(groups, weight * weight),
        texts=add(groups, np.ones(len(groups))),
        clusters=add(group, np.ones(len(group))),
    )
    estimates = _estimate(sums, 0)
    return [estimates.at(n) for n in range(number)]


def _estimate(sums: ShareSums, unknown_below: int) -> Estimates:
    shares, lows, highs = share_intervals(sums)
    return Estimates(shares, lows, highs, sums.texts.astype(int), sums.clusters.astype(int), unknown_below)


def _accumulate(cuts: "Array", parts: "Array") -> "Array":
    """Return at each threshold the sum of the parts that are accepted there: those with a greater cut."""
    import numpy as np

    at_cut = np.bincount(cuts, parts, minlength=END + 1)
    sums: Array = at_cut[::-1].cumsum()[::-1][1:]
    return sums


def _sum_accepted(cuts: "Array", clusters: "Array", units: "Array", hits: "Array") -> ShareSums:
    """Return the sums over what is accepted at each threshold, of which some are hits."""
    import numpy as np

    order = np.lexsort((-cuts, clusters))
    cuts, clusters, units, hits = cuts[order], clusters[order], units[order], hits[order]
    # What its question has above a text: so much the question's squares grow by when the text is accepted, too.
    is_first, units_above, hits_above = _sum_above(clusters, units, hits)
    return ShareSums(
        units=_accumulate(cuts, units),
        hits=_accumulate(cuts, hits),
        units_units=_accumulate(cuts, units * (2 * units_above + units)),
        units_hits=_accumulate(cuts, units * hits_above + hits * units_above + units * hits),
        hits_hits=_accumulate(cuts, hits * (2 * hits_above + hits)),
        squared_weights=_accumulate(cuts, units * units),
        texts=_accumulate(cuts, np.ones(len(cuts))),
        clusters=_accumulate(cuts, is_first.astype(float)),
    )


def _sum_all(cuts: "Array", clusters: "Array", units: "Array") -> ShareSums:
    """Return the sums over all texts, of which those that are accepted at each threshold are hits."""
    import numpy as np

    accepted = _sum_accepted(cuts, clusters, units, units)
    totals = np.bincount(clusters, units, minlength=1)
    full = np.ones(END)
    return ShareSums(
        units=full * units.sum(),
        hits=accepted.hits,
        units_units=full * (totals**2).sum(),
        units_hits=_accumulate(cuts, totals[clusters] * units),
        hits_hits=accepted.hits_hits,
        squared_weights=full * (units**2).sum(),
        texts=full * len(units),
        clusters=full * np.count_nonzero(totals),
    )


def _sum_above(clusters: "Array", units: "Array", hits: "Array") -> tuple["Array", "Array", "Array"]:
    """Return of each text, sorted by question, whether it is its first, and the sums over those before it there."""
    import numpy as np

    is_first = np.ones(len(clusters), dtype=bool)
    is_first[1:] = clusters[1:] != clusters[:-1]
    starts = is_first.nonzero()[0][np.cumsum(is_first) - 1]
    before = [np.concatenate(([0.0], column.cumsum()))[:-1] for column in (units, hits)]
    return is_first, before[0] - before[0][starts], before[1] - before[1][starts]
