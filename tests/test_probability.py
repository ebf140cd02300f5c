"""P(right) is the logistic regression's, without its library; a fit is read only where it can be applied."""

import json
import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapd.checks import State
from mapd.errors import BadInput
from mapd.policies import PAPER, Check, CheckStates, Policy, decide_feedback, decide_rationale
from mapd.probability import LARGEST, MOST_INPUTS, SMALLEST_SCALE, Fit, FitInput, list_points, read_fit
from tests.fits import RECORD, make_feedback_fit, make_fit, make_policy, make_whole_policy

FIT = make_fit(("gpt", "gemini"))
WHOLE = replace(FIT, feedback=make_feedback_fit(("gpt", "gemini")))
VALUES = st.dictionaries(st.sampled_from([x.key for x in FIT.inputs]), st.floats(-50, 50), max_size=8)


@given(VALUES)
def test_it_is_the_sigmoid_of_the_weighted_sum(values: dict[tuple[str, str], float]) -> None:
    total = FIT.intercept + sum(x.weight * (values.get(x.key, 0) - x.centre) / x.scale for x in FIT.inputs)
    assert abs(float(FIT.probability(values)) - 1 / (1 + math.exp(-total))) <= 0.00005000001


def test_no_sum_is_too_large() -> None:
    sure = replace(FIT, intercept=1e6)
    assert (sure.probability({}), replace(FIT, intercept=-1e6).probability({})) == (1, 0)


def test_the_farthest_numbers_that_are_read_can_be_applied() -> None:
    far = {"centre": -LARGEST, "scale": SMALLEST_SCALE}
    inputs = [{"kind": "score", "teacher": f"t{n}", "weight": LARGEST * (-1) ** n} | far for n in range(MOST_INPUTS)]
    fit = read_fit(FIT.as_dict() | {"intercept": LARGEST, "inputs": inputs})
    assert fit.probability({("score", "t0"): 2.0}) == 1


def test_a_missing_vote_is_no_low_score() -> None:
    fit = Fit(0.0, (FitInput("score", "gpt", 1.0, 0.0, 1.0), FitInput("no_vote", "gpt", 0.2, 0.0, 1.0)), RECORD)
    lowest, missing = fit.probability({("score", "gpt"): -2.0}), fit.probability({("no_vote", "gpt"): 1.0})
    assert lowest < Fraction(1, 2) < missing


def test_what_is_written_is_read_back() -> None:
    assert read_fit(json.loads(json.dumps(FIT.as_dict()))) == FIT
    assert read_fit(FIT.as_dict()).record == FIT.record
    assert FIT.digest == read_fit(FIT.as_dict()).digest != replace(FIT, intercept=0.30001).digest


def test_a_fit_for_feedback_is_read_back_and_one_without_stays_what_it_was() -> None:
    assert read_fit(json.loads(json.dumps(WHOLE.as_dict()))) == WHOLE
    assert read_fit(FIT.as_dict() | {"feedback": None}).digest == FIT.digest
    assert "feedback" not in FIT.as_dict()
    # As it was before there was a fit for feedback: an index that names it is derived anew otherwise.
    assert FIT.digest == "c161616ed9775b46"
    other = replace(WHOLE, feedback=replace(WHOLE.feedback, intercept=0.40001))  # type: ignore[type-var]
    assert len({FIT.digest, WHOLE.digest, other.digest}) == 3


def changed(**values: Any) -> dict[str, Any]:
    return FIT.as_dict() | values


OF_FEEDBACK: dict[str, Any] = WHOLE.as_dict()["feedback"]


def changed_feedback(**values: Any) -> dict[str, Any]:
    return changed(feedback=OF_FEEDBACK | values)


