"""The queue index: the rules' answers for every mistake, written down where SQL can filter, order and count them.

    catch_up_all(engine)                         # after many rows were written: they are derived, block by block
    follow_judgements(session, [row])            # a judgement is derived in its own transaction
    find_state(session, exam_id)                 # before reading: IndexState.CURRENT, else a job derives the rest

The rules are the pure functions of curated.py and queues.py; here their answers are only written down, question by
question, by one function (`_replace`), whether one judgement came in or the exam is derived in whole. Texts, votes and
attempts come in by the thousand: each leaves a mark in its own transaction (a trigger writes `stale`), and who brought
them works the marks off at the end. No page and no route derives anything. A row of `queued`, with its `band`:

    "accepted-wrong" at thresholds of 0 up to 400 (hundredths), waits; place -2625, mistake 17, enter at rationale 51
"""

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from functools import partial
from itertools import groupby

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from mapd.curation import saved_policies, threshold_sweep
from mapd.curation.curated import Mistake, curate
from mapd.curation.decided_texts import filter_votes
from mapd.curation.order_fits import OrderFit
from mapd.domain import ExamInfo, Vote
from mapd.errors import Busy, NotFound
from mapd.policies import Policy, leniency
from mapd.review import queues
from mapd.review.queue_index.bands import BandKey, BandPosition, find_positions
from mapd.review.queue_index.rows import Values, authors_of, count_figures, find_skips, list_question_rows, list_rows
from mapd.store import committees, db, exam_material, judgement_log, queries, queue_index
from mapd.store import tables as t

# Raise it whenever a rule changes what is derived: the index of every exam is then derived again. An example's rows
# (tests/data/queue_index.tsv) hold it: a test fails where they change and this number doesn't.
RULES_VERSION = 3
BLOCK = 250  # questions that are derived at once: in one transaction, so that others can write in between
# Between two blocks: SQLite has one writer, and who waits for it looks each 0.1 s; without a pause only we got on.
PAUSE_S = 0.25
IN_PART = ", in part"  # behind the version of an index that is being derived: judgements follow, nobody reads it
# PostgreSQL's advisory lock ("stan"): two transactions that derived one question would insert its rows twice.
LOCK = 0x7374616E
log = logging.getLogger("mapd.queue_index")
Tell = Callable[[int, int], None]  # so many questions are derived, of so many


def version_of(session: Session, info: ExamInfo) -> str:
    """Return the version of the exam's rows: rules, policy, order; no threshold (a row holds for all of them)."""
    policy = saved_policies.exam_policy(session, info)
    order = saved_policies.find_order_fit(session, info, policy).digest
    decided = policy.conditions + f", wrong in {info.wrong_in}" * (info.wrong_in > 1) + f", order {order}"
    judges = f"judgements {info.judgements_per_text}, {committees.describe(session, info.id, policy)}"
    return f"rules {RULES_VERSION}, {decided}, {judges}"


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
    db.lock(session, LOCK)
    _count_votes(session)
    mark = col(t.DirtyQuestion.question_id)
    block = list(session.exec(select(mark).distinct().order_by(mark).limit(BLOCK)))
    session.execute(sa.delete(t.DirtyQuestion).where(mark.in_(block)))
    for row in session.exec(select(t.StandingExam)).all() if block else ():
        assert row.id is not None
        questions = exam_material.filter_asked(session, row.id, set(block))
        # Where other rules derived the exam, it is derived in whole before it is read.
        if questions and (exam := _Exam.of(session, row)) is not None:
            exam.follow(questions)
    return len(block)


