"""Sets of questions from JSONL files: read and checked, split, stored once. `mapd questions add NAME FILE --task …`

One line of a file; only the first two fields must be there, and fields of other names are left out:

    {"question": "Ann has 3 pens and gets 4. How many now?", "answer": 7, "id": "pens-1", "split": "train",
     "family": "pens", "context": "…", "options": ["…"], "note": "3 + 4 = 7"}

`parse` is pure: it gives rows, or every fault of the file at once. `add` writes rows as an immutable set, named by the
sha256 of their content; rows of other sources (`made`, gym.py) go the same way.
"""

import hashlib
import json
import random
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from mapd.errors import BadInput, BadRows
from mapd.people import person_name
from mapd.questions.generated import Drawn
from mapd.questions.grading import MOST_OPTIONS, Task, answers_equal, parse_number
from mapd.store import queries
from mapd.store import tables as t

SPLITS = ("train", "dev", "test")
Shares = tuple[float, float, float]  # of train, dev and test; together 1
SHARES: Shares = (0.6, 0.2, 0.2)
LONGEST_NAME = 200  # characters of an id or a name: PostgreSQL indexes no key much longer
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # legal in JSON as \u escapes, but in no database's text

Fault = tuple[str, int, str, str]  # file, row, field, what is wrong with it


@dataclass(frozen=True, slots=True)
class Row:
    """A question as it will be stored. A set's name is the sha256 of its rows, so every field counts."""

    source_id: str
    split: str
    task: Task
    text: str
    gold: str
    family: str | None = None
    context: str | None = None
    options: tuple[str, ...] = ()
    gold_note: str | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A set with the size of each split, and how often its test split was opened."""

    name: str
    source: str
    simulated: bool
    train: int
    dev: int
    test: int
    openings: int


def parse(
    name: str, content: bytes, task: Task, *, split: str | None = None, shares: Shares | None = None, seed: int = 0
) -> tuple[Row, ...]:
    """Read the lines of a file. Without a `split` of their own all go to `split`, or are drawn by `shares`.

    Raises: BadInput where the file is no text, is empty, or has splits of its own and is given others; BadRows with
    every fault of every row (0-based): no question, no gold answer, one the task can't read, two alike.
    """
    faults: list[Fault] = []
    objects = _objects(name, content, faults)
    splits = _splits(name, objects, split, shares, seed)
    rows = [_Reader(name, index, given, faults).row(task, splits[index]) for index, given in objects.items()]
    _no_twins(name, dict(zip(objects, rows, strict=True)), faults)
    if faults:
        raise BadRows(sorted(faults, key=lambda f: f[1]))
    return tuple(rows)


def _objects(name: str, content: bytes, faults: list[Fault]) -> dict[int, dict[str, Any]]:
    """The file's objects by row; a line that is none is a fault."""
    try:
        lines = content.decode("utf-8-sig").split("\n")  # not splitlines: a text may hold U+2028
    except UnicodeDecodeError as error:
        raise BadInput(f"{name} is not UTF-8 text at byte {error.start}; save it as UTF-8 JSONL") from error
    objects = {}
    for index, line in enumerate(line for line in lines if line.strip()):
        try:
            given = json.loads(line)
        except (ValueError, RecursionError):  # also a number of more than 4,300 digits
            given = None
        if isinstance(given, dict):
            objects[index] = given
        else:
            faults.append((name, index, "line", f"{_short(line)} is no JSON object; a line holds one question"))
    if not objects and not faults:
        raise BadInput(f'{name} holds no questions; a line is {{"question": "…", "answer": "…"}}')
    return objects


def _splits(
    name: str, objects: dict[int, dict[str, Any]], split: str | None, shares: Shares | None, seed: int
) -> dict[int, Any]:
    """Each row's split: as the file has it, else as asked for. What the file has is checked by the reader."""
    if any(given.get("split") is not None for given in objects.values()):
        if split is not None or shares is not None:
            raise BadInput(
                f"{name} has splits of its own; leave out --split and --shares, or take them out of the file"
            )
        return {index: given.get("split") for index, given in objects.items()}
    if split is not None:
        return dict.fromkeys(objects, split)
    drawn = draw([str(given.get("family")) for given in objects.values()], shares or SHARES, seed)
    return dict(zip(objects, drawn, strict=True))