WEIGHT = FIT.as_dict()["inputs"][0]
NO_FITS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "no number": changed(intercept="much"),
    "no end": changed(intercept=float("inf")),
    "a weight without end": changed(inputs=[WEIGHT | {"weight": float("nan")}]),
    "a scale of nothing": changed(inputs=[WEIGHT | {"scale": 0.0}]),
    "a scale of next to nothing": changed(inputs=[WEIGHT | {"scale": 1e-300}]),
    "a weight beyond all": changed(inputs=[WEIGHT | {"weight": 1e308}]),
    "a centre beyond all": changed(inputs=[WEIGHT | {"centre": -1e308}]),
    "an intercept beyond all": changed(intercept=1e308),
    "an unknown input": changed(inputs=[WEIGHT | {"kind": "charm"}]),
    "a name with an escape": changed(inputs=[WEIGHT | {"teacher": "\x1b[2J"}]),
    "too many inputs": changed(inputs=[WEIGHT] * 2_001),
    "no record": {name: value for name, value in FIT.as_dict().items() if name != "record"},
    "labels of nobody": changed(record=FIT.as_dict()["record"] | {"labels": "a hunch"}),
    "a share above 1": changed(record=FIT.as_dict()["record"] | {"brier": 1.5}),
    "a feedback's input": changed(inputs=[WEIGHT | {"kind": "states_gold"}]),
    "feedback of no object": changed(feedback=[1]),
    "feedback by agreement": changed_feedback(inputs=[WEIGHT | {"kind": "one_agrees"}]),
    "feedback of feedback": changed_feedback(feedback=OF_FEEDBACK),
    "feedback without a record": changed_feedback(record=None),
    "feedback without end": changed_feedback(intercept=float("nan")),
}


@pytest.mark.parametrize("case", NO_FITS)
def test_what_is_no_fit_is_refused_in_a_line(case: str) -> None:
    with pytest.raises(BadInput, match="this is no fitted policy: ") as refused:
        read_fit(NO_FITS[case])
    assert "\n" not in str(refused.value)


def test_a_teacher_is_known_by_who_it_is() -> None:
    fit = make_fit(("gpt", "gemini"), record=replace(RECORD, teachers={"gpt": "u1", "gemini": "u2"}))
    renamed = fit.rename({"u1": "gpt (old)", "u2": "gemini", "u3": "gpt"})
    assert renamed.reviewers == ("gpt (old)", "gemini")
    assert renamed.record.teachers == {"gpt (old)": "u1", "gemini": "u2"}
    assert fit.rename({"u3": "gpt"}) is fit
    # One of the two may know a teacher that the other doesn't.
    of_feedback = make_feedback_fit(("gpt", "claude"), record=replace(RECORD, teachers={"gpt": "u1", "claude": "u4"}))
    whole = replace(fit, feedback=of_feedback)
    assert whole.rename({"u3": "gpt"}) is whole
    both = whole.rename({"u1": "old", "u4": "new"})
    assert (both.authors, both.feedback and both.feedback.authors) == (("old", "gemini"), ("old", "new"))
    assert whole.rename({"u4": "new"}).reviewers == fit.reviewers


def test_precision_and_recall_at_each_hundredth() -> None:
    points = list_points([0.9, 0.7, 0.7, 0.2, None], [True, True, False, False, True])
    assert [point.p for point in points] == [n / 100 for n in range(100)]
    # A probability of exactly .7 isn't above .7; who isn't decided is right, and not accepted.
    assert (points[69].precision, points[69].recall, points[69].accepted) == (2 / 3, 2 / 3, 3)
    assert (points[70].precision, points[70].recall, points[70].accepted) == (1.0, 1 / 3, 1)
    assert (points[90].precision, points[90].recall, points[90].accepted) == (None, 0.0, 0)


def test_a_probability_of_a_hundredth_is_not_above_it() -> None:
    for hundredth in range(100):
        points = list_points([hundredth / 100, float(Fraction(100 * hundredth + 1, 10_000))], [True, True])
        assert points[hundredth].accepted == 1, hundredth


def test_a_record_of_another_version_is_read() -> None:
    record = FIT.as_dict()["record"]
    assert read_fit(changed(record=record | {"wrong": 12})) == FIT


