"""The queue index: the rules' answers for every mistake, written down where SQL can filter, order and count them.

    catch_up_all(engine)                         # after many rows were written: they are derived, block by block
    follow_judgements(session, [row])            # a judgement is derived in its own transaction
    find_state(session, exam_id)                 # before reading: IndexState.CURRENT, else a job derives the rest

The rules are the pure functions of curated.py and queues.py; here their answers are only written down, question by
question, by one class (index_writer.py), whether one judgement came in or the exam is derived in whole. Texts, votes
and attempts come in by the thousand: each leaves a mark in its own transaction (a trigger writes `stale`), and who
brought them works the marks off at the end. No page and no route derives anything. A row of `queued`, with its `band`:

    "accepted-wrong" at thresholds of 0 up to 400 (hundredths), waits; place -2625, mistake 17, enter at rationale 51
"""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from enum import Enum
from itertools import groupby

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from mapd.curation.decided_texts import filter_votes
from mapd.domain import Vote
from mapd.errors import Busy, NotFound
from mapd.policies import leniency
from mapd.review.queue_index.index_writer import BLOCK, IN_PART, IndexWriter, version_of
from mapd.store import db, exam_material, queries, queue_index
from mapd.store import tables as t

# Between two blocks: SQLite has one writer, and who waits for it looks each 0.1 s; without a pause only we got on.
PAUSE_S = 0.25
log = logging.getLogger("mapd.queue_index")
Tell = Callable[[int, int], None]  # so many questions are derived, of so many


# -- when it is written -----------------------------------------------------------------------------------------------


class IndexState(Enum):
    """How far an exam's index is, for who wants to read it."""

    CURRENT = "current"
    BEHIND = "behind"  # derived by the exam's rules, but rows came in since: what is there can be shown
    MISSING = "missing"  # never derived, in part, or by other rules: it can't be shown


def find_state(session: Session, exam_id: int) -> IndexState:
    """Return how far the exam's index is. Raises: NotFound."""
    row = session.get(t.StandingExam, exam_id)
    if row is None or row.rules != version_of(session, queries.exam(session, exam_id)):
        return IndexState.MISSING
    marks = select(t.DirtyQuestion.id).join(t.Attempt, col(t.Attempt.question_id) == t.DirtyQuestion.question_id)
    has_marks = session.exec(marks.where(t.Attempt.exam_id == exam_id).limit(1)).first() is not None
    return IndexState.BEHIND if has_marks else IndexState.CURRENT


def catch_up(engine: sa.Engine, exam_id: int, tell: Tell = lambda *_: None) -> None:
    """Bring the exam's index up to date with all that is committed; `tell` hears how many questions are derived.

    It may be killed at any time, and several processes may do it at once: each block is a transaction of its own, which
    takes the next questions that nobody has derived.
    """
    with db.reading(engine) as session:
        state = find_state(session, exam_id)
        if state is IndexState.CURRENT:
            return
        done, total = 0, queue_index.count_marked(session)
        if state is IndexState.MISSING:
            total += queue_index.count_asked(session, exam_id)
            row = session.get(t.StandingExam, exam_id)
            if row is not None and row.rules == version_of(session, queries.exam(session, exam_id)) + IN_PART:
                done = queue_index.count_derived(session, exam_id)
    for number in _derive_in_blocks(engine, exam_id):
        done += number
        if number:
            # More may have come in since they were counted.
            total = max(total, done)
            tell(done, total)
        if number == BLOCK:
            time.sleep(PAUSE_S)


def catch_up_all(engine: sa.Engine, tell: Tell = lambda *_: None) -> None:
    """Bring the index of every exam up to date: who wrote many rows does so at the end."""
    try:
        with db.reading(engine) as session:
            exam_ids = [exam.id for exam in queries.exams(session)]
        for exam_id in exam_ids:
            # It may have been deleted meanwhile.
            with suppress(NotFound):
                catch_up(engine, exam_id, tell)
    except Busy as busy:
        # What was written stands: the next who writes or looks at the exam has the rest derived.
        log.info("the queues know what came in once the database is free: %s", busy.reason)


