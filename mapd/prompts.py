"""Every prompt as shipped. The database keeps each by its hash, so that what was asked can be read years later.

    exam(item)      -> (system "Solve the question …", user "Ann has 3 pens … Answer: <number>")
    REVIEW.sha256   -> names this wording in every review that was asked for with it

What comes from elsewhere stands between tags (<question> … </question>), so that a teacher can tell it from the task.
In substance the prompts are the released code's (facts/paper.md); the words are ours.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from mapd.models.base import Message
from mapd.questions.grading import Task
from mapd.questions.options import lettered

ANSWER_FORM = {
    Task.NUMERIC: 'End with a line "Answer: " and the number.',
    Task.BOOLEAN: 'End with a line "Answer: " and true or false.',
    Task.CHOICE: 'End with a line "Answer: " and the letter of the right option.',
    Task.TEXT: 'End with a line "Answer: " and the answer in a few words.',
}


@dataclass(frozen=True, slots=True)
class Prompt:
    """A wording with {fields}; `kind` is exam, feedback, rationale or review."""

    kind: str
    system: str
    user: str

    @property
    def text(self) -> str:
        """The wording as one text, as the database keeps it."""
        return f"{self.system}\n\n{self.user}"

    @property
    def sha256(self) -> str:
        """The name of this wording."""
        return hashlib.sha256(self.text.encode("utf-8")).hexdigest()

    def fill(self, **fields: str) -> tuple[Message, ...]:
        """The messages to send. A field's text is put in once and never read for further fields."""
        return Message("system", self.system), Message("user", self.user.format(**fields))


EXAM = Prompt("exam", "You solve questions step by step.", "{question}\n{form}")

RATIONALE = Prompt(
    "rationale",
    "You are a teacher who writes worked solutions that a student can learn from.",
    "Solve this question. Show each step in a short sentence, then the final answer.\n\n"
    "<question>\n{question}\n</question>\n\n{form}",
)

FEEDBACK = Prompt(
    "feedback",
    "You are a teacher who explains to a student what is wrong in an answer.",
    "A student answered this question incorrectly. Point out the mistakes and how to get it right.\n\n"
    "<question>\n{question}\n</question>\n\n"
    "<student_answer>\n{answer}\n</student_answer>\n\n"
    "<correct_answer>\n{gold}\n</correct_answer>",
)

REVIEW = Prompt(
    "review",
    "You review worked solutions for correctness and soundness.",
    "Review this solution step by step: is each step right, does it follow, does it arrive at the correct answer? Then "
    "give a whole number from 1 (wrong) to 5 (right and sound) in square brackets, such as [4].\n\n"
    "<question>\n{question}\n</question>\n\n"
    "<solution>\n{solution}\n</solution>\n\n"
    "<correct_answer>\n{gold}\n</correct_answer>",
)

# What a student is asked in training, behind its own wrong answer: then it learns to say what went wrong.
CORRECTION = "The right answer is {gold}. What went wrong?"

SHIPPED: Sequence[Prompt] = (EXAM, RATIONALE, FEEDBACK, REVIEW)


def question_block(text: str, context: str | None, options: Sequence[str]) -> str:
    """A question with its context before it and its options, lettered, behind it."""
    return "\n".join([*([context] if context else []), text, *lettered(options)])


def exam(question: str, task: Task) -> tuple[Message, ...]:
    """What the student is asked. `question` as `question_block` gives it."""
    return EXAM.fill(question=question, form=ANSWER_FORM[task])


def rationale(question: str, task: Task) -> tuple[Message, ...]:
    """What a teacher is asked: no gold answer, no student's answer."""
    return RATIONALE.fill(question=question, form=ANSWER_FORM[task])


def feedback(question: str, answer: str, gold: str) -> tuple[Message, ...]:
    """What a teacher is asked about a student's response."""
    return FEEDBACK.fill(question=question, answer=answer, gold=gold)


def review(question: str, solution: str, gold: str) -> tuple[Message, ...]:
    """What a reviewer is asked, with the gold answer as a hint."""
    return REVIEW.fill(question=question, solution=solution, gold=gold)


def rationale_dialogue(question: str, task: Task, rationale: str) -> tuple[Message, ...]:
    """A training dialogue: the exam's own prompt, then a rationale as the student's answer."""
    return *exam(question, task), Message("assistant", rationale)


def feedback_dialogue(question: str, task: Task, answer: str, gold: str, feedback: str) -> tuple[Message, ...]:
    """A training dialogue that begins with exactly the rationale's prompt: its own wrong answer, then the feedback."""
    asked = (Message("assistant", answer), Message("user", CORRECTION.format(gold=gold)))
    return *exam(question, task), *asked, Message("assistant", feedback)