def draw(families: Sequence[str], shares: Shares, seed: int) -> list[str]:
    """A split for each row, so that each family is shared out alike; the same for the same seed.

    Raises: BadInput for shares that are not three parts of 1.
    """
    if min(shares) < 0 or not abs(sum(shares) - 1) < 1e-6:
        raise BadInput(f"--shares are three parts of 1 for train, dev and test, not {','.join(map(str, shares))}")
    splits = [SPLITS[0]] * len(families)
    by_family: dict[str, list[int]] = {}
    for place, family in enumerate(families):
        by_family.setdefault(family, []).append(place)
    for family, places in by_family.items():
        random.Random(f"{seed} {family}").shuffle(places)
        dev, test = (round(len(places) * end) for end in (shares[0], shares[0] + shares[1]))
        for rank, place in enumerate(places):
            splits[place] = SPLITS[(rank >= dev) + (rank >= test)]
    return splits


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one object, telling each fault."""

    file: str
    index: int
    given: dict[str, Any]
    faults: list[Fault]

    def fault(self, field: str, what: str) -> None:
        """Note what is wrong with a field."""
        self.faults.append((self.file, self.index, field, what))

    def row(self, task: Task, split: Any) -> Row:
        """The row; where something is at fault, with an empty text in its place."""
        if split not in SPLITS:
            self.fault("split", f"{_short(split)} is not one of {', '.join(SPLITS)}")
        options = self.options(task)
        gold, note = self.gold(task, options)
        return Row(
            source_id=self.short("id") or str(self.index),
            split=str(split),
            task=task,
            text=self.needed("question"),
            gold=gold,
            family=self.short("family"),
            context=self.text("context"),
            options=options,
            gold_note=self.text("note") or note,
        )

    def text(self, key: str) -> str | None:
        """A text or a number as it stands; None where there is none."""
        value = self.given.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if value is None or isinstance(value, str):
            if found := UNSTORABLE.search(value or ""):
                self.fault(key, f"U+{ord(found[0]):04X} at character {found.start()} can't be stored; take it out")
            return value if value and value.strip() else None
        self.fault(key, f"{_short(value)} is no text")
        return None

    def short(self, key: str) -> str | None:
        """A text of at most LONGEST_NAME characters."""
        value = self.text(key)
        if value is not None and len(value) > LONGEST_NAME:
            self.fault(key, f"{_short(value)} has more than {LONGEST_NAME} characters")
        return value

    def needed(self, key: str) -> str:
        """A text that must be there."""
        if self.given.get(key) is None or str(self.given[key]).strip() == "":
            self.fault(key, "missing")
            return ""
        return self.text(key) or ""

    def options(self, task: Task) -> tuple[str, ...]:
        """The options of a choice; other tasks have none."""
        options = self.given.get("options")
        if options in (None, []) and task is not Task.CHOICE:
            return ()
        if task is not Task.CHOICE:
            self.fault("options", f"a {task} question has none; with options it is --task choice")
        elif not isinstance(options, list) or not all(isinstance(o, str) and o.strip() for o in options):
            self.fault("options", f"{_short(options)} is no list of texts, which a choice needs")
        elif len(set(options)) != len(options) or not 2 <= len(options) <= MOST_OPTIONS:
            self.fault("options", f"{_short(options)} are not two to {MOST_OPTIONS}, all different")
        elif UNSTORABLE.search("".join(options)):
            self.fault("options", "hold a character that can't be stored; take it out")
        else:
            return tuple(options)
        return ()

    def gold(self, task: Task, options: tuple[str, ...]) -> tuple[str, str | None]:
        """The gold answer, and what came with it: GSM8K's worked solution stands before "####"."""
        given = self.given.get("answer")
        if task is Task.BOOLEAN and isinstance(given, bool):
            return str(given).lower(), None
        gold, note = self.needed("answer").strip(), None
        if task is Task.NUMERIC and "####" in gold:
            note, _, gold = (part.strip() for part in gold.rpartition("####"))
        if not gold or (task is Task.CHOICE and not options):
            return gold, note  # told already
        if task is Task.NUMERIC and parse_number(gold) is None:
            self.fault("answer", f"{_short(gold)} can't be read as one number")
        elif not answers_equal(gold, gold, task, options):
            readable = {Task.BOOLEAN: "true or false", Task.CHOICE: "one of the options"}.get(task, "an answer")
            self.fault("answer", f"{_short(gold)} can't be read as {readable}")
        elif task is Task.BOOLEAN:
            gold = str(answers_equal(gold, "true", task)).lower()
        return gold, note


