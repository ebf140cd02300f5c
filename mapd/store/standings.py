"""Named reads of the aggregate that curation/standing.py keeps: SQL that filters, orders and counts, and knows no rule.

    counts(session, exam_id, 300, "ann")["disagree"]             -> Count(waiting=97, all=102)
    ahead(session, exam_id, "disagree", 300, "ann")              -> the first place that waits for ann
    ahead(session, exam_id, "disagree", 300, "ann", after=key)   -> the next one

    page(session, exam_id, Wanted("rationale", verdict="accepted"), 300)       -> the first 25 texts, in question order
    page(…, after=rows[-1].key)                                                -> the next 25

Thresholds are hundredths. A queue's rows lie in bands, each in order: a page is the merge of the bands that the
threshold falls into, so it costs the same at any depth.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session

from mapd.store.tables import NO_MEAN


class Key(NamedTuple):
    """A place's key in its queue, ascending."""

    place: int
    position: int
    attempt_id: int


@dataclass(frozen=True, slots=True)
class Place:
    """One mistake in a queue, and the text to enter it at."""

    key: Key
    text_id: int | None
    waits: bool


@dataclass(frozen=True, slots=True)
class Count:
    """How many mistakes of a queue wait, of how many."""

    waiting: int
    all: int


def counts(session: Session, exam_id: int, threshold: int, person: str) -> dict[str, Count]:
    """By queue (those that hold anything) how many mistakes wait for this person, of how many."""
    at = {"exam": exam_id, "at": threshold, "person": person}
    bands = session.execute(
        sa.text(
            "SELECT name, sum(CASE WHEN waits THEN number ELSE 0 END), sum(number) FROM band"
            " WHERE exam_id = :exam AND low <= :at AND high > :at AND number > 0 AND name NOT LIKE 'figure:%'"
            " GROUP BY name"
        ),
        at,
    )
    passed = session.execute(
        sa.text(
            "SELECT b.name, count(*) FROM passed p JOIN band b ON b.id = p.band_id"
            " WHERE p.person = :person AND b.exam_id = :exam AND b.low <= :at AND b.high > :at GROUP BY b.name"
        ),
        at,
    )
    skipped = {name: int(number) for name, number in passed}
    return {name: Count(int(waiting) - skipped.get(name, 0), int(number)) for name, waiting, number in bands}


def ahead(
    session: Session,
    exam_id: int,
    queue: str,
    threshold: int,
    person: str,
    *,
    after: Key | None = None,
    number: int = 1,
    settled: bool = False,
    backwards: bool = False,
) -> list[Place]:
    """The next places of the queue that wait for this person; with `settled` all places, those that don't wait too."""
    sign, way = ("<", "DESC") if backwards else (">", "ASC")
    behind = f" AND (n.place, n.position, n.attempt_id) {sign} (:place, :position, :attempt)" if after else ""
    passed = "EXISTS (SELECT 1 FROM passed p WHERE p.person = :person AND p.queued_id = {row}.id)"
    mine = "" if settled else f" AND NOT {passed.format(row='n')}"
    query = (
        f"SELECT q.place, q.position, q.attempt_id, q.explanation_id, b.waits AND NOT {passed.format(row='q')}"
        " FROM band b JOIN queued q ON q.id IN ("
        f"SELECT n.id FROM queued n WHERE n.band_id = b.id{behind}{mine}"
        f" ORDER BY n.place {way}, n.position {way}, n.attempt_id {way} LIMIT :number)"
        " WHERE b.exam_id = :exam AND b.name = :queue AND b.low <= :at AND b.high > :at AND b.number > 0"
        f"{'' if settled else ' AND b.waits'}"
        f" ORDER BY q.place {way}, q.position {way}, q.attempt_id {way} LIMIT :number"
    )
    values: dict[str, object] = {"exam": exam_id, "queue": queue, "at": threshold, "person": person, "number": number}
    if after:
        values |= {"place": after.place, "position": after.position, "attempt": after.attempt_id}
    rows = session.execute(sa.text(query), values)
    return [Place(Key(place, position, attempt), text, bool(waits)) for place, position, attempt, text, waits in rows]


