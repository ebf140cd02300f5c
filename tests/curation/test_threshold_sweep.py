"""The threshold lab's numbers are those of the curated set at each threshold."""

import pytest
from sqlmodel import Session

from mapd.curation import live_set
from mapd.curation.curated import Curated, curate
from mapd.curation.summary import summary
from mapd.curation.threshold_sweep import Figures, find_idle_range, list_steps, sweep
from mapd.domain import Act, ExamInfo
from mapd.people import owner
from mapd.policies import PAPER, STRICT, Policy
from mapd.review.judging import Target, judge
from mapd.review.queue_index.rows import authors_of, compute_figures
from mapd.store import exam_material, judgement_log
from tests.fits import make_policy

THRESHOLDS = [0, 1, 2, 2.95, 3, 3.33, 3.5, 4, 4.5, 5]


def told(figures: Figures, curated: Curated, names: dict[str, int]) -> None:
    """The figures say what the curated set's summary says, at its threshold."""
    counts, at = summary(curated), round(curated.policy.threshold * 100)
    said = ("rationales", "accepted", "wrong", "rejected right", "undecided", "overridden")
    ruled = (
        *(counts.rationales, counts.accepted, counts.accepted_wrong_answer),
        *(counts.rejected_right_answer, counts.undecided, counts.overridden),
    )
    assert tuple(figures.at(name, at) for name in said) == ruled, at
    ruled = (counts.mistakes, counts.mistakes_covered, counts.pairs)
    assert tuple(figures.at(name, at) for name in ("mistakes", "covered", "pairs")) == ruled, at
    for name, accepted in counts.by_teacher.items():
        assert figures.at(f"accepted by {names[name]}", at) == accepted, (name, at)


FITTED = make_policy(("gpt", "gemini", "mistral"))


@pytest.mark.parametrize("policy", [PAPER, STRICT, Policy("fair", leniency_adjusted=True), FITTED])
def test_they_are_the_summary_at_every_threshold(session: Session, exam: ExamInfo, policy: Policy) -> None:
    texts = live_set.load_curated(session, exam.id).mistakes[0].rationales
    for n, act, who in ((0, Act.REJECT, "ann"), (1, Act.ACCEPT, "ann"), (2, Act.ACCEPT, "ann"), (2, Act.REJECT, "b")):
        judge(session, Target("rationale", texts[n].text.id), act, by=owner(who))
    material, judged = exam_material.material(session, exam.id), judgement_log.judgements(session, exam.id)
    names = authors_of(session)
    figures = compute_figures(curate(material, judged, policy), names)
    # Of a probability: .6, .61, …
    thresholds = [threshold / 5 for threshold in THRESHOLDS] if policy.fit else THRESHOLDS
    thresholds = [round(threshold, 2) for threshold in thresholds]
    for threshold, at in zip(thresholds, sweep(figures, thresholds), strict=True):
        curated = curate(material, judged, policy.at(threshold))
        told(figures, curated, names)
        assert (at.accepted, at.pairs) == (summary(curated).accepted, summary(curated).pairs)


CUTS = (50, 300, 334, 500)


def test_a_step_decides_something_and_between_two_nothing_changes() -> None:
    # A mean of 3 1/3 is accepted at 3.33, and isn't at 3.34; at .5 lies nothing that the slider could reach.
    assert list_steps(CUTS, 100, 500, {300, 345}) == [100, 300, 334, 345, 500]
    assert list_steps((), 100, 500, {300}) == [300]
    assert list_steps((50,), 100, 500) == []
    expected = {100: (100, 299), 299: (100, 299), 300: (300, 333), 333: (300, 333), 334: (334, 499), 500: (500, 500)}
    assert {at: find_idle_range(CUTS, at, 100, 500) for at in expected} == expected
    assert find_idle_range((), 300, 100, 500) == (100, 500)


@pytest.mark.parametrize("threshold", range(0, 501, 7))
def test_an_idle_range_is_as_wide_as_it_can_be(threshold: int) -> None:
    begin, end = find_idle_range(CUTS, threshold, 0, 500)
    accepted = [sum(cut > at for cut in CUTS) for at in range(501)]
    idle = [at for at in range(501) if accepted[at] == accepted[threshold]]
    assert (begin, end) == (idle[0], idle[-1])
