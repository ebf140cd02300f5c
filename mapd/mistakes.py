"""Which attempts are mistakes, after people's corrections. Pure: the committee teaches them, the curation shows them.

is_mistake(attempt, question, gold="145", people=Ruling(Act.REJECT))    -> False: a person found it correct
"""

from typing import overload

from mapd.answers.grading import Outcome, answers_equal
from mapd.domain import Act, Item, Response, Ruling


def is_mistake(attempt: Response, question: Item, gold: str, people: Ruling) -> bool:
    """Return whether the attempt is a mistake: as people say, else by the corrected gold, else as recorded."""
    if people.decision is Act.REJECT:
        return False
    # The recorded outcome compares the old answer with the old gold: after a correction it tells nothing.
    if people.decision is Act.CORRECT or gold != question.gold:
        answer = apply_correction(attempt.answer, people)
        return answer is None or not answers_equal(answer, gold, question.task, question.options)
    return attempt.outcome != Outcome.CORRECT


@overload
def apply_correction(value: str, people: Ruling) -> str: ...
@overload
def apply_correction(value: str | None, people: Ruling) -> str | None: ...
def apply_correction(value: str | None, people: Ruling) -> str | None:
    """Return the value as people corrected it, else as it was."""
    return people.value if people.decision is Act.CORRECT else value
