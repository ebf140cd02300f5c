"""Adaptive collection: no review is asked for where none can change the verdict. Pure, no I/O.

find_settled(PAPER, [Vote("ash", 1)], 1, checks)   -> rejected, mean 1: a 5 would make it 3.00, not above 3
find_settled(STRICT, [], 2, wrong_answer)          -> rejected, no mean: its own answer is not the gold answer
find_settled(PAPER, [Vote("ash", 2)], 1, checks)   -> None: a 5 would have it accepted, so it is asked for
"""

from collections.abc import Sequence
from dataclasses import replace

from mapd.domain import Verdict, Vote
from mapd.policies import CheckStates, CommitteeVerdict, Policy, decide_rationale

LOWEST, HIGHEST = 1, 5
NOT_ASKED = "not asked: it can't change the verdict"
# Nobody asked for it, or it failed: the verdict is the same.
NO_REVIEW = "gave no review, and none can change the verdict"


def has_bounds(policy: Policy) -> bool:
    """Return whether it is known, before a review is there, what it can do at most under the policy."""
    # Leniency moves with each vote of the exam, and a probability depends on who says what, and on other texts.
    return policy.fit is None and not policy.leniency_adjusted


def describe_limit(policy: Policy) -> str | None:
    """Return in a line why nothing is left out under the policy; None where something may be."""
    if has_bounds(policy):
        return None
    kind = "corrects for leniency" if policy.leniency_adjusted else "is fitted"
    return f"policy {policy.name} {kind}: what a review can change isn't known in advance, so each is asked for"


def find_settled(policy: Policy, votes: Sequence[Vote], reviewers: int, states: CheckStates) -> CommitteeVerdict | None:
    """Return a rationale's verdict where no score of the reviewers to come can change it; None where one can.

    Each of so many `reviewers` may still give any score, with sight of the gold answer. Nothing is accepted on fewer
    votes than the policy demands: where all that is possible is accepted and votes are lacking, they are asked for.
    """
    with_gold = [v.score for v in votes if v.saw_gold]
    # Votes without sight of the gold answer count until the first vote with it, and are replaced by that.
    are_replaced = any(not v.saw_gold for v in votes) and not any(s is not None for s in with_gold)
    if not reviewers or not has_bounds(policy) or are_replaced:
        return None
    # The mean grows with each score, so all completions lie between these two.
    worst, best = (decide_rationale([*with_gold, *[s] * reviewers], policy, states) for s in (LOWEST, HIGHEST))
    so_far = decide_rationale(with_gold, policy, states)
    if worst.verdict is not best.verdict or (best.verdict is Verdict.ACCEPTED and so_far.verdict is Verdict.UNDECIDED):
        return None
    if so_far.verdict is best.verdict:
        return so_far
    # Votes are lacking, and with any of them it is rejected: by a check, or by a mean that nobody gave.
    why = best.why if worst.why == best.why else f"at best {best.why}"
    return replace(so_far, verdict=best.verdict, why=why)


def can_change(policy: Policy, votes: Sequence[Vote], reviewers: int, states: CheckStates) -> bool:
    """Return whether a score of one of the reviewers to come can change a rationale's verdict."""
    return reviewers > 0 and find_settled(policy, votes, reviewers, states) is None


def say_not_needed(settled: CommitteeVerdict, reviewers: Sequence[str]) -> CommitteeVerdict:
    """Return the verdict whose reason says, too, who gave no review."""
    return replace(settled, why=f"{settled.why}; {', '.join(reviewers)} {NO_REVIEW}")