def place_of(session: Session, exam_id: int, queue: str, threshold: int, attempt_id: int) -> Place | None:
    """A mistake's own place in a queue."""
    row = session.execute(
        sa.text(
            "SELECT q.place, q.position, q.attempt_id, q.explanation_id, b.waits"
            " FROM attempt a JOIN queued q ON q.question_id = a.question_id JOIN band b ON b.id = q.band_id"
            " WHERE a.id = :attempt AND q.attempt_id = a.id AND b.exam_id = :exam AND b.name = :queue"
            " AND b.low <= :at AND b.high > :at"
        ),
        {"exam": exam_id, "queue": queue, "at": threshold, "attempt": attempt_id},
    ).first()
    return None if row is None else Place(Key(*row[:3]), row[3], bool(row[4]))


def figures(session: Session, exam_id: int) -> dict[str, list[tuple[int, int]]]:
    """By figure of the threshold lab (accepted, wrong, covered, pairs) how many lie at each cut, ascending.

    So many are above a threshold as lie at the cuts above it: all thresholds at once.
    """
    rows = session.execute(
        sa.text(
            "SELECT name, high, number FROM band WHERE exam_id = :exam AND number > 0"
            " AND name >= 'figure:' AND name < 'figure;' ORDER BY name, high"
        ),
        {"exam": exam_id},
    )
    found: dict[str, list[tuple[int, int]]] = {}
    for name, cut, number in rows:
        found.setdefault(name.removeprefix("figure:"), []).append((cut, number))
    return found


# -- browse -----------------------------------------------------------------------------------------------------------

PAGE = 25
FEW = 2_000  # hits of a search: fewer are sorted; of more the order is walked until the page is full
ORDERS: Mapping[str, tuple[str, str]] = {  # by name: what leads, and the direction
    "question": ("", "ASC"),
    "lowest": ("mean, ", "ASC"),
    "highest": ("mean, ", "DESC"),
}
VERDICTS: Mapping[str, str] = {
    "accepted": "s.cut > :at",
    "rejected": "s.cut <= :at AND NOT s.undecided",
    "undecided": "s.undecided",
}
PEOPLE: Mapping[str, str] = {
    "not judged": "s.people = ''",
    "judged": "s.people <> ''",
    "conflict": "s.people = 'conflict'",
    "overridden": "((s.cut > :at) <> (s.committee_cut > :at) OR s.undecided <> s.committee_undecided)",
}

