"""Questions of any reasoning-gym task, an optional extra: `mapd questions gym NAME leg_counting --count 100`.

    rows("leg_counting", 1, seed=42)
    -> (QuestionRow("leg_counting-0", "train", Task.NUMERIC, "How many legs are there in total if …?", "4", …),)

Answers are graded by our own rules (grading.py), not by the task's `score_answer`: a task whose answer is a number, a
truth or a few words does well, one that has many right answers does not.
"""

import re
from collections.abc import Iterable, Iterator

from mapd.answers.grading import Task
from mapd.errors import BadInput
from mapd.questions.golds import TRUTHS
from mapd.questions.rows import SHARES, QuestionRow, Shares, draw

# So many questions are made, at most, for each that is asked for: small tasks repeat themselves.
TRIES = 20
_NUMBER = re.compile(r"[-+]?[0-9][0-9,]*(?:\.[0-9]+)?(?:/[0-9]+|[eE][-+]?[0-9]+)?")


def rows(task: str, count: int, *, shares: Shares = SHARES, seed: int = 0) -> tuple[QuestionRow, ...]:
    """Return so many different questions of a task, shared out to the splits; the same for the same seed.

    Raises: BadInput where reasoning-gym is missing, doesn't know the task, or the task can't give so many.
    """
    questions: dict[str, tuple[str, str]] = {}
    for question, gold in _generate(task, count * TRIES, seed):
        questions.setdefault(" ".join(question.split()), (question, gold))
        if len(questions) == count:
            break
    else:
        raise BadInput(
            f"reasoning-gym's {task} can't give {count} different questions, only {len(questions)}; ask for less"
        )
    kind = _task(gold for _, gold in questions.values())
    splits = draw([task] * count, shares, seed)
    return tuple(
        QuestionRow(f"{task}-{number}", split, kind, question, gold, family=task)
        for number, (split, (question, gold)) in enumerate(zip(splits, questions.values(), strict=True))
    )


def _generate(task: str, most: int, seed: int) -> Iterator[tuple[str, str]]:
    try:
        # An extra, and slow to load.
        import reasoning_gym
    except ImportError as error:
        raise BadInput(
            "reasoning-gym is not installed: pip install 'mapd-studio[gym]' (some of its parts need a C compiler)"
        ) from error
    try:
        items = reasoning_gym.create_dataset(task, size=most, seed=seed)
    except (ValueError, AssertionError) as error:
        raise BadInput(f"reasoning-gym makes no questions of a task {task!r} ({error}); see its GALLERY.md") from error
    for place in range(most):
        question, gold = (item := items[place])["question"], item["answer"]
        if not isinstance(gold, str) or not gold.strip():
            raise BadInput(
                f"reasoning-gym's {task} has no single gold answer, so it can't be graded; choose another task"
            )
        yield question, gold.strip()


def _task(golds: Iterable[str]) -> Task:
    """Return what kind of answers they are: all numbers, all truths, else words."""
    answers = list(golds)
    if all(map(_NUMBER.fullmatch, answers)):
        return Task.NUMERIC
    return Task.BOOLEAN if all(answer.lower() in TRUTHS for answer in answers) else Task.TEXT
