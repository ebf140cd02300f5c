"""Sets of questions: rows are stored once as an immutable set, and listed.

    add(session, "pens", [QuestionRow("0", "train", Task.NUMERIC, "Ann has 3 pens …", "7")], source="pens.jsonl", …)

A set is named by the sha256 of its content. Its rows come from files (imports.py), or are made (generated.py, gym.py).
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from uuid import NAMESPACE_URL, uuid5

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from mapd.answers.grading import Task
from mapd.errors import BadInput, NotFound
from mapd.people import Person, Right, require
from mapd.questions.generated import SplitQuestion
from mapd.questions.rows import LONGEST_NAME, SPLITS, QuestionRow
from mapd.questions.values import short
from mapd.store import audit_log, queries
from mapd.store import tables as t
from mapd.store.lookup import by_reference

# Rows that are written at a time.
BLOCK = 1000


@dataclass(frozen=True, slots=True)
class SetSummary:
    """A set with the size of each split, and how often its test split was opened."""

    name: str
    source: str
    simulated: bool
    train: int
    dev: int
    test: int
    openings: int


def make_rows(questions: Sequence[SplitQuestion]) -> tuple[QuestionRow, ...]:
    """Return the rows of generated questions."""
    # Their facts aren't stored: generated.py reads them back from the text.
    return tuple(
        QuestionRow(f"{m.family}-{number}", split, m.task, m.text, m.gold, family=m.family)
        for number, (split, m) in enumerate(questions)
    )


def add(
    session: Session,
    name: str,
    rows: Sequence[QuestionRow],
    *,
    source: str,
    simulated: bool,
    by: Person,
    files: Sequence[tuple[str, str]] = (),
    progress: Callable[[int, int], None] = lambda *_: None,
) -> t.QuestionSet:
    """Write an immutable set; the same content again returns the set that is there, under the name it has.

    `files`: those that it comes from, each as (name, sha256).

    Raises: Forbidden; BadInput where there are no rows, the name can't be used, or it is that of a set with other
    content; where the set that is there isn't what its sha256 says.
    """
    person, name = require(by, Right.ADD_QUESTIONS), name.strip()
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise BadInput(f"a question set's name has 1 to {LONGEST_NAME} characters, not {short(name)}")
    if not rows:
        raise BadInput(f"question set {name} would be empty; it needs at least one question")
    sha256 = sha256_of(rows)
    namesake = find_content(session, sha256)
    if namesake is not None:
        _check_content(session, namesake)
        return namesake
    if session.exec(select(t.QuestionSet.id).where(t.QuestionSet.name == name)).first() is not None:
        raise BadInput(f"there is a question set named {name} with other content; a set never changes: choose another")
    uid = uuid5(NAMESPACE_URL, f"questions {sha256}")
    question_set = t.QuestionSet(uid=uid.hex, name=name, source=source, sha256=sha256, simulated=simulated)
    session.add(question_set)
    session.flush()
    place = {"set_id": queries.identity(question_set)}
    for start in range(0, len(rows), BLOCK):
        values = [
            asdict(row) | place | {"position": position, "uid": uuid5(uid, row.source_id).hex}
            for position, row in enumerate(rows[start : start + BLOCK], start)
        ]
        session.execute(sa.insert(t.Question), values)
        progress(start + len(values), len(rows))
    detail = {"format": "questions", "rows": len(rows), "source": source, **audit_log.describe_files(files)}
    audit_log.audit(session, person, "add questions", f"question_set {question_set.uid}", name=name, **detail)
    return question_set


def find_content(session: Session, sha256: str) -> t.QuestionSet | None:
    """Return the set of this content, whatever its name."""
    return session.exec(select(t.QuestionSet).where(t.QuestionSet.sha256 == sha256)).first()


def free_name(session: Session, name: str) -> str:
    """Return the name, with a number behind it where a set has it already: "gsm8k-2"."""
    names = set(session.exec(select(t.QuestionSet.name)).all())
    candidates = (f"{name}-{number}" for number in range(2, len(names) + 3))
    return next(name_ for name_ in (name, *candidates) if name_ not in names)


def sha256_of(rows: Iterable[QuestionRow]) -> str:
    """Return the name of a set with these rows: every field of every row counts."""
    digest = hashlib.sha256()
    for number, row in enumerate(rows):
        digest.update(f"{', ' if number else '['}{json.dumps(asdict(row), sort_keys=True)}".encode())
    digest.update(b"]")
    return digest.hexdigest()


def is_named(session: sa.orm.Session, questions: t.QuestionSet) -> bool:
    """Return whether the set's sha256 is that of its questions."""
    # Not so of a set of the authors' files: their sha256 is that of the whole import.
    query = sa.select(t.Question).where(col(t.Question.set_id) == questions.id).order_by(col(t.Question.position))
    rows = session.scalars(query.execution_options(yield_per=500))
    return sha256_of(map(_row_of, rows)) == questions.sha256


def _row_of(q: t.Question) -> QuestionRow:
    options = tuple(q.options)
    return QuestionRow(q.source_id, q.split, Task(q.task), q.text, q.gold, q.family, q.context, options, q.gold_note)


def _check_content(session: Session, questions: t.QuestionSet) -> None:
    if not is_named(session, questions):
        raise BadInput(
            f"question set {questions.name} has the name of this content and holds other questions: it came with an "
            "archive, or was changed by hand; add these to a project of their own, with MAPD_HOME=FOLDER"
        )


def get(session: Session, ref: str | int) -> t.QuestionSet:
    """Return the set by name, uid or id. Raises: NotFound, naming those that are there."""
    row = session.exec(by_reference(select(t.QuestionSet), t.QuestionSet, ref)).first()
    if row is not None:
        return row
    names = session.exec(select(t.QuestionSet.name).order_by(col(t.QuestionSet.id).desc()).limit(5)).all()
    names_in_words = ", ".join(names) or "none yet, `mapd questions add NAME FILE` adds one"
    raise NotFound(f"unknown question set: {ref}; the project's question sets: {names_in_words}")


def load_rows(
    session: Session, questions: t.QuestionSet, split: str | None = None, limit: int | None = None
) -> list[QuestionRow]:
    """Return the first rows of a set, or of one of its splits, as they are stored."""
    query = select(t.Question).where(t.Question.set_id == questions.id).order_by(col(t.Question.position)).limit(limit)
    if split is not None:
        query = query.where(t.Question.split == split)
    return [_row_of(question) for question in session.exec(query).all()]


def list_sets(session: Session, name: str | None = None) -> list[SetSummary]:
    """Return every set (or the one of that name), the newest first."""
    by_split = select(t.Question.set_id, t.Question.split, func.count())
    by_split = by_split.group_by(col(t.Question.set_id), col(t.Question.split))
    sizes = {(set_id, split): n for set_id, split, n in session.exec(by_split).all()}
    openings = dict(session.exec(select(t.Opening.set_id, func.count()).group_by(col(t.Opening.set_id))).all())
    return [
        SetSummary(
            name=q.name,
            source=q.source,
            simulated=q.simulated,
            **{split: sizes.get((queries.identity(q), split), 0) for split in SPLITS},
            openings=openings.get(queries.identity(q), 0),
        )
        for q in session.exec(select(t.QuestionSet).order_by(col(t.QuestionSet.id).desc())).all()
        if name in (None, q.name)
    ]
