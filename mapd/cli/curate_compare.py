"""`mapd curate compare`: two policies side by side, as the threshold lab shows them.

mapd curate compare --exam 1 --policy paper --with fair --with-threshold 0.7
paper at 3: 826 of 1,161 accepted, 365 covered, 365 pairs; gold: precision 0.867 [0.839, 0.892] of 826, recall …
"""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

import typer
from sqlmodel import Session

from mapd.cli.curate_options import PolicyName, Threshold
from mapd.cli.shared import AsJson, ExamRef, reading, show_lines, split_names
from mapd.curation import selection
from mapd.curation.curated import Narrowing
from mapd.curation.cut_columns import tabulate_cuts
from mapd.curation.policy_sets import SOURCES, Comparison, PolicyFigures, as_row, compare, list_notes, measure_set
from mapd.curation.precision_recall import PLAIN, SampleWeights
from mapd.curation.resampling import Measurement
from mapd.domain import ExamInfo
from mapd.review.audit_weights import is_audited, weigh_judgements
from mapd.review.queue_index.rows import authors_of, compute_figures
from mapd.store import judgement_log, queries


def curate_compare(
    exam: ExamRef,
    with_: Annotated[str, typer.Option("--with", metavar="NAME", help="The second policy.")],
    policy: PolicyName = None,
    threshold: Threshold = None,
    with_threshold: Annotated[
        float | None, typer.Option(min=0, max=5, help="The second policy's threshold; else its own.")
    ] = None,
    teachers: Annotated[
        str | None, typer.Option("--teachers", metavar="A,B,C", help="Only texts by these teachers.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare what two policies accept, and how good it is.

    Precision and recall, against the gold check and people's judgements, have 95 % intervals. Nothing is changed.
    """
    names = Narrowing(() if teachers is None else split_names("--teachers", teachers))
    with reading() as session:
        info = queries.exam(session, exam)
        weights, authors = _load_weights(session, info), authors_of(session)
        policies, measured = [], []
        for name, at in ((policy, threshold), (with_, with_threshold)):
            (curated,) = selection.load_sets(session, [info], name, at, names)
            policies.append(curated.policy)
            measured.append(measure_set(compute_figures(curated, authors), tabulate_cuts(curated), weights))
    comparison = compare(measured[0], policies[0], measured[1], policies[1])
    tenths = [{source: [asdict(x) for x in parts] for source, parts in x.reliability.items()} for x in measured]
    notes = list(list_notes(measured[0], *policies))
    result: dict[str, Any] = {
        "exam": info.uid,
        "simulated": info.simulated,
        "first": as_row(comparison.first) | {"reliability": tenths[0]},
        "second": as_row(comparison.second) | {"reliability": tenths[1]},
        "added": comparison.added,
        "dropped": comparison.dropped,
        "notes": notes,
    }
    show_lines(result, as_json, _list_lines(info, comparison, notes))


def _load_weights(session: Session, info: ExamInfo) -> SampleWeights:
    if not is_audited(judgement_log.judgements(session, info.id)):
        return PLAIN
    # What the audits drew goes by the policy in use.
    (curated,) = selection.load_sets(session, [info])
    return weigh_judgements(curated)


def _list_lines(info: ExamInfo, comparison: Comparison, notes: list[str]) -> Iterator[str]:
    yield f"{info.name}{'; simulated teachers' if info.simulated else ''}"
    yield _describe_policy(comparison.first)
    yield _describe_policy(comparison.second)
    yield f"from the first to the second: {comparison.added:,} added, {comparison.dropped:,} dropped"
    yield from (f"  {note}" for note in notes)


def _describe_policy(x: PolicyFigures) -> str:
    quality = (
        f"{source}: precision {_describe(x.precision[source])}, recall {_describe(x.recall[source])}"
        for source in SOURCES
    )
    counts = f"{x.accepted:,} of {x.rationales:,} accepted, {x.covered:,} covered, {x.pairs:,} pairs"
    return f"{x.policy} at {x.threshold:g}: {counts}; {'; '.join(quality)}"


def _describe(estimate: Measurement) -> str:
    if estimate.value is None:
        return f"({estimate.why})"
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}] of {estimate.n:,}"
