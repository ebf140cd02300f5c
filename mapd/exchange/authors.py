"""Import of the paper authors' files (github zhuochunli/Learn-from-Committee): feedback, rationales, and mistakes.

One row of their SVAMP rationale file (shortened):

    {"id": 0, "question": "There are 87 oranges …", "gold_answer": "145", "student_wrong_pred": "Answer: …",
     "student_wrong_final_answer": "0.92", "gpt_rationale": ["To find out …", 5, 5], "gemini_rationale": […],
     "mistral_rationale": […], "correct_rationale": ["To find out …", …]}

A teacher's two scores are by the other teachers, in their order. Other benchmarks differ in the gold answer alone:
StrategyQA "false.\\t<facts>", GSM8K a worked solution ending in "#### 18", LogiQA an index into `options`, which is
kept as the option's letter.
`parse` is pure; `store` writes a parsed import in the caller's transaction.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import PurePath
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, uuid5

import sqlalchemy as sa
from sqlmodel import Session, col, select

from mapd import students, thoughts
from mapd.answers.choice import LETTERS, option_letter
from mapd.answers.grading import Outcome, Task, grade
from mapd.answers.numbers import parse_number
from mapd.characters import find_unstorable
from mapd.errors import BadInput, BadRows
from mapd.people import Person, Right, require
from mapd.questions.values import as_whole_number
from mapd.score_forms import vote
from mapd.store import committees, queries
from mapd.store import tables as t
from mapd.verdicts import PAPER, CheckStates, Verdict, decide_rationale

TEXT_KINDS = ("_rationale", "_feedback")  # how the columns that teachers wrote end
AUTHORS_ORDER = ("gpt", "gemini", "mistral")  # the order behind their score columns, whatever a file's keys say
NO_ANSWER = "absolute_wrong_final_ans"
UNKNOWN_PROMPT = hashlib.sha256(b"").hexdigest()
FILE_NAME = re.compile(r"(?P<student>.+)_(?P<dataset>[^_]+)_(?:false|feedback|rationale)_round(?P<round>\d{1,4})$")
LONGEST_NAME = 200  # characters of an id or a name: PostgreSQL indexes no key much longer
STORED = ("id", "question", "gold_answer", "context", "options", "student_wrong_pred", "student_wrong_final_answer")


class File(NamedTuple):
    """An uploaded or read file: its name (for messages and defaults) and its bytes."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Row:
    """One mistake as the files give it."""

    source_id: str
    question: str
    context: str | None
    options: tuple[str, ...]
    gold: str
    gold_note: str | None
    response: str
    answer: str | None
    feedback: dict[str, str]
    rationales: dict[str, tuple[str, tuple[tuple[str, int], ...]]]  # teacher -> text, (reviewer, score) as in the file
    accepted: tuple[str, ...] | None  # the file's own accepted texts


@dataclass(frozen=True, slots=True)
class Parsed:
    """A whole import, checked, nothing written yet. `skipped` tells what the files lack, a line each."""

    rows: tuple[Row, ...]
    task: Task
    teachers: tuple[str, ...]
    dataset: str
    student: str
    round: int
    sha256: str
    skipped: tuple[str, ...]

    @property
    def no_vote(self) -> int:
        """How many scores lie outside 1-5."""
        return sum(vote(n).score is None for row in self.rows for _, given in row.rationales.values() for _, n in given)

    @property
    def paper_differs(self) -> int:
        """How many rationales policy *paper* decides otherwise than the file's own accepted lists."""
        return sum(map(_differs, self.rows))


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import gave."""

    exam: str
    mistakes: int
    feedback: int
    rationales: int
    reviews: int
    no_vote: int
    paper_differs: int
    skipped: tuple[str, ...]
    new: bool


class Kind(StrEnum):
    """What a file of the authors' is, told by its columns."""

    FEEDBACK = "feedback"
    RATIONALES = "rationales"
    MISTAKES = "mistakes"


