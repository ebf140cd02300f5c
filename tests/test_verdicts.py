"""The rules: scores, means, policies, verdicts, judgements."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapd.checks import State
from mapd.errors import BadInput
from mapd.verdicts import (
    ALWAYS,
    NEVER,
    PAPER,
    READING,
    STRICT,
    VERDICT,
    Act,
    Check,
    CheckStates,
    Judged,
    Policy,
    Ruling,
    Verdict,
    VoteStatus,
    decide_feedback,
    decide_rationale,
    final_verdict,
    heard,
    in_force,
    leniency,
    mean,
    parse_score,
    ruling,
    vote,
)

SOUND = CheckStates(State.HOLDS, State.HOLDS, State.HOLDS)

SCORES = [
    ("[5]", 5),
    ("The rationale is correct and sound. Final answer: [5]", 5),
    ("[4/5]", 4),
    ("[ 3 ]", 3),
    ("[[4]]", 4),
    ("**[2]**", 2),
    ("[**2**]", 2),
    ("[Score: 4]", 4),
    ("\\boxed{4}", 4),
    ("Score: 4", 4),
    ("Score: 4.", 4),
    ("Score - 4", 4),
    ("Score: **4**", 4),
    ("**Score:** 4", 4),
    ("Score (1-5): 4", 4),
    ("Score (1 to 5): 4", 4),
    ("Score: 4/5", 4),
    ("Final score is 4 out of 5.", 4),
    ("My rating: 3", 3),
    ("I would rate it as good. Rating is 2", 2),
    ("I give a score of 4.", 4),
    ("The rationale is sound: 4 out of 5.", 4),
    ("I give it 4/5", 4),
    ("On a scale of [1-5] I say [4].", 4),
    ("The scale is 1-5. Score: 5. As said, the score is 5", 5),
    ("[5] because each step is right. [5]", 5),
    ("290 / 2 = [145], as the rationale says. [5]", 5),
    ("It reaches 3 + 2 = [5] pens by guessing. Score: [2]", 2),
]

NO_VOTES = [
    ("", VoteStatus.EMPTY),
    (" \n ", VoteStatus.EMPTY),
    ("The rationale is correct.", VoteStatus.NOTHING),
    ("There are 83 apples, so the answer of 83 is right.", VoteStatus.NOTHING),
    ("The student has 4 apples and 5 pears.", VoteStatus.NOTHING),
    ("Step 4 is wrong.", VoteStatus.NOTHING),
    ("4 out of 5 apples are red, so it is right.", VoteStatus.NOTHING),
    ("290 / 2 = [145]", VoteStatus.NOTHING),
    ("By the identity [4]2 is actually (4*2)*4.", VoteStatus.NOTHING),
    ("[1-5]", VoteStatus.NOTHING),
    ("[0]", VoteStatus.OUTSIDE),
    ("[6]", VoteStatus.OUTSIDE),
    ("[83]", VoteStatus.OUTSIDE),
    ("[-4]", VoteStatus.OUTSIDE),
    ("Score: 83", VoteStatus.OUTSIDE),
    ("Score: 8/10", VoteStatus.OUTSIDE),
    ("[4/10]", VoteStatus.OUTSIDE),
    ("[4.5]", VoteStatus.FRACTION),
    ("Score: 4.5", VoteStatus.FRACTION),
    ("[4] or perhaps [3]", VoteStatus.SEVERAL),
    ("[5] for correctness, [3] for soundness", VoteStatus.SEVERAL),
    ("[145] is right, so [5]", VoteStatus.SEVERAL),
    ("Score: 4. On reflection, score: 2.", VoteStatus.SEVERAL),
]


@pytest.mark.parametrize(("text", "score"), SCORES)
def test_a_score_is_read(text: str, score: int) -> None:
    assert parse_score(text).score == score


@pytest.mark.parametrize(("text", "status"), NO_VOTES)
def test_what_is_no_score_is_no_vote_with_its_reason(text: str, status: VoteStatus) -> None:
    parsed = parse_score(text)
    assert (parsed.score, parsed.status) == (None, status)


def test_a_phrase_of_the_question_is_never_a_score() -> None:
    question = "Ann answers 4 out of 5. How many are left?"
    assert parse_score("It repeats that Ann answers 4 out of 5.", question).score is None
    assert parse_score("It repeats that Ann answers 4 out of 5.").score == 4  # without the question it can't be known


@given(st.integers(1, 5), st.sampled_from(["[{}]", "Score: {}", "score: {}/5", "I give it {} out of 5.", "[[{}]]"]))
def test_every_score_in_every_style(score: int, style: str) -> None:
    assert parse_score("Each step is right. " + style.format(score)).score == score


@given(st.integers().filter(lambda n: not 1 <= n <= 5))
def test_nothing_outside_1_to_5_is_a_vote(number: int) -> None:
    assert parse_score(f"[{number}]").score is None
    assert (vote(number).score, vote(number).status, vote(number).raw) == (None, VoteStatus.OUTSIDE, str(number))


@given(st.text(max_size=300))
def test_any_text_gives_a_vote_or_a_reason(text: str) -> None:
    parsed = parse_score(text)
    assert (parsed.score is not None) == (parsed.status is VoteStatus.OK)
    assert parsed.score is None or 1 <= parsed.score <= 5


def test_a_megabyte_of_brackets_comes_to_an_end() -> None:
    assert parse_score("[" * 1_000_000).score is None
    assert parse_score("score " * 200_000).score is None


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
    assert in_force([first, undo, last]) == [last]
    assert in_force([undo, last, first]) == [last], "a clock that was set back"


def test_a_correction_stands_beside_the_verdict() -> None:
    judgements = said(("ann", Act.ACCEPT), ("ann", Act.CORRECT, "12"))
    assert ruling(judgements, VERDICT).decision is Act.ACCEPT
    assert ruling(judgements, READING).value == "12"
    assert ruling(said(("ann", Act.CORRECT, "12"), ("bob", Act.CORRECT, "13"))).conflict


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([Act.ACCEPT, Act.REJECT, Act.SKIP, Act.WITHDRAW]))))
def test_the_ruling_depends_on_each_persons_latest_say_alone(history: list[tuple[str, Act]]) -> None:
    judgements = said(*history)
    assert ruling(judgements) == ruling(heard(judgements))
    assert len({j.person for j in heard(judgements)}) == len(heard(judgements))


def test_people_decide_and_a_conflict_waits() -> None:
    assert final_verdict(Verdict.REJECTED, Ruling(Act.ACCEPT)) is Verdict.ACCEPTED
    assert final_verdict(Verdict.ACCEPTED, Ruling(Act.REJECT)) is Verdict.REJECTED
    assert final_verdict(Verdict.ACCEPTED, Ruling(conflict=True)) is Verdict.UNDECIDED
    assert final_verdict(Verdict.UNDECIDED, Ruling()) is Verdict.UNDECIDED


@given(st.lists(st.tuples(st.sampled_from("abc"), st.one_of(st.none(), st.integers(1, 5)))))
def test_leniency_balances_out_over_all_votes(votes: list[tuple[str, int | None]]) -> None:
    offsets = leniency(votes)
    assert sum(offsets[reviewer] for reviewer, score in votes if score is not None) == 0