def _derive_in_blocks(engine: sa.Engine, exam_id: int) -> Iterator[int]:
    """Yield how many questions each transaction derived."""
    number, last = BLOCK, 0
    # The marks come first: where the exam isn't derived yet, they say nothing that isn't read with it anyway.
    # A short block is the last one: what comes in from now on is for the next time, or a collection kept it here.
    while number == BLOCK:
        with db.writing(engine) as session:
            number = derive_marked(session)
        yield number
    while True:
        with db.writing(engine) as session:
            block = _derive_missing(session, exam_id, last)
        if not block:
            return
        last = block[-1]
        yield len(block)


def derive_marked(session: Session) -> int:
    """Derive again the next questions that have a mark, in every exam that the index holds; return how many."""
    db.lock(session, queue_index.LOCK)
    _count_votes(session)
    mark = col(t.DirtyQuestion.question_id)
    block = list(session.exec(select(mark).distinct().order_by(mark).limit(BLOCK)))
    session.execute(sa.delete(t.DirtyQuestion).where(mark.in_(block)))
    for row in session.exec(select(t.StandingExam)).all() if block else ():
        assert row.id is not None
        questions = exam_material.filter_asked(session, row.id, set(block))
        # Where other rules derived the exam, it is derived in whole before it is read.
        if questions and (exam := IndexWriter.of(session, row)) is not None:
            exam.follow(questions)
    return len(block)


def _count_votes(session: Session) -> None:
    """Count the votes that came in, and measure the reviewers' leniency again where there are many."""
    is_voted = col(t.DirtyQuestion.voted)
    if session.exec(select(t.DirtyQuestion.id).where(is_voted).limit(1)).first() is None:
        return
    for row in session.exec(select(t.StandingExam)).all():
        exam = IndexWriter.of(session, row)
        if exam is None:
            continue
        asked = sa.select(col(t.Attempt.question_id)).where(col(t.Attempt.exam_id) == exam.id).distinct()
        votes = select(func.count()).select_from(t.DirtyQuestion).where(is_voted)
        number = session.exec(votes.where(col(t.DirtyQuestion.question_id).in_(asked))).one()
        row.votes_since += number
        # One more vote moves the reviewers' leniency a little. It is measured again once a fifth of the votes is new,
        # and at once where the policy decides by it; then every question has to be derived again.
        if row.votes_since > row.votes / 5 or (number and exam.policy.leniency_adjusted):
            row.leniency, row.votes = _leniency(session, exam.id)
            row.votes_since = 0
            marks = asked.add_columns(sa.false())
            session.execute(sa.insert(t.DirtyQuestion).from_select(["question_id", "voted"], marks))
    session.execute(sa.update(t.DirtyQuestion).where(is_voted).values(voted=False))
    session.flush()


def follow_judgements(session: Session, rows: Sequence[t.Judgement]) -> None:
    """Derive again the questions that judgements are about. Where no exam is held yet their marks simply stay."""
    session.flush()
    rows_of_exams = session.exec(select(t.StandingExam)).all()
    questions_of: defaultdict[int, set[int]] = defaultdict(set)
    for block in queries.split_ids(_questions_of(session, rows), BLOCK):
        within = col(t.Attempt.question_id).in_(block), col(t.Attempt.exam_id).in_([exam.id for exam in rows_of_exams])
        for exam_id, question in session.exec(select(t.Attempt.exam_id, t.Attempt.question_id).where(*within)).all():
            questions_of[exam_id].add(question)
    if not questions_of:
        return
    db.lock(session, queue_index.LOCK)
    # These judgements' marks are worked off here; a mark for a vote stays, because it counts towards the leniency.
    for block in queries.split_ids(set().union(*questions_of.values()), BLOCK):
        session.execute(
            sa.delete(t.DirtyQuestion).where(col(t.DirtyQuestion.question_id).in_(block), ~col(t.DirtyQuestion.voted))
        )
    for row in rows_of_exams:
        if (questions := questions_of.get(row.id or 0)) and (exam := IndexWriter.of(session, row)) is not None:
            exam.follow(questions)