def kinds_of(rows: Sequence[dict[str, Any]]) -> frozenset[Kind]:
    """Return what the rows hold: teachers' feedback, their rationales, the student's mistakes."""
    columns = {key for row in rows for key in row}
    ends = {Kind.FEEDBACK: "_feedback", Kind.RATIONALES: "_rationale", Kind.MISTAKES: "student_wrong_pred"}
    return frozenset(kind for kind, end in ends.items() if any(key.endswith(end) for key in columns))


def in_words(kinds: frozenset[Kind]) -> str:
    """Return what a file is, in a word: both other files repeat the mistakes."""
    own = kinds - {Kind.MISTAKES} or kinds
    return " and ".join(sorted(own)) or "none of the columns of the authors' files"


def look_at(file: File) -> tuple[frozenset[Kind], int]:
    """Return what a file holds, and how many rows.

    Raises: BadInput where it can't be read as a list of objects.
    """
    rows = _load(file)
    return kinds_of(rows), len(rows)


def are_swapped(feedback: frozenset[Kind], rationales: frozenset[Kind]) -> bool:
    """Whether each of the two files holds what the other one was chosen as, and not its own."""
    right = Kind.FEEDBACK in feedback or Kind.RATIONALES in rationales
    return not right and Kind.RATIONALES in feedback and Kind.FEEDBACK in rationales


def _check_kinds(files: Mapping[Kind, tuple[str, Sequence[dict[str, Any]]]]) -> None:
    """Refuse a file that isn't what it was chosen as: two that were swapped would give an import of nothing."""
    content = {kind: (name, kinds_of(rows)) for kind, (name, rows) in files.items() if rows}
    wrong = {kind: named for kind, named in content.items() if kind not in named[1]}
    first, second = (content.get(kind, ("", frozenset())) for kind in (Kind.FEEDBACK, Kind.RATIONALES))
    if are_swapped(first[1], second[1]):
        raise BadInput(
            f"the two files are swapped: {first[0]} holds the rationales and {second[0]} the feedback; nothing was "
            "imported: choose them the other way round"
        )
    for kind, (name, kinds) in wrong.items():
        holds = in_words(kinds)
        raise BadInput(f"{name} was chosen as the {kind} file and holds {holds}; nothing was imported: choose another")


def parse(
    feedback: File,
    rationales: File,
    mistakes: File | None = None,
    dataset: str | None = None,
    student: str | None = None,
) -> Parsed:
    """Read and check the files; rows are joined by their id.

    Raises: BadInput where a file can't be read as a list of objects, or isn't what it was chosen as; BadRows naming
    every bad row of every file.
    """
    files = [f for f in (mistakes, rationales, feedback) if f is not None]
    if len({f.name for f in files}) < len({(f.name, f.content) for f in files}):
        raise BadInput(f"two different files have the same name, {feedback.name}: rename one")
    faults: list[tuple[str, int, str, str]] = []
    loaded = {f.name: _load(f) for f in files}
    by_kind = {Kind.MISTAKES: mistakes, Kind.RATIONALES: rationales, Kind.FEEDBACK: feedback}
    _check_kinds({kind: (f.name, loaded[f.name]) for kind, f in by_kind.items() if f is not None})
    tables = {name: _by_id(name, rows, faults) for name, rows in loaded.items()}
    teachers = _teachers(tables[rationales.name].values(), tables[feedback.name].values())
    skipped: list[str] = []
    rows = []
    for source_id, found in _joined(files, tables, skipped).items():
        rows.append(_row(source_id, found, _Reader(rationales.name, feedback.name, teachers, faults, skipped)))
    if faults:
        raise BadRows(sorted(faults))
    if not rows:
        raise BadInput(f"{rationales.name} holds no rows: there is nothing to import")
    named = next((m.groupdict() for f in files if (m := FILE_NAME.match(PurePath(f.name).stem))), {})
    task = _task(rows)
    rows = [_with_gold(row, task) for row in rows]
    return Parsed(
        rows=tuple(rows),
        task=task,
        teachers=teachers,
        dataset=dataset or named.get("dataset") or "imported",
        student=student or named.get("student") or "imported",
        round=int(named.get("round", 0)),
        sha256=hashlib.sha256(json.dumps([asdict(r) for r in rows], sort_keys=True).encode()).hexdigest(),
        skipped=tuple(skipped),
    )


