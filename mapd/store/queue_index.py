"""Named reads of the queue index: SQL that filters, orders and counts, and knows no rule.

    count_queues(session, exam_id, 300, "ann")["disagree"]              -> QueueCount(waiting=97, all=102, skipped=1)
    list_positions(session, exam_id, "disagree", 300, "ann")            -> the first position that waits for ann
    list_positions(session, exam_id, "disagree", 300, "ann", after=key) -> the next one

Thresholds are hundredths. A band holds those mistakes of a queue that are in it from one threshold up to another.
"""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from mapd.domain import Act
from mapd.store import tables as t

# PostgreSQL's advisory lock ("stan"): two transactions that derived one question would insert its rows twice, and what
# is derived of a text refers to it, so who deletes texts takes the lock, too.
LOCK = 0x7374616E
# The band that counts the rationales (a figure of the threshold lab).
RATIONALES = "figure:rationales"


class QueueKey(NamedTuple):
    """A place's key in its queue, ascending."""

    place: int
    position: int
    attempt_id: int


@dataclass(frozen=True, slots=True)
class PeopleCount:
    """How many rationales people accept and reject, and on how many questions; those on which they differ aside."""

    right: int
    wrong: int
    questions: int

    @property
    def number(self) -> int:
        """Return how many they decided."""
        return self.right + self.wrong


@dataclass(frozen=True, slots=True)
class QueuePosition:
    """One mistake in a queue, and the text to enter it at."""

    key: QueueKey
    text_id: int | None
    waits: bool


@dataclass(frozen=True, slots=True)
class QueueCount:
    """How many mistakes of a queue wait for a person, of how many, and how many wait only for others: skipped ones."""

    waiting: int
    all: int
    skipped: int = 0

    @property
    def decided(self) -> int:
        """Count the mistakes that need no decision of this person any more: a skip is none."""
        return self.all - self.waiting - self.skipped


def count_queues(session: Session, exam_id: int, threshold: int, person: str) -> dict[str, QueueCount]:
    """Count by queue (those that hold anything) how many mistakes wait for this person, of how many."""
    at = {"exam": exam_id, "at": threshold, "person": person}
    # Bands named "figure:…" are no queues: they hold the threshold lab's figures.
    bands = session.execute(
        sa.text(
            "SELECT name, sum(CASE WHEN waits THEN number ELSE 0 END), sum(number) FROM band"
            " WHERE exam_id = :exam AND low <= :at AND high > :at AND number > 0 AND name NOT LIKE 'figure:%'"
            " GROUP BY name"
        ),
        at,
    )
    skips = session.execute(
        sa.text(
            "SELECT b.name, count(*), sum(CASE WHEN p.skipped THEN 1 ELSE 0 END)"
            " FROM passed p JOIN band b ON b.id = p.band_id"
            " WHERE p.person = :person AND b.exam_id = :exam AND b.low <= :at AND b.high > :at GROUP BY b.name"
        ),
        at,
    )
    skipped = {name: (int(number), int(part)) for name, number, part in skips}
    return {
        name: QueueCount(int(waiting) - skipped.get(name, (0, 0))[0], int(number), skipped.get(name, (0, 0))[1])
        for name, waiting, number in bands
    }


