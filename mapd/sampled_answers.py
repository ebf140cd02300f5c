"""A student that answers each question k times: mean@k, maj@k and pass@j, each with a 95 % interval. Pure.

    measure([QuestionAnswers(Task.NUMERIC, (), (("18", True), ("18", True), ("20", False))), …])
    -> SampledScores(k=3, questions=200, mean=SampledShare(.31, .26, .37), majority=…, passed={1: …, 2: …, 3: …})

mean@k is the share of right answers. maj@k counts a question as right where the answer that most samples give is right
(self-consistency, arXiv 2203.11171). pass@j is the chance that one of j answers is right, estimated without bias from
all k (arXiv 2107.03374, equation 1). Answers to one question are no independent draws: intervals are by question.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import comb

from mapd.answers.grading import Task, answers_equal
from mapd.statistics import bootstrap_mean


@dataclass(frozen=True, slots=True)
class QuestionAnswers:
    """One question's answers, sample by sample: what was read, None where nothing could be, and whether it is right."""

    task: Task
    options: tuple[str, ...]
    answers: tuple[tuple[str | None, bool], ...]


@dataclass(frozen=True, slots=True)
class SampledShare:
    """A share, and between which shares the truth lies with 95 % confidence."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class SampledScores:
    """The scores of an exam with k answers to each question. `passed`: pass@j by j, which are 1, 2, 4 … and k."""

    k: int
    questions: int
    mean: SampledShare
    majority: SampledShare
    passed: Mapping[int, SampledShare]

    @property
    def by_name(self) -> dict[str, SampledShare]:
        """Return each score by the name that it has in papers: "mean@4", "maj@4", "pass@1", …"""
        shares = {f"mean@{self.k}": self.mean, f"maj@{self.k}": self.majority}
        return shares | {f"pass@{j}": share for j, share in self.passed.items()}


def measure(questions: Iterable[QuestionAnswers]) -> SampledScores | None:
    """Return the scores over the questions that have as many answers as any other; None where there are none."""
    everything = list(questions)
    k = max((len(question.answers) for question in everything), default=0)
    # An exam that isn't finished has questions with fewer answers: they would count for less.
    whole = [question for question in everything if len(question.answers) == k]
    if not k:
        return None
    rights = [sum(right for _, right in question.answers) for question in whole]
    return SampledScores(
        k=k,
        questions=len(whole),
        mean=_share([right / k for right in rights]),
        majority=_share([float(is_majority_right(question)) for question in whole]),
        passed={j: _share([pass_chance(k, right, j) for right in rights]) for j in _counts_to(k)},
    )


def pass_chance(k: int, right: int, j: int) -> float:
    """Return the chance that one of j answers is right, drawn from k of which so many are."""
    return 1 - comb(k - right, j) / comb(k, j)


def is_majority_right(question: QuestionAnswers) -> bool:
    """Return whether the answer that most samples give is right. Of equally many the one that came first counts."""
    groups: list[tuple[str, list[bool]]] = []
    for answer, right in question.answers:
        if answer is None:
            continue
        # "0.5" and "1/2" are one answer.
        votes = next((v for other, v in groups if answers_equal(answer, other, question.task, question.options)), None)
        if votes is None:
            groups.append((answer, [right]))
        else:
            votes.append(right)
    return bool(groups) and max(groups, key=lambda group: len(group[1]))[1][0]


def _counts_to(k: int) -> list[int]:
    powers = [1 << exponent for exponent in range(k.bit_length())]
    return sorted({*powers, k})


def _share(values: Sequence[float]) -> SampledShare:
    low, high = bootstrap_mean(values)
    return SampledShare(sum(values) / len(values), low, high)
