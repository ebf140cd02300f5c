"""The rules: means, policies, verdicts, judgements."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapd.checks import State
from mapd.domain import Act, Judged, Ruling, Verdict
from mapd.errors import BadInput
from mapd.judgements import READING, VERDICT, drop_undone, final_verdict, pick_latest, ruling
from mapd.policies import (
    ALWAYS,
    NEVER,
    PAPER,
    STRICT,
    Check,
    CheckStates,
    Policy,
    decide_feedback,
    decide_rationale,
    leniency,
    mean,
)

SOUND = CheckStates(State.HOLDS, State.HOLDS, State.HOLDS)


@given(st.lists(st.one_of(st.none(), st.integers(1, 5))))
def test_the_mean_counts_valid_votes_alone(scores: list[int | None]) -> None:
    valid = [s for s in scores if s is not None]
    assert mean(scores) == (Fraction(sum(valid), len(valid)) if valid else None)


def test_the_rule_is_strict() -> None:
    assert decide_rationale([5, 1], PAPER, SOUND).verdict is Verdict.REJECTED  # 149 of the authors' lie exactly at 3.0
    assert decide_rationale([5, 2], PAPER, SOUND).verdict is Verdict.ACCEPTED
    assert decide_rationale([3, 4], PAPER.at(3.5), SOUND).verdict is Verdict.REJECTED


def test_paper_needs_one_valid_vote_and_no_check() -> None:
    assert decide_rationale([5, None], PAPER, CheckStates(State.FAILS, State.FAILS, State.FAILS)).verdict is (
        Verdict.ACCEPTED
    )
    undecided = decide_rationale([None, None], PAPER, SOUND)
    assert (undecided.verdict, undecided.mean, undecided.why) == (Verdict.UNDECIDED, None, "0 valid votes, 1 needed")


def test_strict_needs_two_votes_and_its_checks() -> None:
    assert decide_rationale([5, 5], STRICT, SOUND).verdict is Verdict.ACCEPTED
    assert decide_rationale([5, None], STRICT, SOUND).verdict is Verdict.UNDECIDED
    for states, why in [
        (CheckStates(State.FAILS, State.HOLDS, State.HOLDS), "its own answer is not the gold answer"),
        (CheckStates(State.NOTHING, State.HOLDS, State.HOLDS), "its own answer can't be read"),
        (CheckStates(State.HOLDS, State.FAILS, State.HOLDS), "an equation is false"),
        (CheckStates(State.HOLDS, State.NOTHING, State.FAILS), "it shows no work"),
    ]:
        decision = decide_rationale([5, 5], STRICT, states)
        assert (decision.verdict, decision.why, decision.cut) == (Verdict.REJECTED, why, NEVER)
    assert decide_rationale([5, 5], STRICT, CheckStates(State.HOLDS, State.NOTHING, State.HOLDS)).verdict is (
        Verdict.ACCEPTED
    )


def test_feedback_stands_unless_something_speaks_against_it() -> None:
    wrong = CheckStates(State.FAILS, State.NOTHING)
    assert decide_feedback([], PAPER, wrong).verdict is Verdict.ACCEPTED
    assert decide_feedback([], PAPER, wrong).cut == ALWAYS
    assert decide_feedback([], STRICT, CheckStates()).verdict is Verdict.ACCEPTED
    assert decide_feedback([], STRICT, wrong).why == "it states another answer than the gold"
    assert decide_feedback([2, 3], PAPER, CheckStates()).verdict is Verdict.REJECTED
    assert decide_feedback([5, 3], STRICT, CheckStates()).verdict is Verdict.ACCEPTED


@given(
    st.lists(st.one_of(st.none(), st.integers(1, 5)), max_size=4),
    st.integers(0, 100),
    st.integers(1, 3),
    st.sets(st.sampled_from(list(Check))),
    st.builds(CheckStates, *[st.sampled_from(list(State))] * 3),
)
def test_cut_says_what_every_threshold_would_give(
    scores: list[int | None], threshold: int, votes: int, checks: set[Check], states: CheckStates
) -> None:
    policy = Policy("any", threshold / 20, votes, frozenset(checks))
    for decide in (decide_rationale, decide_feedback):
        decision = decide(scores, policy, states)
        assert (decision.verdict is Verdict.ACCEPTED) == (decision.cut > policy.threshold)


@pytest.mark.parametrize(
    "wrong", [{"threshold": -0.1}, {"threshold": 5.1}, {"threshold": float("nan")}, {"min_votes": 0}]
)
def test_a_policy_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(BadInput):
        Policy("wrong", **wrong)  # type: ignore[arg-type]


def said(*decisions: tuple[str, Act] | tuple[str, Act, str]) -> list[Judged]:
    return [Judged(n, d[0], d[1], value=d[2] if len(d) > 2 else None) for n, d in enumerate(decisions, start=1)]


def test_the_ruling_is_what_all_agree_on() -> None:
    assert ruling([]) == Ruling()
    assert ruling(said(("ann", Act.ACCEPT), ("bob", Act.ACCEPT))) == Ruling(Act.ACCEPT, by=("ann", "bob"))
    assert ruling(said(("ann", Act.ACCEPT), ("bob", Act.REJECT))) == Ruling(by=("ann", "bob"), conflict=True)
    assert ruling(said(("ann", Act.ACCEPT), ("bob", Act.REJECT), ("ann", Act.REJECT))).decision is Act.REJECT


def test_a_withdrawal_ends_a_say_and_a_skip_says_nothing() -> None:
    assert ruling(said(("ann", Act.ACCEPT), ("ann", Act.WITHDRAW))) == Ruling()
    assert ruling(said(("ann", Act.ACCEPT), ("ann", Act.SKIP))).decision is Act.ACCEPT
    assert ruling(said(("ann", Act.SKIP))) == Ruling()


def test_the_adjudicators_latest_stands_above_all() -> None:
    judgements = [*said(("ann", Act.ACCEPT), ("bob", Act.REJECT)), Judged(3, "eve", Act.REJECT, role="adjudicator")]
    assert ruling(judgements) == Ruling(Act.REJECT, by=("eve",), adjudicated=True)
    assert ruling([*judgements, Judged(4, "ann", Act.ACCEPT)]).decision is Act.REJECT
    assert ruling([*judgements, Judged(5, "dan", Act.ACCEPT, role="adjudicator")]).by == ("dan",)


def test_undo_brings_back_what_was_said_before_and_redo_what_was_undone() -> None:
    history = said(("ann", Act.REJECT), ("ann", Act.ACCEPT))
    undo = Judged(3, "ann", Act.WITHDRAW, undoes=2)
    redo = Judged(4, "ann", Act.WITHDRAW, undoes=3)
    assert ruling([*history, undo]).decision is Act.REJECT
    assert ruling([*history, undo, redo]).decision is Act.ACCEPT


def test_the_order_is_the_time_whatever_the_ids() -> None:
    """As after a merge, where what was said first came in last."""
    first, undo, last = (
        Judged(8, "ann", Act.REJECT),
        Judged(9, "ann", Act.WITHDRAW, undoes=8),
        Judged(3, "ann", Act.ACCEPT),
    )
    assert ruling([first, last]).decision is Act.ACCEPT
    assert ruling([last, first]).decision is Act.REJECT
    assert drop_undone([first, undo, last]) == [last]
    assert drop_undone([undo, last, first]) == [last], "a clock that was set back"


def test_a_correction_stands_beside_the_verdict() -> None:
    judgements = said(("ann", Act.ACCEPT), ("ann", Act.CORRECT, "12"))
    assert ruling(judgements, VERDICT).decision is Act.ACCEPT
    assert ruling(judgements, READING).value == "12"
    assert ruling(said(("ann", Act.CORRECT, "12"), ("bob", Act.CORRECT, "13"))).conflict


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([Act.ACCEPT, Act.REJECT, Act.SKIP, Act.WITHDRAW]))))
def test_the_ruling_depends_on_each_persons_latest_say_alone(history: list[tuple[str, Act]]) -> None:
    judgements = said(*history)
    assert ruling(judgements) == ruling(pick_latest(judgements))
    assert len({j.person for j in pick_latest(judgements)}) == len(pick_latest(judgements))


def test_people_decide_and_a_conflict_waits() -> None:
    assert final_verdict(Verdict.REJECTED, Ruling(Act.ACCEPT)) is Verdict.ACCEPTED
    assert final_verdict(Verdict.ACCEPTED, Ruling(Act.REJECT)) is Verdict.REJECTED
    assert final_verdict(Verdict.ACCEPTED, Ruling(conflict=True)) is Verdict.UNDECIDED
    assert final_verdict(Verdict.UNDECIDED, Ruling()) is Verdict.UNDECIDED


@given(st.lists(st.tuples(st.sampled_from("abc"), st.one_of(st.none(), st.integers(1, 5)))))
def test_leniency_balances_out_over_all_votes(votes: list[tuple[str, int | None]]) -> None:
    offsets = leniency(votes)
    assert sum(offsets[reviewer] for reviewer, score in votes if score is not None) == 0
