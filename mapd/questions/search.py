"""Find questions of a set by their words, for somebody who picks one.

list_questions(session, "svamp", "dev", "pens")     -> the first 25 that hold the word, as (uid, number, text)

A test split is sealed: nothing of it is listed.
"""

from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from mapd.errors import BadInput
from mapd.questions import sets
from mapd.store import queries
from mapd.store import tables as t

LISTED = 25
# The splits of which questions are offered.
OPEN_SPLITS = ("train", "dev")
SEALED = "the test split is sealed, and only an exam opens it, where each opening is counted; pick from train or dev"


class ListedQuestion(NamedTuple):
    """A question as it is offered."""

    uid: str
    source_id: str
    text: str


def list_questions(session: Session, set_name: str, split: str, words: str = "") -> list[ListedQuestion]:
    """Return the first questions of an open split that hold all of these words, or have them as their number.

    Raises: NotFound; BadInput for the sealed split.
    """
    if split not in OPEN_SPLITS:
        raise BadInput(f"no question of {split} is offered: {SEALED}")
    q = t.Question
    query = select(q.uid, q.source_id, q.text).where(q.set_id == sets.get(session, set_name).id, q.split == split)
    for word in words.split():
        places = (col(q.text), sa.func.coalesce(col(q.context), ""), col(q.source_id))
        query = query.where(sa.or_(*(place.icontains(word, autoescape=True) for place in places)))
    return [ListedQuestion(*row) for row in session.exec(query.order_by(col(q.position)).limit(LISTED))]


def find_set_name(session: Session, question: t.Question) -> str:
    """Return the name of the set that a question is of."""
    return session.get_one(t.QuestionSet, question.set_id).name


def open_question(session: Session, ref: str | int) -> t.Question:
    """Return a question that isn't sealed, by uid or id. Raises: NotFound; BadInput: it stands in a test split."""
    row = queries.question(session, ref)
    if row.split not in OPEN_SPLITS:
        raise BadInput(f"question {ref} isn't asked here: {SEALED}")
    return row
