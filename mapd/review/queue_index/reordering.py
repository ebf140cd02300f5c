"""Let another fit order an exam's combined queue while its queues stay open.

    change_order(session, exam_id, write)      # each question gets a mark, and derivation.catch_up works the marks off

Until then a part of the queue stands in the old order. Where something else changes as well (verdicts, rules), or
nothing is derived yet, the exam is derived in whole before it is read, as ever.
"""

from collections.abc import Callable

import sqlalchemy as sa
from sqlmodel import Session, col

from mapd.review.queue_index.index_writer import version_of
from mapd.store import db, queries, queue_index
from mapd.store import tables as t


def change_order(session: Session, exam_id: int, write: Callable[[t.StandingExam], None]) -> None:
    """Write what orders the queue into the exam's row, and mark its questions where that changes their order."""
    # Nobody derives meanwhile by what was there before.
    db.lock(session, queue_index.LOCK)
    row, info = session.get(t.StandingExam, exam_id), queries.exam(session, exam_id)
    if row is None:
        return
    old_version = version_of(session, info)
    write(row)
    session.flush()
    version = version_of(session, info)
    if row.rules == old_version != version:
        row.rules = version
        asked = sa.select(col(t.Attempt.question_id)).where(col(t.Attempt.exam_id) == exam_id).distinct()
        marks = asked.add_columns(sa.false())
        session.execute(sa.insert(t.DirtyQuestion).from_select(["question_id", "voted"], marks))
        session.flush()
