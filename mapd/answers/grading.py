"""Read the final answer out of a text, and compare it with the gold answer. Pure, no I/O.

    grade("Answer: 145 bananas.\n\nGroup of oranges: 87 / 93 = 0.92", "145", Task.NUMERIC)  -> answer "145", correct
    grade("Group of bananas: 290 / 2 = 145\nGroup of oranges: 87 / 93 = 0.92", …)           -> no_answer

A text is read in this order, and it says why (`Answer.why`):

1. What is not its own goes: a thought (thoughts.py), and what stands behind an invented next question (sequel.py).
2. The last line "Answer: …", which our prompts ask for, decides; so does `<answer>…</answer>` (places.py). A worked
   solution that begins in that line is read to its end.
3. Else marks (`#### 18`, `\\boxed{18}`), then a statement ("the answer is 18").
4. Else, where they agree, an answer given first and a conclusion at the end ("Therefore, there are 18 apples.").

It declines rather than guesses: two different stated answers, two results of which neither uses the other, "5 or 6" are
no answer. Each task has its reader beside this file; compare.py tells which answers are the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from mapd import thoughts
from mapd.answers import boolean, choice, compare, numeric, text
from mapd.answers.expressions import is_closed_expression
from mapd.answers.limits import MAX_TEXT, name_limit
from mapd.answers.numbers import parse_number
from mapd.answers.places import Answer
from mapd.answers.sequel import cut_sequel


class Task(StrEnum):
    """What kind of answer a question has."""

    NUMERIC = "numeric"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    TEXT = "text"


class Outcome(StrEnum):
    """What an attempt came to."""

    CORRECT = "correct"
    INCORRECT = "incorrect"
    NO_ANSWER = "no_answer"


@dataclass(frozen=True, slots=True)
class Grade:
    """The extracted answer, None where there is none or it is ambiguous, what it came to, and why it was read so."""

    answer: str | None
    outcome: Outcome
    why: str = field(default="", compare=False)


def grade(response: str, gold: str, task: Task, options: Sequence[str] = ()) -> Grade:
    """Read a response's final answer and compare it with the gold: `read_answer` and `answers_equal` in one step."""
    answer = read_answer(response, task, options)
    if answer.value is None:
        return Grade(None, Outcome.NO_ANSWER, answer.why)
    is_right = answers_equal(answer.value, gold, task, options)
    return Grade(answer.value, Outcome.CORRECT if is_right else Outcome.INCORRECT, answer.why)


def extract_answer(response: str, task: Task, options: Sequence[str] = ()) -> str | None:
    """Return a response's final answer, or None where it states none or is ambiguous.

    numeric: canonical ("10,011 flowers" -> "10011"; an expression only where it is marked, as it stands);
    boolean: "true" or "false"; choice: the option's letter ("C"); text: the words as they stand.
    """
    return read_answer(response, task, options).value


def read_answer(response: str, task: Task, options: Sequence[str] = ()) -> Answer:
    """Return a response's final answer as `extract_answer` does, and in one sentence why it is that."""
    if limit := name_limit(response):
        return Answer(None, limit)
    if not response.strip():
        return Answer(None, "the text is empty")
    parts = thoughts.split(response)
    # A thought that never ended has no answer behind it.
    if not parts.text:
        return Answer(None, "the text ends within its thought")
    solution = cut_sequel(parts.text)
    if task is Task.NUMERIC:
        return numeric.read_numeric(solution)
    if task is Task.BOOLEAN:
        return boolean.read_boolean(solution)
    if task is Task.CHOICE:
        return choice.read_choice(solution, tuple(options))
    return text.read_text(solution)


def answers_equal(answer: str, gold: str, task: Task, options: Sequence[str] = ()) -> bool:
    """Return whether an extracted answer is the gold one. What can't be read equals nothing."""
    if len(answer) > MAX_TEXT or len(gold) > MAX_TEXT:
        return False
    if task is Task.BOOLEAN:
        return boolean.same_truth(answer, gold)
    if task is Task.CHOICE:
        return choice.same_option(answer, gold, tuple(options))
    if task is Task.NUMERIC:
        return compare.same_number(answer, _answer_of_gold(gold))
    return compare.same_text(answer, gold)


def _answer_of_gold(gold: str) -> str:
    """Return the answer of a gold that is a worked solution, as GSM8K's is, which ends in "#### 18"."""
    if parse_number(gold) is not None or is_closed_expression(gold):
        return gold
    return extract_answer(gold, Task.NUMERIC) or gold