def _load(file: File) -> list[dict[str, Any]]:
    try:
        rows = json.loads(file.content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise BadInput(f"{file.name} is not UTF-8 text at byte {error.start}; save it as UTF-8 JSON") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise BadInput(f"{file.name} is not whole JSON at {where} ({error.msg}); was it cut off?") from error
    except ValueError as error:
        raise BadInput(f"{file.name} holds a number of more than 4,300 digits; no id or score is that long") from error
    except RecursionError as error:
        raise BadInput(f"{file.name} is nested too deeply to be the authors' list of rows") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadInput(f"{file.name} is not a JSON list of objects, which the authors' files are")
    return rows


class _Found(NamedTuple):
    """A row of one file, and where it stands."""

    place: int
    row: dict[str, Any]


def _by_id(name: str, rows: Sequence[dict[str, Any]], faults: list[tuple[str, int, str, str]]) -> dict[str, _Found]:
    found: dict[str, _Found] = {}
    for index, row in enumerate(rows):
        source_id = row.get("id")
        faults += [(name, index, key, what) for key, what in _unstorable(row)]
        if isinstance(source_id, bool) or not isinstance(source_id, int | str) or str(source_id).strip() == "":
            faults.append((name, index, "id", "missing"))
        elif len(str(source_id)) > LONGEST_NAME:
            faults.append((name, index, "id", f"{_short(source_id)} has more than {LONGEST_NAME} characters"))
        elif str(source_id) in found:
            faults.append((name, index, "id", f"{source_id} stands in row {found[str(source_id)].place} too"))
        else:
            found[str(source_id)] = _Found(index, row)
    return found


def _unstorable(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The fields that no database could keep as they are, and why: refused, so that nothing is silently changed."""
    for key, value in row.items():
        by_teacher = key.endswith(TEXT_KINDS) and key != "correct_rationale"
        if by_teacher and not 0 < len(key.rpartition("_")[0].strip()) <= LONGEST_NAME:
            yield _cut(key), f"a teacher's name has 1 to {LONGEST_NAME} characters"
        if by_teacher or key in STORED:
            for text in filter(None, map(_bad_character, (key, *(value if isinstance(value, list) else [value])))):
                yield _cut(key), text


def _bad_character(text: object) -> str | None:
    bad = find_unstorable(text) if isinstance(text, str) else None
    return bad and f"{bad} can't be stored in a text; take it out"


def _joined(
    files: Sequence[File], tables: dict[str, dict[str, _Found]], skipped: list[str]
) -> dict[str, dict[str, _Found]]:
    """By id, each file's row of it. The authors' code loses rows on the way: what a file lacks is told."""
    joined: dict[str, dict[str, _Found]] = {}
    for file in files:
        for source_id, found in tables[file.name].items():
            joined.setdefault(source_id, {})[file.name] = found
    for source_id, found_in in joined.items():
        skipped += [f"id {source_id}: no row in {f.name}" for f in files if f.name not in found_in]
    return joined


def _teachers(*tables: Any) -> tuple[str, ...]:
    """The teachers the files' columns name: the authors' three in their order, then others as they come."""
    named = [
        key.removesuffix(kind)
        for found in (f for table in tables for f in table)
        for key in found.row
        for kind in TEXT_KINDS
        if key.endswith(kind) and key != "correct_rationale"
    ]
    known = [name for name in AUTHORS_ORDER if name in named]
    return tuple(dict.fromkeys(known + named))


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one id's rows, noting faults and what is missing."""

    rationale_file: str
    feedback_file: str
    teachers: tuple[str, ...]
    faults: list[tuple[str, int, str, str]]
    skipped: list[str]

    def text(self, name: str, found: _Found, key: str) -> str | None:
        """A text that must be there."""
        value = found.row.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and value.strip():
            return value
        said = "missing" if value is None else "empty" if value == "" else f"{_short(value)} is no text"
        self.faults.append((name, found.place, key, said))
        return None

    def explanation(self, name: str, found: _Found, key: str, value: object) -> str | None:
        """An explanation's text; a failed call left null, which is told and skipped."""
        if value is None:
            self.skipped.append(f"{name} row {found.place} {key}: no text")
        elif not isinstance(value, str):
            self.faults.append((name, found.place, key, f"{_short(value)} is no text"))
        elif thoughts.split(value).is_open:
            self.skipped.append(f"{name} row {found.place} {key}: it ends within its thought")
            return None
        return value if isinstance(value, str) else None

    def rationale(self, found: _Found, teacher: str) -> tuple[str, tuple[tuple[str, int], ...]] | None:
        """[text, score by the first other teacher, score by the second, …]."""
        key, name = f"{teacher}_rationale", self.rationale_file
        value = found.row.get(key)
        if value is None:
            self.skipped.append(f"{name} row {found.place} {key}: missing")
            return None
        reviewers = [other for other in self.teachers if other != teacher]
        if not isinstance(value, list) or len(value) != 1 + len(reviewers):
            shape = f"[text, {len(reviewers)} scores]"
            self.faults.append((name, found.place, key, f"{_short(value)} is not {shape}"))
            return None
        text = self.explanation(name, found, f"{key}[0]", value[0])
        for place, score in enumerate(value[1:], start=1):
            if isinstance(score, bool) or not isinstance(score, int):
                self.faults.append((name, found.place, f"{key}[{place}]", f"score {_short(score)} is no integer"))
        return None if text is None else (text, tuple(zip(reviewers, value[1:], strict=True)))


def _row(source_id: str, found_in: dict[str, _Found], reader: _Reader) -> Row:
    for name, found in found_in.items():
        question = reader.text(name, found, "question")
        gold = reader.text(name, found, "gold_answer")
    first_name, first = next(iter(found_in.items()))
    for name, found in found_in.items():
        for key in ("question", "gold_answer"):
            if found.row.get(key) != first.row.get(key):
                reader.faults.append((name, found.place, key, f"differs from {first_name}"))
    feedback: dict[str, str] = {}
    rationales: dict[str, tuple[str, tuple[tuple[str, int], ...]]] = {}
    for teacher in reader.teachers:
        if (found_f := found_in.get(reader.feedback_file)) is not None:
            key = f"{teacher}_feedback"
            text = reader.explanation(reader.feedback_file, found_f, key, found_f.row.get(key))
            feedback |= {} if text is None else {teacher: text}
        if (found_r := found_in.get(reader.rationale_file)) is not None:
            given = reader.rationale(found_r, teacher)
            rationales |= {} if given is None else {teacher: given}
    options, accepted = first.row.get("options"), _accepted(found_in.get(reader.rationale_file))
    answer = str(first.row.get("student_wrong_final_answer") or "").strip()
    return Row(
        source_id=source_id,
        question=question or "",
        context=str(first.row["context"]) if first.row.get("context") else None,
        options=tuple(map(str, options)) if isinstance(options, list) else (),
        gold=gold or "",
        gold_note=None,
        response=str(first.row.get("student_wrong_pred") or ""),
        answer=None if answer.lower() in ("", NO_ANSWER) else answer,
        feedback=feedback,
        rationales=rationales,
        accepted=accepted,
    )


def _accepted(found: _Found | None) -> tuple[str, ...] | None:
    listed = found.row.get("correct_rationale") if found else None
    return tuple(map(str, listed)) if isinstance(listed, list) else None


def _short(value: object) -> str:
    return _cut(json.dumps(value, ensure_ascii=False, default=str))


def _cut(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"


def _task(rows: Sequence[Row]) -> Task:
    """What kind of answers the gold answers are."""
    if all(row.options for row in rows):
        return Task.CHOICE
    if all(re.match(r"(?:true|false|yes|no)\b", row.gold, re.IGNORECASE) for row in rows):
        return Task.BOOLEAN
    if all(parse_number(row.gold.rpartition("####")[2]) is not None for row in rows):
        return Task.NUMERIC
    return Task.TEXT


def _with_gold(row: Row, task: Task) -> Row:
    """The row with its gold answer apart from what came with it."""
    if "####" in row.gold:
        note, _, gold = row.gold.rpartition("####")
    else:
        gold, _, note = row.gold.partition("\t")
    gold = gold.strip()
    if task is Task.BOOLEAN:
        gold = gold.rstrip(".").lower()
    if task is Task.CHOICE:
        answer = None if row.answer is None else _as_letter(row.answer, row.options)
        return replace(row, gold=_as_letter(gold, row.options), answer=answer, gold_note=note or None)
    return replace(row, gold=gold, gold_note=note or None)


def _as_letter(answer: str, options: tuple[str, ...]) -> str:
    """The letter of the option at an index, or of the one that is named; what names none stays as it is."""
    index = as_whole_number(answer)
    if index is not None and 0 <= index < min(len(options), len(LETTERS)):
        return LETTERS[index]
    return option_letter(answer, options) or answer


def _differs(row: Row) -> int:
    if row.accepted is None:
        return 0
    ours = Counter(
        text
        for text, given in row.rationales.values()
        if decide_rationale([vote(n).score for _, n in given], PAPER, CheckStates()).verdict is Verdict.ACCEPTED
    )
    theirs = Counter(row.accepted)
    return ((ours - theirs) + (theirs - ours)).total()


def store(
    session: Session, parsed: Parsed, *, by: Person, progress: Callable[[int, int], None] = lambda *_: None
) -> Imported:
    """Write the import as one exam; the same content again returns the exam that is there.

    `progress(done, total)` is told after each block of rows.

    Raises: Forbidden; BadInput where dataset or student can't be named so.
    """
    person = require(by, Right.IMPORT)
    for name in (parsed.dataset, parsed.student):
        if not 0 < len(name.strip()) <= LONGEST_NAME or find_unstorable(name):
            limits = f"1 to {LONGEST_NAME} characters of text"
            raise BadInput(f"a dataset or student can't be named {_short(name)}: {limits}")
    namesake = exam_of(session, parsed)
    if namesake is not None:
        return _imported(parsed, namesake.uid, new=False)
    writer = _Writer(session, parsed)
    exam = writer.exam()
    for start in range(0, len(parsed.rows), BLOCK):
        writer.rows(exam, parsed.rows[start : start + BLOCK], start)
        progress(min(start + BLOCK, len(parsed.rows)), len(parsed.rows))
    committees.name_members(session, queries.identity(exam), list(writer.teachers.values()))
    queries.audit(session, person, "import authors", f"exam {exam.uid}", mistakes=len(parsed.rows))
    session.flush()
    return _imported(parsed, exam.uid, new=True)


BLOCK = 50


def exam_of(session: Session, parsed: Parsed) -> t.Exam | None:
    """Return the exam that this content was imported as; None where it wasn't.

    Raises: BadInput where the exam of that name holds other texts or votes.
    """
    exam = session.exec(select(t.Exam).where(t.Exam.sha256 == parsed.sha256)).first()
    if exam is not None and not _holds(session, parsed):
        raise BadInput(
            f"exam {exam.name} has the name of this content and holds another: it came with an archive, or was changed "
            "by hand; import these files into a project of its own, with MAPD_HOME=FOLDER"
        )
    return exam


Votes = dict[str, tuple[int | None, str | None]]  # by uid: the score, and what it was read from


def _holds(session: Session, parsed: Parsed) -> bool:
    """Whether the project has every text and vote of the import as the files have it."""
    for start in range(0, len(parsed.rows), BLOCK):
        texts, votes = _read_content(parsed, parsed.rows[start : start + BLOCK])
        attempts = session.exec(select(t.Attempt.uid, t.Attempt.text).where(col(t.Attempt.uid).in_(texts))).all()
        explained = select(t.Explanation.uid, t.Explanation.text).where(col(t.Explanation.uid).in_(texts))
        reviews = select(t.Review.uid, t.Review.score, t.Review.raw_score).where(col(t.Review.uid).in_(votes))
        if dict([*attempts, *session.exec(explained).all()]) != texts:
            return False
        if {uid: (score, raw) for uid, score, raw in session.exec(reviews).all()} != votes:
            return False
    return True


def _read_content(parsed: Parsed, rows: Sequence[Row]) -> tuple[dict[str, str], Votes]:
    """What the files say in these rows, by uid: the texts, and each vote with what it was read from."""
    texts: dict[str, str] = {}
    votes: Votes = {}
    for row in rows:
        texts[_uid(parsed, "attempt", row.source_id)] = thoughts.split(row.response).text
        texts |= {_uid(parsed, "feedback", row.source_id, x): thoughts.split(y).text for x, y in row.feedback.items()}
        for who, (text, scores) in row.rationales.items():
            texts[_uid(parsed, "rationale", row.source_id, who)] = thoughts.split(text).text
            for by, number in scores:
                ballot = vote(number)
                votes[_uid(parsed, "review", row.source_id, who, by)] = (ballot.score, ballot.raw)
    return texts, votes


def _uid(parsed: Parsed, *parts: str) -> str:
    """The uid of the thing that `parts` name within this import."""
    return uuid5(NAMESPACE_URL, "\n".join((parsed.sha256, *parts))).hex


def _imported(parsed: Parsed, exam: str, *, new: bool) -> Imported:
    given = [r for row in parsed.rows for r in row.rationales.values()]
    return Imported(
        exam=exam,
        mistakes=len(parsed.rows),
        feedback=sum(len(row.feedback) for row in parsed.rows),
        rationales=len(given),
        reviews=sum(len(scores) for _, scores in given),
        no_vote=parsed.no_vote,
        paper_differs=parsed.paper_differs,
        skipped=parsed.skipped,
        new=new,
    )


class _Writer:
    """Puts rows into the tables. Every uid is derived from the content: the same import has the same uids anywhere."""

    def __init__(self, session: Session, parsed: Parsed) -> None:
        self.session, self.parsed = session, parsed
        self.teachers = {name: self._teacher(name) for name in parsed.teachers}

    def uid(self, *parts: str) -> str:
        """The uid of the thing that `parts` name within this import."""
        return _uid(self.parsed, *parts)

    def _teacher(self, name: str) -> int:
        for shown in (name, f"{name} (imported)"):
            uid = uuid5(NAMESPACE_URL, f"imported teacher {shown}").hex
            found = self._present_teacher(uid, shown)
            if found is None:
                found = t.Teacher(uid=uid, name=shown, kind="imported")
                self.session.add(found)
                self.session.flush()
            if found.kind == "imported":
                return queries.identity(found)
        raise BadInput(f"the names {name} and {name} (imported) belong to teachers of the project; rename one of them")

    def _present_teacher(self, uid: str, name: str) -> t.Teacher | None:
        """Return the teacher of this uid, who may have been renamed since, else the one of this name."""
        for own in (t.Teacher.uid == uid, t.Teacher.name == name):
            if (row := self.session.exec(select(t.Teacher).where(own)).first()) is not None:
                return row
        return None

    def _free_name(self, column: Any, name: str) -> str:
        return queries.free_name(name, queries.names_like(self.session, column, name))

    def exam(self) -> t.Exam:
        """The exam with its student and question set."""
        p = self.parsed
        student = students.ensure_imported(self.session, p.student)
        questions = t.QuestionSet(
            uid=self.uid("set"),
            name=self._free_name(t.QuestionSet.name, p.dataset),
            source="the authors' files",
            sha256=p.sha256,
        )
        self.session.add(questions)
        if self.session.get(t.Prompt, UNKNOWN_PROMPT) is None:
            self.session.add(t.Prompt(sha256=UNKNOWN_PROMPT, kind="imported", text=""))
        self.session.flush()
        name = self._free_name(t.Exam.name, f"{p.dataset} · {p.student} · round {p.round}")
        exam = t.Exam(
            uid=self.uid("exam"),
            name=name,
            student_id=queries.identity(student),
            set_id=queries.identity(questions),
            split="train",
            round=p.round,
            graded_by="import",
            sha256=p.sha256,
        )
        self.session.add(exam)
        self.session.flush()
        return exam

    def rows(self, exam: t.Exam, rows: Sequence[Row], start: int) -> None:
        """One block of rows: questions, attempts, explanations, reviews."""
        questions = self._insert(t.Question, [self._question(exam, r, start + i) for i, r in enumerate(rows)])
        attempts = self._insert(t.Attempt, [self._attempt(exam, r, questions) for r in rows])
        texts = self._insert(t.Explanation, [x for r in rows for x in self._texts(r, questions, attempts)])
        self._insert(t.Review, [v for r in rows for v in self._reviews(r, texts)])

    def _insert(self, table: type[t.Travelling], values: list[dict[str, Any]]) -> dict[str, int]:
        """Insert in one statement; the ids by uid."""
        if not values:
            return {}
        self.session.execute(sa.insert(table), values)
        uids = [v["uid"] for v in values]
        return dict(
            self.session.execute(sa.select(col(table.uid), col(table.id)).where(col(table.uid).in_(uids))).all()
        )

    def _question(self, exam: t.Exam, row: Row, position: int) -> dict[str, Any]:
        return {
            "uid": self.uid("question", row.source_id),
            "set_id": exam.set_id,
            "source_id": row.source_id,
            "position": position,
            "split": exam.split,
            "task": self.parsed.task,
            "text": row.question,
            "context": row.context,
            "options": list(row.options),
            "gold": row.gold,
            "gold_note": row.gold_note,
        }

    def _attempt(self, exam: t.Exam, row: Row, questions: dict[str, int]) -> dict[str, Any]:
        response = thoughts.split(row.response)
        ours = grade(response.text, row.gold, self.parsed.task, row.options)
        return {
            "uid": self.uid("attempt", row.source_id),
            "exam_id": exam.id,
            "question_id": questions[self.uid("question", row.source_id)],
            "sample": 0,
            "text": response.text,
            "thought": response.thought or None,
            "answer": row.answer,
            "outcome": Outcome.NO_ANSWER if row.answer is None else Outcome.INCORRECT,
            "our_answer": ours.answer,
            "our_outcome": ours.outcome,
        }

    def _texts(self, row: Row, questions: dict[str, int], attempts: dict[str, int]) -> Iterator[dict[str, Any]]:
        question, attempt = self.uid("question", row.source_id), self.uid("attempt", row.source_id)
        rationales = {teacher: text for teacher, (text, _) in row.rationales.items()}
        for kind, texts in (("rationale", rationales), ("feedback", row.feedback)):
            for teacher, text in texts.items():
                parts = thoughts.split(text)
                yield {
                    "uid": self.uid(kind, row.source_id, teacher),
                    "kind": kind,
                    "question_id": questions[question],
                    "attempt_id": attempts[attempt] if kind == "feedback" else None,
                    "author_id": self.teachers[teacher],
                    "prompt_sha256": UNKNOWN_PROMPT,
                    "sample": 0,
                    "text": parts.text,
                    "thought": parts.thought or None,
                }

    def _reviews(self, row: Row, texts: dict[str, int]) -> Iterator[dict[str, Any]]:
        for teacher, (_, scores) in row.rationales.items():
            explanation = self.uid("rationale", row.source_id, teacher)
            for reviewer, number in scores:
                parsed = vote(number)
                yield {
                    "uid": self.uid("review", row.source_id, teacher, reviewer),
                    "explanation_id": texts[explanation],
                    "reviewer_id": self.teachers[reviewer],
                    "prompt_sha256": UNKNOWN_PROMPT,
                    "sample": 0,
                    "score": parsed.score,
                    "raw_score": parsed.raw,
                    "status": parsed.status,
                    "saw_gold": True,
                    "text": "",
                }
