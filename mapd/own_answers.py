"""A rationale's own final answer as people corrected it, and what the three-state checks say of it. Pure, no I/O.

read_own_answer(checks, "13", Task.NUMERIC, (), Ruling())                      -> ("12", State.FAILS)
read_own_answer(checks, "13", Task.NUMERIC, (), Ruling(Act.CORRECT, "13"))     -> ("13", State.HOLDS)
"""

from collections.abc import Sequence

from mapd.answers.grading import Task, answers_equal
from mapd.checks import RationaleChecks, State
from mapd.domain import Ruling
from mapd.judgements import apply_correction
from mapd.policies import CheckStates


def read_own_answer(
    checks: RationaleChecks, gold: str, task: Task, options: Sequence[str], reading: Ruling
) -> tuple[str | None, State]:
    """Return a rationale's own answer as corrected by people (`reading`), and whether it is the gold one."""
    answer = apply_correction(checks.answer, reading)
    if not gold.strip():
        return answer, State.NOTHING
    if answer == checks.answer:
        return answer, checks.matches_gold
    same = answer is not None and answers_equal(answer, gold, task, options)
    return answer, State.HOLDS if same else State.FAILS


def read_states(
    checks: RationaleChecks, gold: str, task: Task, options: Sequence[str], reading: Ruling
) -> tuple[str | None, CheckStates]:
    """Return a rationale's own answer as corrected by people (`reading`), and what a policy's checks say of it."""
    answer, matches_gold = read_own_answer(checks, gold, task, options, reading)
    return answer, CheckStates(matches_gold, checks.equations_true, checks.shows_work)
