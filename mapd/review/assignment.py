"""How people are to judge an exam: by how many each text, and what each of them is dealt beside the queue.

    set_judging(session, exam_id, by=owner("ann"), judgements_wanted=2) -> a text waits until two people judged it

Who has which mistake in front of them: review/leases.py.
"""

from sqlmodel import Session

from mapd.errors import BadInput, NotFound
from mapd.people import Person, Right, require
from mapd.store import audit_log
from mapd.store import tables as t

# Judgements of one text that an exam can want.
MOST = 9
NUMBERS = {  # what an exam can want, by its column: from, to, in words
    "judgements_wanted": (1, MOST, "judgements of each text"),
    "practice": (0, 50, "practice texts"),
    "check_every": (0, 1_000, "texts between two checks"),
    "repeat_every": (0, 1_000, "texts between two repeats"),
}


def set_judging(session: Session, exam_id: int, *, by: Person, **numbers: int) -> None:
    """Say how people are to judge the exam: any of NUMBERS. What isn't named stays.

    `judgements_wanted`: by so many people each text. `practice`: so many explained texts before a person's first.
    `check_every`, `repeat_every`: after so many texts a hidden check, a repeat; 0 is never.

    Raises: Forbidden; BadInput, NotFound.
    """
    person = require(by, Right.SET_EXAM)
    row = session.get(t.Exam, exam_id)
    if row is None:
        raise NotFound(f"unknown exam: {exam_id}")
    for name, number in numbers.items():
        low, high, words = NUMBERS[name]
        if not low <= number <= high:
            raise BadInput(f"an exam wants {low} to {high:,} {words}, not {number:,}")
        setattr(row, name, number)
    audit_log.audit(session, person, "want judgements", f"exam {row.uid}", **numbers)
    session.flush()
