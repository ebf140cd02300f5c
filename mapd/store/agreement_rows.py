"""What agreement is measured on: each text of an exam with its length, its checks and the committee's verdict.

    list_texts(session, 1, 300)[0]     -> (3, True, 1, "gemini", 61, "holds", "holds", "accepted")

From the queue index, so that no text is read and checked again; it has to be there (review/queue_index).
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from mapd.store.browse import COMMITTEE


def list_texts(session: Session, exam_id: int, threshold: int) -> Sequence[Sequence[Any]]:
    """Return the texts of the exam's mistakes as columns, in no order; once for each mistake that has one.

    (id, whether it is a rationale, question, author, characters, matches gold, equations true, the committee's verdict
    at the threshold, in hundredths)
    """
    states = " ".join(f"WHEN {condition.format(row='s')} THEN '{name}'" for name, condition in COMMITTEE.items())
    query = (
        "SELECT s.explanation_id, s.kind = 'rationale', s.question_id, t.name, length(x.text), s.matches_gold,"
        f" s.equations_true, CASE {states} END"
        " FROM standing s JOIN explanation x ON x.id = s.explanation_id JOIN teacher t ON t.id = s.author_id"
        " WHERE s.exam_id = :exam AND s.kind IN ('rationale', 'feedback')"
    )
    return session.execute(sa.text(query), {"exam": exam_id, "at": threshold}).all()