def test_a_name_with_a_wide_space_is_a_name() -> None:
    # As files and teachers of other projects may have one; a line that turns is none.
    record = FIT.as_dict()["record"]
    assert read_fit(changed(record=record | {"file": "Bildschirm\u202f3\xa0.csv"})).record.file is not None
    with pytest.raises(BadInput, match="it is no line"):
        read_fit(changed(record=record | {"file": "a\u202eb.csv"}))


# --- The policy -------------------------------------------------------------------------------------------------------

POLICY = make_policy(("gpt", "gemini"), threshold=0.7)
NOTHING = CheckStates()


@pytest.mark.parametrize(("p", "verdict"), [("0.7001", "accepted"), ("0.7", "rejected"), ("0.6999", "rejected")])
def test_the_probability_decides_strictly_and_the_mean_stays_beside_it(p: str, verdict: str) -> None:
    decision = decide_rationale([1, 1], POLICY, NOTHING, Fraction(p))
    assert (decision.verdict, decision.mean, decision.probability) == (verdict, 1, Fraction(p))
    assert decision.decisive == Fraction(p)
    assert decision.why.startswith("P(right) 0.70 is ")


def test_without_a_vote_it_is_undecided() -> None:
    assert decide_rationale([None], POLICY, NOTHING, Fraction("0.99")).verdict == "undecided"


def test_feedback_is_decided_as_under_paper() -> None:
    for scores in ([], [3, 3], [4, 3], [None]):
        expected, decision = decide_feedback(scores, PAPER, NOTHING), decide_feedback(scores, POLICY, NOTHING)
        assert decision.verdict is expected.verdict
        # No probability moves it.
        assert math.isinf(decision.cut)


@pytest.mark.parametrize("scores", [[], [None], [1, 1], [5]])
def test_a_fit_for_feedback_decides_with_and_without_scores(scores: list[int | None]) -> None:
    policy = make_whole_policy(("gpt",), threshold=0.7)
    for p, verdict in {"0.7001": "accepted", "0.7": "rejected"}.items():
        decision = decide_feedback(scores, policy, NOTHING, Fraction(p))
        assert (decision.verdict, decision.decisive, decision.cut) == (verdict, Fraction(p), float(Fraction(p)))
        assert (decision.figure(), decision.why[:14]) == ("P 0.70", "P(right) 0.70 ")
    fails = replace(policy, checks=frozenset({Check.EQUATIONS_TRUE}))
    decision = decide_feedback(scores, fails, CheckStates(equations_true=State.FAILS), Fraction(1))
    assert (decision.verdict, decision.why, decision.cut) == ("rejected", "an equation is false", -math.inf)
    # A person's repair has no probability, and nothing else of it is decided so.
    assert decide_feedback([], policy, NOTHING).figure() == ""
    assert decide_rationale([None], policy, NOTHING, Fraction(1)).figure() == ""


def test_a_threshold_on_a_probability_is_no_threshold_on_a_mean() -> None:
    with pytest.raises(BadInput, match="a threshold lies between 0 and 1, not at 3: it is on a probability"):
        POLICY.at(3)
    with pytest.raises(BadInput, match="leave out the leniency"):
        Policy("x", 0.5, leniency_adjusted=True, fit=FIT)
    assert (POLICY.at(1).threshold, PAPER.at(5).threshold) == (1, 5)


@pytest.mark.parametrize("policy", [POLICY, PAPER])
def test_a_threshold_has_two_digits(policy: Policy) -> None:
    # Exams and the queue index hold hundredths: 0.985 would decide otherwise there.
    with pytest.raises(BadInput, match=r"a threshold has two digits, such as 0\.9., not as many as 0\.985"):
        policy.at(0.985)
    for hundredth in range(101):
        assert policy.at(hundredth / 100).threshold == hundredth / 100


def test_a_chip_says_what_decided() -> None:
    assert decide_rationale([4, 5], PAPER, NOTHING).figure() == "4.50"
    assert decide_rationale([4, 5], PAPER, NOTHING).figure(1) == "4.5"
    assert decide_rationale([4, 5], POLICY, NOTHING, Fraction("0.1234")).figure(1) == "P 0.12"
    assert decide_rationale([None], POLICY, NOTHING, Fraction("0.99")).figure() == ""