KINDS: Mapping[str, tuple[int, str]] = {  # where words are: the number in a hit's id, and which texts they are words of
    "explanation": (0, "AND s.explanation_id = x.id"),
    "question": (1, ""),
    "attempt": (2, "AND s.attempt_id = x.id"),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a text has to be; nothing given, every text of the kind is wanted."""

    kind: str
    author_id: int | None = None
    verdict: str | None = None
    checks: Mapping[str, str] = field(default_factory=dict)
    people: str | None = None
    spread: int = 0
    words: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One text in browse."""

    key: tuple[int, ...]  # of the order asked for
    attempt_id: int
    explanation_id: int


def page(
    session: Session,
    exam_id: int,
    wanted: Wanted,
    threshold: int,
    *,
    order: str = "question",
    after: Sequence[int] | None = None,
    number: int = PAGE,
) -> list[Row]:
    """The texts that are wanted, in order, behind the key of the last one shown. Those without a mean come last."""
    if order != "highest":
        return _page(session, exam_id, wanted, threshold, order, after, number, "")
    found: list[Row] = []
    if after is None or after[0] != NO_MEAN:
        found = _page(session, exam_id, wanted, threshold, order, after, number, f" AND s.mean < {NO_MEAN}")
        after = None
    if len(found) < number:
        found += _page(session, exam_id, wanted, threshold, order, after, number, f" AND s.mean = {NO_MEAN}")
    return found[:number]


def _page(
    session: Session,
    exam_id: int,
    wanted: Wanted,
    threshold: int,
    order: str,
    after: Sequence[int] | None,
    number: int,
    only: str,
) -> list[Row]:
    leads, way = ORDERS[order]
    columns = f"{leads}position, attempt_id, id".split(", ")
    conditions, values = _conditions(wanted, exam_id, threshold)
    words, rows = _having(session, wanted.words, values)
    if after is not None:
        marks = ", ".join(f":after{n}" for n in range(len(columns)))
        conditions.append(f"({', '.join(f's.{c}' for c in columns)}) {'>' if way == 'ASC' else '<'} ({marks})")
        values |= {f"after{n}": value for n, value in enumerate(after)}
    ordered = ", ".join(f"s.{c} {way}" for c in columns)
    query = (
        f"{words}SELECT {', '.join(f's.{c}' for c in columns)}, s.explanation_id FROM {rows}"
        f" WHERE {' AND '.join(conditions)}{only} ORDER BY {ordered} LIMIT :number"
    )
    found = session.execute(sa.text(query), values | {"number": number}).all()
    return [Row(tuple(row[:-1]), row[-3], row[-1]) for row in found]


def _conditions(wanted: Wanted, exam_id: int, threshold: int) -> tuple[list[str], dict[str, object]]:
    found = ["s.exam_id = :exam", "s.kind = :kind"]
    values: dict[str, object] = {"exam": exam_id, "kind": wanted.kind, "at": threshold}
    if wanted.author_id is not None:
        found.append("s.author_id = :author")
        values["author"] = wanted.author_id
    for check in ("matches_gold", "equations_true", "shows_work"):
        if check in wanted.checks:
            found.append(f"s.{check} = :{check}")
            values[check] = wanted.checks[check]
    if wanted.verdict is not None:
        found.append(VERDICTS[wanted.verdict])
    if wanted.people is not None:
        found.append(PEOPLE[wanted.people])
    if wanted.spread:
        found.append("s.spread >= :spread")
        values["spread"] = wanted.spread
    return found, values


def _having(session: Session, words: str, values: dict[str, object]) -> tuple[str, str]:
    """The words as a WITH clause, and the rows to look at.

    A text has the words where it, its question or the student's response has them, one behind the other.
    """
    tokens = re.findall(r"\w+", words)
    if not tokens:
        return "", "standing s"
    if session.get_bind().dialect.name == "postgresql":
        values["words"] = " <-> ".join([*tokens[:-1], f"{tokens[-1]}:*"])
        row, matches = "id", "text @@ to_tsquery('simple', :words)"
    else:
        values["words"] = f'"{" ".join(tokens)}"*'
        row, matches = "rowid", "words MATCH :words"
    hits = f"SELECT {row} AS id FROM words WHERE {matches}"
    number = session.execute(sa.text(f"SELECT count(*) FROM ({hits} LIMIT {FEW}) hits"), values).scalar_one()
    if number < FEW:
        parts = [
            f"SELECT s.* FROM hit JOIN {kind} x ON x.id = hit.id / 4 AND hit.id % 4 = {n}"
            f" JOIN standing s ON s.question_id = x.{'id' if kind == 'question' else 'question_id'} {own}"
            for kind, (n, own) in KINDS.items()
        ]
        return f"WITH hit AS ({hits}) ", f"({' UNION '.join(parts)}) s"
    has = " OR ".join(f"s.{kind}_id IN (SELECT id / 4 FROM hit WHERE id % 4 = {n})" for kind, (n, _) in KINDS.items())
    return f"WITH hit AS MATERIALIZED ({hits}) ", f"(SELECT * FROM standing s WHERE {has}) s"
