"""An exam's rationales under one policy's conditions, and two policies side by side. Pure.

    comparison = compare(measure_set(figures, columns, weights), PAPER, fitted_set, fitted.at(0.7))
    comparison.first.accepted, comparison.second.accepted      -> 826, 738
    comparison.added, comparison.dropped                       -> 51, 139

All that a threshold gives is worked out once: another threshold only looks it up.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mapd.curation.cut_columns import CutColumns, list_changes
from mapd.curation.precision_recall import PLAIN, PrecisionRecall, SampleWeights, measure
from mapd.curation.reliability import Tenth, measure_reliability
from mapd.curation.resampling import Measurement
from mapd.curation.threshold_sweep import Figures
from mapd.policies import Check, Policy
from mapd.probability import GOLD, PEOPLE

SOURCES = (GOLD, PEOPLE)
LABELS = {GOLD: "the gold check", PEOPLE: "people"}


@dataclass(frozen=True, slots=True, eq=False)
class PolicySet:
    """What the conditions of one policy give at every threshold; `quality` and `reliability` by source of labels."""

    figures: Figures
    columns: CutColumns
    quality: Mapping[str, PrecisionRecall]
    # Of a fitted policy alone.
    reliability: Mapping[str, list[Tenth]]
    weights: SampleWeights


def measure_set(figures: Figures, columns: CutColumns, weights: SampleWeights = PLAIN) -> PolicySet:
    """Measure a policy. `weights`: of what people judged, from the set under the policy in use."""
    weights_of = {GOLD: PLAIN, PEOPLE: weights}
    sources = SOURCES if columns.has_probabilities else ()
    return PolicySet(
        figures,
        columns,
        {source: measure(columns, source, weights_of[source]) for source in SOURCES},
        {source: measure_reliability(columns, source, weights_of[source]) for source in sources},
        weights,
    )


@dataclass(frozen=True, slots=True)
class PolicyFigures:
    """What a policy gives at its threshold. Precision and recall by source of labels."""

    policy: str
    threshold: float
    rationales: int
    accepted: int
    covered: int
    pairs: int
    precision: Mapping[str, Measurement]
    recall: Mapping[str, Measurement]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two policies side by side, and how many rationales the change from the first to the second adds and drops."""

    first: PolicyFigures
    second: PolicyFigures
    added: int
    dropped: int


def read_figures(policy_set: PolicySet, policy: Policy) -> PolicyFigures:
    """Return what the policy gives at its threshold."""
    at = round(100 * policy.threshold)
    figures, quality = policy_set.figures, policy_set.quality
    return PolicyFigures(
        policy=policy.name,
        threshold=policy.threshold,
        rationales=figures.at("rationales", at),
        accepted=figures.at("accepted", at),
        covered=figures.at("covered", at),
        pairs=figures.at("pairs", at),
        precision={source: of_source.precision.at(at) for source, of_source in quality.items()},
        recall={source: of_source.recall.at(at) for source, of_source in quality.items()},
    )


def compare(first: PolicySet, first_policy: Policy, second: PolicySet, second_policy: Policy) -> Comparison:
    """Compare two policies of the same rationales."""
    ends = (round(100 * policy.threshold) for policy in (first_policy, second_policy))
    changes = list_changes(first.columns, next(ends), second.columns, next(ends))
    figures = (read_figures(first, first_policy), read_figures(second, second_policy))
    return Comparison(*figures, len(changes.added), len(changes.dropped))


def list_notes(policy_set: PolicySet, *policies: Policy) -> Iterator[str]:
    """Yield what the figures can't show, in words."""
    yield "precision and recall are of what a policy decides by itself; in the set people’s word stands"
    quality = policy_set.quality
    if quality[GOLD].known:
        for policy in policies:
            sees_gold = policy.fit.record.uses_gold if policy.fit else Check.MATCHES_GOLD in policy.checks
            if sees_gold:
                yield f"{policy.name} looks at the gold check itself: against it it can hardly be wrong"
            if policy.fit and policy.fit.record.labels == GOLD:
                yield f"{policy.name} was fitted on the gold check: where on this exam, it knew these verdicts"
    for policy in policies:
        if quality[PEOPLE].known and policy.fit and policy.fit.record.labels == PEOPLE:
            yield f"{policy.name} was fitted on people’s judgements: where on this exam, it knew these"
    if quality[PEOPLE].known and policy_set.weights.by_text is None:
        yield "no random audit: what people judged was chosen, and stands for nothing else"
    elif quality[PEOPLE].known:
        yield "judgements are weighted by the chance to be drawn in the random audits"


def as_row(figures: PolicyFigures) -> dict[str, Any]:
    """Return a policy's figures as a command prints them."""
    names = ("policy", "threshold", "rationales", "accepted", "covered", "pairs")
    row: dict[str, Any] = {name: getattr(figures, name) for name in names}
    for source in SOURCES:
        row[source] = {"precision": asdict(figures.precision[source]), "recall": asdict(figures.recall[source])}
    return row