def _questions_of(session: Session, rows: Sequence[t.Judgement]) -> set[int]:
    questions = {row.question_id for row in rows if row.question_id is not None}
    texts = {row.explanation_id for row in rows if row.explanation_id is not None}
    attempts = {row.attempt_id for row in rows if row.attempt_id is not None}
    for table, ids in ((t.Explanation, texts), (t.Attempt, attempts)):
        for block in queries.split_ids(ids, BLOCK):
            questions.update(session.exec(select(table.question_id).where(col(table.id).in_(block))).all())
    return questions


def derive(session: Session, exam_id: int, *, measure: bool = True) -> None:
    """Derive the whole exam from its rows, as if nothing had been derived before.

    `measure` unset keeps the reviewers' leniency as it was measured.
    """
    _begin(session, exam_id, measure=measure)
    last = 0
    while block := _derive_missing(session, exam_id, last):
        last = block[-1]


def _begin(session: Session, exam_id: int, *, measure: bool = True) -> None:
    """Delete what is derived of the exam, and measure the reviewers' leniency, which every single vote would move."""
    db.lock(session, queue_index.LOCK)
    # Rows first, then the bands that they refer to.
    bands = sa.select(col(t.QueueBand.id)).where(col(t.QueueBand.exam_id) == exam_id)
    session.execute(sa.delete(t.QueueSkip).where(col(t.QueueSkip.band_id).in_(bands)))
    session.execute(sa.delete(t.QueueEntry).where(col(t.QueueEntry.band_id).in_(bands)))
    session.execute(sa.delete(t.Standing).where(col(t.Standing.exam_id) == exam_id))
    session.execute(sa.delete(t.QueueBand).where(col(t.QueueBand.exam_id) == exam_id))
    row = session.get(t.StandingExam, exam_id)
    if measure or row is None:
        row = row or session.merge(t.StandingExam(id=exam_id, rules="", votes=0))
        (row.leniency, row.votes), row.votes_since = _leniency(session, exam_id), 0
    row.rules = version_of(session, queries.exam(session, exam_id)) + IN_PART
    session.flush()


def _derive_missing(session: Session, exam_id: int, after: int = 0) -> list[int]:
    """Derive the exam's next questions that have no row yet; return their ids. Without any left the index is whole."""
    db.lock(session, queue_index.LOCK)
    row = session.get(t.StandingExam, exam_id)
    if row is None or (exam := IndexWriter.of(session, row)) is None:
        _begin(session, exam_id)
        return _derive_missing(session, exam_id)
    if not row.rules.endswith(IN_PART):
        return []
    # From the last block on; at the end once more from the beginning, because another process may have begun anew.
    block = queue_index.list_missing(session, exam_id, after, BLOCK)
    block = block or queue_index.list_missing(session, exam_id, 0, BLOCK)
    if block:
        exam.follow(block, empty=True)
    else:
        row.rules = row.rules.removesuffix(IN_PART)
        session.flush()
    return block


def _leniency(session: Session, exam_id: int) -> tuple[dict[str, str], int]:
    number = 0

    def valid() -> Iterator[tuple[str, int | None]]:
        nonlocal number
        for _, rows in groupby(exam_material.iterate_votes(session, exam_id), key=lambda row: row[0]):
            for v in filter_votes([Vote(reviewer, score, saw_gold=saw) for _, reviewer, score, saw in rows]):
                number += 1
                yield v.reviewer, v.score

    offsets = {name: str(offset) for name, offset in leniency(valid()).items()}
    return offsets, number