def _count_votes(session: Session) -> None:
    """Count the votes that came in, and measure the reviewers' leniency again where there are many."""
    is_voted = col(t.DirtyQuestion.voted)
    if session.exec(select(t.DirtyQuestion.id).where(is_voted).limit(1)).first() is None:
        return
    for row in session.exec(select(t.StandingExam)).all():
        exam = _Exam.of(session, row)
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
    for block in _blocks(_questions_of(session, rows)):
        within = col(t.Attempt.question_id).in_(block), col(t.Attempt.exam_id).in_([exam.id for exam in rows_of_exams])
        for exam_id, question in session.exec(select(t.Attempt.exam_id, t.Attempt.question_id).where(*within)).all():
            questions_of[exam_id].add(question)
    if not questions_of:
        return
    db.lock(session, LOCK)
    # These judgements' marks are worked off here; a mark for a vote stays, because it counts towards the leniency.
    for block in _blocks(set().union(*questions_of.values())):
        session.execute(
            sa.delete(t.DirtyQuestion).where(col(t.DirtyQuestion.question_id).in_(block), ~col(t.DirtyQuestion.voted))
        )
    for row in rows_of_exams:
        if (questions := questions_of.get(row.id or 0)) and (exam := _Exam.of(session, row)) is not None:
            exam.follow(questions)


def _questions_of(session: Session, rows: Sequence[t.Judgement]) -> set[int]:
    questions = {row.question_id for row in rows if row.question_id is not None}
    texts = {row.explanation_id for row in rows if row.explanation_id is not None}
    attempts = {row.attempt_id for row in rows if row.attempt_id is not None}
    for table, ids in ((t.Explanation, texts), (t.Attempt, attempts)):
        for block in _blocks(ids):
            questions.update(session.exec(select(table.question_id).where(col(table.id).in_(block))).all())
    return questions


def _blocks(ids: Collection[int]) -> Iterator[list[int]]:
    ordered = sorted(ids)
    return (ordered[start : start + BLOCK] for start in range(0, len(ordered), BLOCK))


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
    db.lock(session, LOCK)
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
    db.lock(session, LOCK)
    row = session.get(t.StandingExam, exam_id)
    if row is None or (exam := _Exam.of(session, row)) is None:
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


