"""How people are to judge an exam: by how many each text, who which part, and what is dealt beside the queue.

    set_judging(session, exam_id, by=owner("ann"), judgements_wanted=2) -> a text waits until two people judged it
    share_out(session, exam_id, 3)    -> [WorkShare(Part(1, 3), 41, "show=mistakes&people=not+judged&part=1%2F3"), …]

A share is a filter of Browse, so a link opens it in triage. It binds nobody: who is done can take another's.
Who has which mistake in front of them: review/leases.py.
"""

from dataclasses import dataclass

from sqlmodel import Session

from mapd.domain import MOST_PARTS, Order, Part, RowFilter, RowKind
from mapd.errors import BadInput, NotFound
from mapd.people import Person, Right, require
from mapd.review import curated_part, filters
from mapd.store import audit_log, browse
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


@dataclass(frozen=True, slots=True)
class WorkShare:
    """A part of what waits: so many mistakes, and the filter that shows them in Browse and in triage."""

    part: Part
    mistakes: int
    filter: str


def share_out(session: Session, exam_id: int, among: int) -> list[WorkShare]:
    """Share out the mistakes that wait among so many people. The exam's queue index has to be up to date.

    Where the exam wants one judgement of each text, only what nobody judged is in a share.

    Raises: BadInput for a number of people that can't be.
    """
    if not 2 <= among <= MOST_PARTS:
        raise BadInput(f"work is shared out among 2 to {MOST_PARTS} people, not {among:,}")
    setting = curated_part.load_setting(session, exam_id)
    # A text that one person judged still waits for the next where the exam wants several.
    people = "not judged" if setting.exam.judgements_per_text == 1 else None
    shares = []
    for number in range(1, among + 1):
        row_filter = RowFilter(RowKind.MISTAKES, people=people, part=Part(number, among))
        count = browse.count_rows(session, exam_id, row_filter, setting.threshold)
        shares.append(WorkShare(Part(number, among), count, filters.write(row_filter, Order.QUESTION, {})))
    return shares