def _no_twins(name: str, rows: dict[int, Row], faults: list[Fault]) -> None:
    """No two ids and no two questions alike: splits are disjoint by text, whatever a file says."""
    ids: dict[str, int] = {}
    texts: dict[tuple[str, ...], int] = {}
    for index, row in rows.items():
        if (first := ids.setdefault(row.source_id, index)) != index:
            faults.append((name, index, "id", f"{_short(row.source_id)} stands in row {first} too"))
        if row.text and (first := texts.setdefault(asked(row), index)) != index:
            faults.append((name, index, "question", f"{_short(row.text)} stands in row {first} too"))


def asked(row: Row) -> tuple[str, ...]:
    """What two rows must not share: context, text and options, however they are spaced."""
    return tuple(" ".join(part.split()) for part in (row.context or "", row.text, *row.options))


def _short(value: object) -> str:
    shown = json.dumps(value, ensure_ascii=False, default=str)
    return shown if len(shown) <= 40 else shown[:39] + "…"


def made(drawn: Sequence[Drawn]) -> tuple[Row, ...]:
    """Rows of generated questions. Their facts aren't kept: generated.py reads them back from the text."""
    return tuple(
        Row(f"{m.family}-{number}", split, m.task, m.text, m.gold, family=m.family)
        for number, (split, m) in enumerate(drawn)
    )


def add(session: Session, name: str, rows: Sequence[Row], *, source: str, simulated: bool, by: str) -> t.QuestionSet:
    """Write an immutable set; the same content again returns the set that is there, under the name it has.

    Raises: BadInput where there are no rows, the name can't be used, or it is that of a set with other content.
    """
    name, person = name.strip(), person_name(by)
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise BadInput(f"a question set's name has 1 to {LONGEST_NAME} characters, not {_short(name)}")
    if not rows:
        raise BadInput(f"question set {name} would be empty; it needs at least one question")
    content = [asdict(row) for row in rows]
    sha256 = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    found = session.exec(select(t.QuestionSet).where(t.QuestionSet.sha256 == sha256)).first()
    if found is not None:
        return found
    if session.exec(select(t.QuestionSet.id).where(t.QuestionSet.name == name)).first() is not None:
        raise BadInput(f"there is a question set named {name} with other content; a set never changes: choose another")
    uid = uuid5(NAMESPACE_URL, f"questions {sha256}")
    kept = t.QuestionSet(uid=uid.hex, name=name, source=source, sha256=sha256, simulated=simulated)
    session.add(kept)
    session.flush()
    place = {"set_id": queries.identity(kept)}
    values = [
        row | place | {"position": position, "uid": uuid5(uid, row["source_id"]).hex}
        for position, row in enumerate(content)
    ]
    session.execute(sa.insert(t.Question), values)
    queries.audit(session, person, "add questions", f"question_set {kept.uid}", name=name, questions=len(rows))
    return kept


def listed(session: Session, name: str | None = None) -> list[Listed]:
    """Every set (or the one of that name), the newest first."""
    by_split = select(t.Question.set_id, t.Question.split, func.count())
    by_split = by_split.group_by(col(t.Question.set_id), col(t.Question.split))
    sizes = {(set_id, split): n for set_id, split, n in session.exec(by_split).all()}
    opened = dict(session.exec(select(t.Opening.set_id, func.count()).group_by(col(t.Opening.set_id))).all())
    return [
        Listed(
            name=q.name,
            source=q.source,
            simulated=q.simulated,
            **{split: sizes.get((queries.identity(q), split), 0) for split in SPLITS},
            openings=opened.get(queries.identity(q), 0),
        )
        for q in session.exec(select(t.QuestionSet).order_by(col(t.QuestionSet.id).desc())).all()
        if name in (None, q.name)
    ]
