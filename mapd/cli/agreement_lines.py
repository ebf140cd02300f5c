"""The lines of `mapd curate agreement`: the page's tables, a number with its interval and what it rests on.

gpt: 773 scores, mean 3.92, leniency -0.17 [-0.25, -0.10], …, wrong let pass 0.24 [0.19, 0.30] of 231
"""

from collections.abc import Iterator, Sequence

from mapd.curation.agreement import EVERYBODY, Agreement
from mapd.curation.agreement_report import AgreementReport
from mapd.curation.biases import STEPS, Bias, Sway
from mapd.curation.resampling import Measurement
from mapd.curation.reviewer_stats import PairScores, Reviewer
from mapd.domain import ExamInfo


def list_lines(exam: ExamInfo, report: AgreementReport) -> Iterator[str]:
    """Yield the lines of a report."""
    simulated = "; simulated teachers" if exam.simulated else ""
    yield f"{exam.name}: {report.votes:,} scores of {report.rationales:,} rationales{simulated}"
    for (author, reviewer), scores in report.matrix.items():
        yield f"  {reviewer} of {'itself' if author == reviewer else author}: {_describe_scores(scores)}"
    yield from map(_describe_reviewer, report.reviewers)
    yield from _list_agreements("between reviewers", report.between_reviewers, "all reviewers")
    yield from _list_biases(report.reviewer_biases, "all reviewers", "{:+.2f}", 1, " points")
    for moment, agreements in report.between_people.items():
        yield from _list_agreements(f"between people, {moment}", agreements, "all people")
    for moment, agreements in report.with_committee.items():
        heading = f"people with the committee ({report.policy} at {report.threshold:g}), {moment}"
        yield from _list_agreements(heading, agreements, "all people")
    yield from _list_biases(report.people_biases, "all people", "{:+.1f}", 100, " pp")
    yield from map(_describe_sway, report.sways)


def _describe_scores(scores: PairScores) -> str:
    mean = "no score" if scores.mean is None else f"{float(scores.mean):.2f}"
    return f"mean {mean} of {scores.votes:,}" + (f", {scores.no_votes:,} without a vote" if scores.no_votes else "")


def _describe_reviewer(r: Reviewer) -> str:
    mean = "–" if r.mean is None else f"{float(r.mean):.2f}"
    return (
        f"  {r.name}: {r.votes:,} scores, mean {mean}, leniency {_describe(r.leniency, '{:+.2f}')}, "
        f"spread {_describe(r.spread)}, 5s {_describe(r.fives)}, "
        f"right blocked {_describe(r.blocked)} of {r.passed.of:,}, "
        f"wrong let pass {_describe(r.let_pass)} of {r.caught.of:,}"
    )


def _describe(estimate: Measurement, form: str = "{:.2f}", scale: float = 1, unit: str = "") -> str:
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return f"({estimate.why})"
    value, low, high = (form.format(scale * number) for number in (estimate.value, estimate.low, estimate.high))
    return f"{value}{unit} [{low}, {high}]"


def _list_agreements(heading: str, agreements: Sequence[Agreement], everybody: str) -> Iterator[str]:
    yield f"{heading}{'' if agreements else ': nothing to compare'}"
    for x in agreements:
        kappa = "" if x.kappa is None else f", weighted kappa {_describe(x.kappa)}"
        names = " and ".join(x.raters) or everybody
        yield f"  {names}: the same on {x.agree.count:,} of {x.agree.of:,}, alpha {_describe(x.alpha)}{kappa}"


def _list_biases(biases: Sequence[Bias], everybody: str, form: str, scale: float, unit: str) -> Iterator[str]:
    for bias in biases:
        yield f"  {bias.who or everybody}, {STEPS[bias.effect]}: {_describe(bias.estimate, form, scale, unit)}"


def _describe_sway(sway: Sway) -> str:
    slopes = ((sway.before, "before the reveal"), (sway.after, "after it"), (sway.change, "more after than before"))
    words = ", ".join(f"{_describe(slope, '{:+.1f}', 100, ' pp')} {moment}" for slope, moment in slopes)
    turned = ((sway.moved_to, "to the committee's"), (sway.moved_away, "away from it"))
    moves = ", ".join(f"{share.count:,} of {share.of:,} {way}" for share, way in turned)
    name = "all people" if sway.person == EVERYBODY else sway.person
    return f"  {name}, for a point of the committee's mean: {words}; turned round {moves}"
