"""Several trainings of one student, pooled: what they gain on the mean, and how far one is from another. Pure.

    pool(load(session, "dev · smollm2"), [load(session, name) for name in ("seed 0", "seed 1", "seed 2")])
    -> PooledResults(gain=0.352, of_trainings=(0.301, 0.403), of_questions=(0.288, 0.417), deviation=0.021, …)

Two intervals, each of 95 %: `of_trainings` says what another training on the same set may give (Student's t over the
trainings), `of_questions` what other questions of this kind may give (a bootstrap over the questions).
"""

import math
import statistics as spread
from collections.abc import Sequence
from dataclasses import dataclass

from mapd.answers.grading import Outcome
from mapd.errors import BadInput
from mapd.results import ExamAnswers, Results, compare
from mapd.statistics import bootstrap_mean, student_interval


@dataclass(frozen=True, slots=True)
class PooledResults:
    """Each training compared with the same exam before, and all of them together. Shares of the questions.

    `deviation`: the standard deviation of the trainings' gains. `always`, `never`: questions that each training, or
    none, got right.
    """

    comparisons: tuple[Results, ...]
    gain: float
    of_trainings: tuple[float, float]
    of_questions: tuple[float, float]
    deviation: float
    always: int
    never: int


def pool(before: ExamAnswers, after: Sequence[ExamAnswers]) -> PooledResults:
    """Pool exams of several trainings.

    Raises: BadInput for fewer than two, for one that is named twice, and as `compare` does.
    """
    uids = [answers.exam.uid for answers in after]
    if twice := next((answers for answers in after if uids.count(answers.exam.uid) > 1), None):
        raise BadInput(f"exam {twice.exam.name} is named twice: each training is another one; leave one out")
    if len(after) < 2:
        raise BadInput("one training can't be pooled: name the exams of two or more, each with --after")
    comparisons = tuple(compare(before, answers) for answers in after)
    gains = [result.overall.after.accuracy - result.overall.before.accuracy for result in comparisons]
    right = [
        sum(answers.answers[uid].outcome is Outcome.CORRECT for answers in after) / len(after) for uid in before.answers
    ]
    was_right = [answer.outcome is Outcome.CORRECT for answer in before.answers.values()]
    changes = [share - was for share, was in zip(right, was_right, strict=True)]
    return PooledResults(
        comparisons=comparisons,
        gain=math.fsum(gains) / len(gains),
        of_trainings=student_interval(gains),
        of_questions=bootstrap_mean(changes),
        deviation=spread.stdev(gains),
        always=sum(share == 1 for share in right),
        never=sum(share == 0 for share in right),
    )


def describe(pooled: PooledResults) -> list[str]:
    """Say what the trainings have in common, and what their number can't show."""
    number = len(pooled.comparisons)
    lines = [
        f"{number} trainings gain {pooled.gain:+.1%} on the mean; one from another by {pooled.deviation:.1%} "
        "(standard deviation)",
        f"another training on the same set: {_span(pooled.of_trainings)}; other questions of this kind: "
        f"{_span(pooled.of_questions)} (95 %)",
        f"{pooled.always:,} questions are right after each training, {pooled.never:,} after none",
    ]
    if pooled.of_trainings[0] <= 0 <= pooled.of_trainings[1]:
        lines.append("No gain is shown: the interval over trainings holds 0.")
    return lines


def _span(interval: tuple[float, float]) -> str:
    return f"{interval[0]:+.1%} to {interval[1]:+.1%}"