def list_positions(
    session: Session,
    exam_id: int,
    queue: str,
    threshold: int,
    person: str,
    *,
    after: QueueKey | None = None,
    number: int = 1,
    all_positions: bool = False,
    backwards: bool = False,
) -> list[QueuePosition]:
    """Return the queue's next positions that wait for this person; with `all_positions` those that don't, too."""
    # Each band is in order: the page is the merge of those that the threshold falls into, at the same cost everywhere.
    sign, way = ("<", "DESC") if backwards else (">", "ASC")
    after_key = f" AND (n.place, n.position, n.attempt_id) {sign} (:place, :position, :attempt)" if after else ""
    is_passed = "EXISTS (SELECT 1 FROM passed p WHERE p.person = :person AND p.queued_id = {row}.id)"
    is_open = "" if all_positions else f" AND NOT {is_passed.format(row='n')}"
    query = (
        f"SELECT q.place, q.position, q.attempt_id, q.explanation_id, b.waits AND NOT {is_passed.format(row='q')}"
        " FROM band b JOIN queued q ON q.id IN ("
        f"SELECT n.id FROM queued n WHERE n.band_id = b.id{after_key}{is_open}"
        f" ORDER BY n.place {way}, n.position {way}, n.attempt_id {way} LIMIT :number)"
        " WHERE b.exam_id = :exam AND b.name = :queue AND b.low <= :at AND b.high > :at AND b.number > 0"
        f"{'' if all_positions else ' AND b.waits'}"
        f" ORDER BY q.place {way}, q.position {way}, q.attempt_id {way} LIMIT :number"
    )
    values: dict[str, object] = {"exam": exam_id, "queue": queue, "at": threshold, "person": person, "number": number}
    if after:
        values |= {"place": after.place, "position": after.position, "attempt": after.attempt_id}
    rows = session.execute(sa.text(query), values)
    return [QueuePosition(QueueKey(*row[:3]), row[3], bool(row[4])) for row in rows]


def waiting_among(
    session: Session, exam_id: int, queue: str, threshold: int, person: str, attempts: Collection[int]
) -> set[int]:
    """Return those of the mistakes that wait for this person in the queue."""
    if not attempts:
        return set()
    query = sa.text(
        "SELECT q.attempt_id FROM queued q JOIN band b ON b.id = q.band_id"
        " WHERE q.question_id IN (SELECT question_id FROM attempt WHERE id IN :attempts) AND q.attempt_id IN :attempts"
        " AND b.exam_id = :exam AND b.name = :queue AND b.low <= :at AND b.high > :at AND b.waits"
        " AND NOT EXISTS (SELECT 1 FROM passed p WHERE p.person = :person AND p.queued_id = q.id)"
    ).bindparams(sa.bindparam("attempts", expanding=True))
    at = {"exam": exam_id, "queue": queue, "at": threshold, "person": person, "attempts": sorted(attempts)}
    return set(session.execute(query, at).scalars())


def find_position(session: Session, exam_id: int, queue: str, threshold: int, attempt_id: int) -> QueuePosition | None:
    """Return a mistake's own position in a queue; None where it has none."""
    row = session.execute(
        sa.text(
            "SELECT q.place, q.position, q.attempt_id, q.explanation_id, b.waits"
            " FROM attempt a JOIN queued q ON q.question_id = a.question_id JOIN band b ON b.id = q.band_id"
            " WHERE a.id = :attempt AND q.attempt_id = a.id AND b.exam_id = :exam AND b.name = :queue"
            " AND b.low <= :at AND b.high > :at"
        ),
        {"exam": exam_id, "queue": queue, "at": threshold, "attempt": attempt_id},
    ).first()
    return None if row is None else QueuePosition(QueueKey(*row[:3]), row[3], bool(row[4]))


def number_positions(
    session: Session, exam_id: int, queue: str, threshold: int, keys: Collection[QueueKey]
) -> dict[QueueKey, int]:
    """Return the numbers of these positions in a queue, from 1."""
    # The first is counted from the beginning, each other one from the one before.
    sorted_keys = sorted(set(keys))
    values: dict[str, object] = {"exam": exam_id, "queue": queue, "at": threshold}
    counts = []
    columns, marks = "(n.place, n.position, n.attempt_id)", "(:place{0}, :position{0}, :attempt{0})".format
    for index, key in enumerate(sorted_keys):
        after_key = f" AND {columns} > {marks(index - 1)}" if index else ""
        counts.append(
            f"SELECT {index}, count(*) FROM band b JOIN queued n ON n.band_id = b.id"
            " WHERE b.exam_id = :exam AND b.name = :queue AND b.low <= :at AND b.high > :at AND b.number > 0"
            f" AND {columns} <= {marks(index)}{after_key}"
        )
        values |= {f"place{index}": key.place, f"position{index}": key.position, f"attempt{index}": key.attempt_id}
    rows = session.execute(sa.text(" UNION ALL ".join(counts)), values) if counts else ()
    counts_between = {int(index): int(number) for index, number in rows}
    totals = accumulate(counts_between[index] for index in range(len(sorted_keys)))
    return dict(zip(sorted_keys, totals, strict=True))