# -- what is written --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Exam:
    """An exam that the index holds, to write its rows."""

    session: Session
    id: int
    policy: Policy
    order_fit: OrderFit
    per_text: int
    offsets: dict[str, Fraction]
    bands: dict[BandKey, int]

    @classmethod
    def of(cls, session: Session, row: t.StandingExam) -> "_Exam | None":
        """Return the exam; None where other rules derived it: it is derived again before it is read."""
        assert row.id is not None
        info = queries.exam(session, row.id)
        policy = saved_policies.exam_policy(session, info)
        if row.rules.removesuffix(IN_PART) != version_of(session, info):
            # The same rules may come back later, and what isn't followed now would be missing then.
            row.rules = ""
            return None
        band = t.QueueBand
        columns = (col(band.id), col(band.name), col(band.low), col(band.high), col(band.waits))
        rows = session.execute(sa.select(*columns).where(col(band.exam_id) == row.id))
        offsets = {name: Fraction(offset) for name, offset in row.leniency.items()}
        bands = {(r.name, r.low, r.high, r.waits): r.id for r in rows}
        order_fit = saved_policies.find_order_fit(session, info, policy)
        return cls(session, row.id, policy, order_fit, info.judgements_per_text, offsets, bands)

    def follow(self, questions: Collection[int], *, empty: bool = False) -> None:
        """Derive these questions; `empty`: nothing is derived of them yet."""
        for block in _blocks(questions):
            self._replace(block, empty)

    def _replace(self, questions: Sequence[int], empty: bool) -> None:
        material = exam_material.material(self.session, self.id, questions)
        judgements = judgement_log.judgements(self.session, self.id, questions)
        closed, skipped = queues.find_closed_targets(judgements, ""), find_skips(judgements)
        part = curate(material, judgements, self.policy, offsets=self.offsets, order_fit=self.order_fit)
        rows = (
            *list_rows(part.mistakes, judgements, authors_of(self.session)),
            *list_question_rows(material, part, judgements),
        )
        index_rows = [{"exam_id": self.id} | row for row in rows]
        find = partial(find_positions, closed=closed, skipped=skipped, per_text=self.per_text)
        positions = [(mistake, position) for mistake in part.mistakes for position in find(mistake)]
        # How much each band's number grows or shrinks; bands are counted, so that a queue's length is one sum.
        change: Counter[BandKey] = Counter(position.band for _, position in positions)
        change.update(count_figures(index_rows))
        if not empty:
            change.subtract(self._take_out(questions))
        self._change_counts(change)
        self._insert(t.Standing, index_rows)
        entries = [
            {
                "band_id": self.bands[position.band],
                "place": position.place,
                "position": mistake.question.position,
                "attempt_id": mistake.attempt.id,
                "question_id": mistake.question.id,
                "explanation_id": position.enter,
            }
            for mistake, position in positions
        ]
        self._insert(t.QueueEntry, entries)
        self._insert_skips(positions)

    def _take_out(self, questions: Sequence[int]) -> Counter[BandKey]:
        """Delete what is there; returns what it counted."""
        names = {band: key for key, band in self.bands.items()}
        # For several questions SQLite would choose the index of the bands, or of the exam's order, and read all of it:
        # so the bands are compared in Python, and `+ 0` keeps the exam's index out of the choice.
        entry = t.QueueEntry
        positions = sa.select(col(entry.id), col(entry.band_id)).where(col(entry.question_id).in_(questions))
        rows = [row for row in self.session.execute(positions).all() if row.band_id in names]
        counts = Counter(names[row.band_id] for row in rows)
        of_questions = (col(t.Standing.question_id).in_(questions), col(t.Standing.exam_id) + 0 == self.id)
        columns = [t.metadata.tables["standing"].c[name] for name in threshold_sweep.COLUMNS]
        old = self.session.execute(sa.select(*columns).where(*of_questions)).mappings()
        counts.update(count_figures(map(dict, old)))
        ids = [row.id for row in rows]
        self.session.execute(sa.delete(t.QueueSkip).where(col(t.QueueSkip.queued_id).in_(ids)))
        self.session.execute(sa.delete(t.QueueEntry).where(col(t.QueueEntry.id).in_(ids)))
        self.session.execute(sa.delete(t.Standing).where(*of_questions))
        return counts

    def _change_counts(self, change: Counter[BandKey]) -> None:
        """Move the bands' numbers; a band is made where it is needed first, and stays."""
        for key in sorted(key for key in change if key not in self.bands):
            name, low, high, waits = key
            band = t.QueueBand(exam_id=self.id, name=name, low=low, high=high, waits=waits)
            self.session.add(band)
            self.session.flush()
            assert band.id is not None
            self.bands[key] = band.id
        changes = [{"band": self.bands[key], "by": by} for key, by in change.items() if by]
        if changes:
            bands = t.metadata.tables["band"]
            by = sa.bindparam("by", type_=sa.Integer)
            update = sa.update(bands).where(bands.c.id == sa.bindparam("band")).values(number=bands.c.number + by)
            self.session.connection().execute(update, changes)

    def _insert(self, table: type[t.Table], rows: list[Values]) -> None:
        if rows:
            self.session.connection().execute(sa.insert(t.metadata.tables[str(table.__tablename__)]), rows)

    def _insert_skips(self, positions: Iterable[tuple[Mistake, BandPosition]]) -> None:
        entry, skips = t.QueueEntry, []
        for mistake, position in positions:
            if position.passed_by:
                band = self.bands[position.band]
                entry_ids = select(entry.id).where(entry.band_id == band, entry.attempt_id == mistake.attempt.id)
                place = {"queued_id": self.session.exec(entry_ids).one(), "band_id": band}
                people = ({"person": who, "skipped": who in position.skipped_by} for who in sorted(position.passed_by))
                skips += [place | person for person in people]
        self._insert(t.QueueSkip, skips)
