"""Adaptive collection's rule: no review where none can change the verdict, against all completions."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapd import adaptive
from mapd.adaptive import can_change, find_settled
from mapd.checks import State
from mapd.domain import Verdict, Vote
from mapd.policies import PAPER, STRICT, Check, CheckStates, Policy, decide_rationale

SOUND = CheckStates(State.HOLDS, State.HOLDS, State.HOLDS)
WRONG = CheckStates(State.FAILS, State.HOLDS, State.HOLDS)
POLICIES = st.builds(
    lambda hundredths, votes, checks: Policy("drawn", hundredths / 100, min_votes=votes, checks=frozenset(checks)),
    st.sampled_from((0, 99, 100, 150, 250, 300, 333, 350, 400, 499, 500)),
    st.integers(1, 4),
    st.sets(st.sampled_from(list(Check))),
)
STATES = st.builds(CheckStates, *[st.sampled_from(list(State))] * 3)


def votes(*scores: int | None) -> list[Vote]:
    return [Vote(f"reviewer {n}", score) for n, score in enumerate(scores)]


@given(POLICIES, st.lists(st.sampled_from((None, 1, 2, 3, 4, 5)), max_size=3), st.integers(0, 3), STATES)
def test_a_review_is_left_out_where_all_completions_agree(
    policy: Policy, scores: list[int | None], reviewers: int, states: CheckStates
) -> None:
    so_far = decide_rationale(scores, policy, states)
    verdicts = {
        decide_rationale([*scores, *further], policy, states).verdict
        for further in product(range(1, 6), repeat=reviewers)
    }
    # A verdict that stands is a completion, too; and nothing is accepted without the votes that are demanded.
    lacks_votes = so_far.verdict is Verdict.UNDECIDED and verdicts == {Verdict.ACCEPTED}
    agree = len(verdicts | ({so_far.verdict} - {Verdict.UNDECIDED})) == 1 and not lacks_votes
    settled = find_settled(policy, votes(*scores), reviewers, states)
    assert can_change(policy, votes(*scores), reviewers, states) == (reviewers > 0 and not agree)
    assert (settled is not None) == (reviewers > 0 and agree)
    if settled is not None:
        assert {settled.verdict} == verdicts
        assert (settled.mean, settled.valid_votes) == (so_far.mean, so_far.valid_votes), "no vote that nobody gave"
        assert settled.cut == so_far.cut, "at no threshold it is accepted by such a vote"


def test_what_a_score_of_one_decides() -> None:
    assert not can_change(PAPER, votes(1), 1, SOUND), "with a 5 the mean is exactly 3"
    assert can_change(PAPER, votes(2), 1, SOUND)
    assert can_change(PAPER, votes(1), 2, SOUND)
    assert can_change(PAPER, votes(5), 1, SOUND), "with a 1 the mean is exactly 3"
    assert not can_change(PAPER.at(2.5), votes(5), 1, SOUND)
    settled = find_settled(STRICT, votes(1), 1, SOUND)
    assert settled is not None
    assert (settled.verdict, settled.valid_votes) == (Verdict.REJECTED, 1)
    assert settled.why == "at best mean 3.00 is not above 3"
    said = adaptive.say_not_needed(settled, ["ash"]).why
    assert said == "at best mean 3.00 is not above 3; ash gave no review, and none can change the verdict"


def test_a_check_decides_before_any_review() -> None:
    settled = find_settled(STRICT, [], 2, WRONG)
    assert settled is not None
    assert (settled.verdict, settled.mean, settled.why) == (
        Verdict.REJECTED,
        None,
        "its own answer is not the gold answer",
    )
    assert can_change(PAPER, [], 2, WRONG), "paper demands no check"
    assert not can_change(STRICT, [], 1, SOUND), "two votes are demanded and one is possible: undecided, whatever it is"


@pytest.mark.parametrize("policy", [Policy("fair", leniency_adjusted=True), Policy("fair", 0, leniency_adjusted=True)])
def test_a_policy_without_bounds_leaves_nothing_out(policy: Policy) -> None:
    assert not adaptive.has_bounds(policy)
    assert can_change(policy, votes(1, 1), 1, WRONG)


def test_votes_without_sight_of_the_gold_are_replaced_by_the_first_with_it() -> None:
    blind = [Vote("ash", 1, saw_gold=False)]
    assert can_change(PAPER, blind, 1, SOUND)
    assert not can_change(PAPER, [*blind, Vote("brook", 1)], 1, SOUND), "beside a vote with it they count for nothing"