def figures(session: Session, exam_id: int) -> dict[tuple[str, int, int], int]:
    """Return the threshold lab's figures: (name, from this threshold on, up to below this one) and how many."""
    rows = session.execute(
        sa.text(
            "SELECT name, low, high, number FROM band WHERE exam_id = :exam AND number > 0"
            # No range: what lies between two words depends on a database's locale.
            " AND name LIKE 'figure:%'"
        ),
        {"exam": exam_id},
    )
    return {(name.removeprefix("figure:"), low, high): number for name, low, high, number in rows}


def count_rationales(session: Session, exam_id: int) -> int:
    """Count the rationales of the exam's mistakes, as far as the index is derived."""
    band = t.QueueBand
    # At every threshold there are the same.
    number = select(func.coalesce(func.sum(band.number), 0)).where(band.exam_id == exam_id, band.name == RATIONALES)
    return int(session.exec(number.where(band.low <= 0, band.high > 0)).one())


def count_people(session: Session, exam_id: int) -> PeopleCount:
    """Count what people decided of the exam's rationales, as far as the index is derived."""
    row = col(t.Standing.people)
    counts = select(
        func.count().filter(row == Act.ACCEPT.value),
        func.count().filter(row == Act.REJECT.value),
        func.count(col(t.Standing.question_id).distinct()),
    )
    of_exam = (t.Standing.exam_id == exam_id, t.Standing.kind == "rationale")
    return PeopleCount(*session.exec(counts.where(*of_exam, row.in_((Act.ACCEPT.value, Act.REJECT.value)))).one())


def load_people_fit(session: Session, exam_id: int) -> dict[str, Any]:
    """Return the fit on people's judgements as it is kept; {} where there is none."""
    row = session.get(t.StandingExam, exam_id)
    return {} if row is None else row.order_fit


def has_votes(session: Session, exam_id: int) -> bool:
    """Return whether the exam has a valid vote on a rationale."""
    of_exam = (t.Standing.exam_id == exam_id, t.Standing.kind == "rationale", col(t.Standing.votes) > 0)
    return session.exec(select(t.Standing.id).where(*of_exam).limit(1)).first() is not None


def has_gold(session: Session, exam_id: int) -> bool:
    """Return whether a question of the exam has a gold answer."""
    questions = select(t.Question.id).join(t.Attempt, col(t.Attempt.question_id) == t.Question.id)
    of_exam = (t.Attempt.exam_id == exam_id, sa.func.trim(t.Question.gold) != "")
    return session.exec(questions.where(*of_exam).limit(1)).first() is not None


def count_marked(session: Session) -> int:
    """Count the questions, of all exams, that have rows which the index doesn't know yet."""
    return session.exec(select(func.count(col(t.DirtyQuestion.question_id).distinct()))).one()


def count_asked(session: Session, exam_id: int) -> int:
    """Count the exam's questions."""
    question_id = col(t.Attempt.question_id)
    return session.exec(select(func.count(question_id.distinct())).where(t.Attempt.exam_id == exam_id)).one()


def count_derived(session: Session, exam_id: int) -> int:
    """Count the exam's questions that the index has rows of."""
    rows = select(func.count()).select_from(t.Standing)
    return session.exec(rows.where(t.Standing.exam_id == exam_id, t.Standing.kind == "question")).one()


def list_missing(session: Session, exam_id: int, after: int, number: int) -> list[int]:
    """Return the exam's next questions, by id, that the index has no row of."""
    asked, row = t.Attempt, t.Standing
    is_there = select(row.id).where(
        row.question_id == asked.question_id, row.exam_id == exam_id, row.kind == "question"
    )
    query = select(asked.question_id).where(asked.exam_id == exam_id, asked.question_id > after, ~is_there.exists())
    return list(session.exec(query.distinct().order_by(col(asked.question_id)).limit(number)))
