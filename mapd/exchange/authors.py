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
from functools import partial
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
from mapd.domain import Verdict
from mapd.errors import BadInput, BadRows
from mapd.exchange import imported_teachers
from mapd.exchange.imported_teachers import UNKNOWN_PROMPT
from mapd.people import Person, Right, require
from mapd.policies import PAPER, CheckStates, decide_rationale
from mapd.questions.values import as_whole_number
from mapd.score_forms import vote
from mapd.store import audit_log, committees, queries
from mapd.store import tables as t

TEXT_KINDS = ("_rationale", "_feedback")  # how the columns that teachers wrote end
# The order behind their score columns, whatever a file's keys say.
AUTHORS_ORDER = ("gpt", "gemini", "mistral")
NO_ANSWER = "absolute_wrong_final_ans"
FILE_NAME = re.compile(r"(?P<student>.+)_(?P<dataset>[^_]+)_(?:false|feedback|rationale)_round(?P<round>\d{1,4})$")
# Characters of an id or a name: PostgreSQL indexes no key much longer.
LONGEST_NAME = 200
STORED = ("id", "question", "gold_answer", "context", "options", "student_wrong_pred", "student_wrong_final_answer")
# The file, the number of the row, the field, and what is wrong.
_Fault = tuple[str, int, str, str]
BLOCK = 50
# The score, and what it was read from, by uid.
Votes = dict[str, tuple[int | None, str | None]]


class AuthorsFile(NamedTuple):
    """An uploaded or read file: its name (for messages and defaults) and its bytes."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class AuthorsRow:
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
    # By teacher: the text, and (reviewer, score) as in the file.
    rationales: dict[str, tuple[str, tuple[tuple[str, int], ...]]]
    # The texts that the file itself accepts.
    accepted: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class AuthorsContent:
    """A whole import, checked, nothing written yet. `skipped` tells what the files lack, a line each."""

    rows: tuple[AuthorsRow, ...]
    task: Task
    teachers: tuple[str, ...]
    dataset: str
    student: str
    round: int
    sha256: str
    skipped: tuple[str, ...]
    files: tuple[tuple[str, str], ...] = ()  # each by its name with its sha256

    @property
    def no_vote(self) -> int:
        """Return how many scores lie outside 1-5."""
        return sum(vote(n).score is None for row in self.rows for _, votes in row.rationales.values() for _, n in votes)

    @property
    def paper_differs(self) -> int:
        """Return how many rationales policy *paper* decides otherwise than the file's own accepted lists."""
        return sum(map(_differs, self.rows))


@dataclass(frozen=True, slots=True)
class AuthorsImport:
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


class FileKind(StrEnum):
    """What a file of the authors' is, told by its columns."""

    FEEDBACK = "feedback"
    RATIONALES = "rationales"
    MISTAKES = "mistakes"


def kinds_of(rows: Sequence[dict[str, Any]]) -> frozenset[FileKind]:
    """Return what the rows hold: teachers' feedback, their rationales, the student's mistakes."""
    columns = {key for row in rows for key in row}
    ends = {FileKind.FEEDBACK: "_feedback", FileKind.RATIONALES: "_rationale", FileKind.MISTAKES: "student_wrong_pred"}
    return frozenset(kind for kind, end in ends.items() if any(key.endswith(end) for key in columns))


def describe_kinds(kinds: frozenset[FileKind]) -> str:
    """Return what a file is, in a word: both other files repeat the mistakes."""
    content = kinds - {FileKind.MISTAKES} or kinds
    return " and ".join(sorted(content)) or "none of the columns of the authors' files"


def inspect_file(file: AuthorsFile) -> tuple[frozenset[FileKind], int]:
    """Return what a file holds, and how many rows. Raises: BadInput where it can't be read as a list of objects."""
    rows = _load(file)
    return kinds_of(rows), len(rows)


def are_swapped(feedback: frozenset[FileKind], rationales: frozenset[FileKind]) -> bool:
    """Return whether each of the two files holds what the other one was chosen as, and not its own."""
    right = FileKind.FEEDBACK in feedback or FileKind.RATIONALES in rationales
    return not right and FileKind.RATIONALES in feedback and FileKind.FEEDBACK in rationales


def _check_kinds(files: Mapping[FileKind, tuple[str, Sequence[dict[str, Any]]]]) -> None:
    # Two files that were swapped would give an import of nothing.
    content = {kind: (name, kinds_of(rows)) for kind, (name, rows) in files.items() if rows}
    wrong = {kind: content_of_kind for kind, content_of_kind in content.items() if kind not in content_of_kind[1]}
    first, second = (content.get(kind, ("", frozenset())) for kind in (FileKind.FEEDBACK, FileKind.RATIONALES))
    if are_swapped(first[1], second[1]):
        raise BadInput(
            f"the two files are swapped: {first[0]} holds the rationales and {second[0]} the feedback; nothing was "
            "imported: choose them the other way round"
        )
    for kind, (name, kinds) in wrong.items():
        holds = describe_kinds(kinds)
        raise BadInput(f"{name} was chosen as the {kind} file and holds {holds}; nothing was imported: choose another")


def parse(
    feedback: AuthorsFile,
    rationales: AuthorsFile,
    mistakes: AuthorsFile | None = None,
    dataset: str | None = None,
    student: str | None = None,
) -> AuthorsContent:
    """Read and check the files; rows are joined by their id.

    Raises: BadInput where a file can't be read as a list of objects, or isn't what it was chosen as; BadRows naming
    every bad row of every file.
    """
    by_kind = {FileKind.MISTAKES: mistakes, FileKind.RATIONALES: rationales, FileKind.FEEDBACK: feedback}
    files = [f for f in by_kind.values() if f is not None]
    if len({f.name for f in files}) < len({(f.name, f.content) for f in files}):
        raise BadInput(f"two different files have the same name, {feedback.name}: rename one")
    faults: list[_Fault] = []
    rows_of_file = {f.name: _load(f) for f in files}
    _check_kinds({kind: (f.name, rows_of_file[f.name]) for kind, f in by_kind.items() if f is not None})
    tables = {name: _index_rows(name, rows, faults) for name, rows in rows_of_file.items()}
    teachers = _teachers(tables[rationales.name].values(), tables[feedback.name].values())
    skipped: list[str] = []
    reader = _Reader(rationales.name, feedback.name, teachers, faults, skipped)
    rows = [_read_row(id_, entries, reader) for id_, entries in _join_files(files, tables, skipped).items()]
    if faults:
        raise BadRows(sorted(faults))
    if not rows:
        raise BadInput(f"{rationales.name} holds no rows: there is nothing to import")
    name_parts = next((m.groupdict() for f in files if (m := FILE_NAME.match(PurePath(f.name).stem))), {})
    task = _task(rows)
    rows = [_with_gold(row, task) for row in rows]
    return AuthorsContent(
        rows=tuple(rows),
        task=task,
        teachers=teachers,
        dataset=dataset or name_parts.get("dataset") or "imported",
        student=student or name_parts.get("student") or "imported",
        round=int(name_parts.get("round", 0)),
        sha256=hashlib.sha256(json.dumps([asdict(r) for r in rows], sort_keys=True).encode()).hexdigest(),
        skipped=tuple(skipped),
        files=tuple((f.name, hashlib.sha256(f.content).hexdigest()) for f in files),
    )


def _load(file: AuthorsFile) -> list[dict[str, Any]]:
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


class _Entry(NamedTuple):
    place: int
    row: dict[str, Any]


def _index_rows(name: str, rows: Sequence[dict[str, Any]], faults: list[_Fault]) -> dict[str, _Entry]:
    entries: dict[str, _Entry] = {}
    for index, row in enumerate(rows):
        source_id = row.get("id")
        faults += [(name, index, key, fault) for key, fault in _find_unstorable(row)]
        if isinstance(source_id, bool) or not isinstance(source_id, int | str) or str(source_id).strip() == "":
            faults.append((name, index, "id", "missing"))
        elif len(str(source_id)) > LONGEST_NAME:
            faults.append((name, index, "id", f"{_short(source_id)} has more than {LONGEST_NAME} characters"))
        elif str(source_id) in entries:
            faults.append((name, index, "id", f"{source_id} stands in row {entries[str(source_id)].place} too"))
        else:
            entries[str(source_id)] = _Entry(index, row)
    return entries


def _find_unstorable(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the fields that no database could keep as they are, and why."""
    # They are refused, so that nothing is silently changed.
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


def _join_files(
    files: Sequence[AuthorsFile], tables: dict[str, dict[str, _Entry]], skipped: list[str]
) -> dict[str, dict[str, _Entry]]:
    """Return each file's rows by id. What a file lacks is noted in `skipped`."""
    # The authors' code loses rows on the way from one file to the next.
    rows_by_id: dict[str, dict[str, _Entry]] = {}
    for file in files:
        for source_id, entry in tables[file.name].items():
            rows_by_id.setdefault(source_id, {})[file.name] = entry
    for source_id, entries in rows_by_id.items():
        skipped += [f"id {source_id}: no row in {f.name}" for f in files if f.name not in entries]
    return rows_by_id


def _teachers(*tables: Any) -> tuple[str, ...]:
    # The authors' three in their order, then others as they come: a row's scores follow it.
    names = [
        key.removesuffix(kind)
        for entry in (f for table in tables for f in table)
        for key in entry.row
        for kind in TEXT_KINDS
        if key.endswith(kind) and key != "correct_rationale"
    ]
    authors_teachers = [name for name in AUTHORS_ORDER if name in names]
    return tuple(dict.fromkeys(authors_teachers + names))


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one id's rows, noting faults and what is missing."""

    rationale_file: str
    feedback_file: str
    teachers: tuple[str, ...]
    faults: list[_Fault]
    skipped: list[str]

    def text(self, name: str, entry: _Entry, key: str) -> str | None:
        """Return a text that must be there."""
        value = entry.row.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and value.strip():
            return value
        fault = "missing" if value is None else "empty" if value == "" else f"{_short(value)} is no text"
        self.faults.append((name, entry.place, key, fault))
        return None

    def explanation(self, name: str, entry: _Entry, key: str, value: object) -> str | None:
        """Return an explanation's text; what has none is noted and skipped."""
        # The authors' failed calls left null.
        if value is None:
            self.skipped.append(f"{name} row {entry.place} {key}: no text")
        elif not isinstance(value, str):
            self.faults.append((name, entry.place, key, f"{_short(value)} is no text"))
        elif thoughts.split(value).is_open:
            self.skipped.append(f"{name} row {entry.place} {key}: it ends within its thought")
            return None
        return value if isinstance(value, str) else None

    def rationale(self, entry: _Entry, teacher: str) -> tuple[str, tuple[tuple[str, int], ...]] | None:
        """Return a rationale's text and its votes, from [text, score by the first other teacher, …]."""
        key, name = f"{teacher}_rationale", self.rationale_file
        value = entry.row.get(key)
        if value is None:
            self.skipped.append(f"{name} row {entry.place} {key}: missing")
            return None
        reviewers = [name_ for name_ in self.teachers if name_ != teacher]
        if not isinstance(value, list) or len(value) != 1 + len(reviewers):
            shape = f"[text, {len(reviewers)} scores]"
            self.faults.append((name, entry.place, key, f"{_short(value)} is not {shape}"))
            return None
        text = self.explanation(name, entry, f"{key}[0]", value[0])
        for place, score in enumerate(value[1:], start=1):
            if isinstance(score, bool) or not isinstance(score, int):
                self.faults.append((name, entry.place, f"{key}[{place}]", f"score {_short(score)} is no integer"))
        return None if text is None else (text, tuple(zip(reviewers, value[1:], strict=True)))


def _read_row(source_id: str, entries: dict[str, _Entry], reader: _Reader) -> AuthorsRow:
    for name, entry in entries.items():
        question = reader.text(name, entry, "question")
        gold = reader.text(name, entry, "gold_answer")
    first_name, first = next(iter(entries.items()))
    for name, entry in entries.items():
        for key in ("question", "gold_answer"):
            if entry.row.get(key) != first.row.get(key):
                reader.faults.append((name, entry.place, key, f"differs from {first_name}"))
    feedback: dict[str, str] = {}
    rationales: dict[str, tuple[str, tuple[tuple[str, int], ...]]] = {}
    for teacher in reader.teachers:
        if (feedback_entry := entries.get(reader.feedback_file)) is not None:
            key = f"{teacher}_feedback"
            text = reader.explanation(reader.feedback_file, feedback_entry, key, feedback_entry.row.get(key))
            feedback |= {} if text is None else {teacher: text}
        if (rationale_entry := entries.get(reader.rationale_file)) is not None:
            rationale = reader.rationale(rationale_entry, teacher)
            rationales |= {} if rationale is None else {teacher: rationale}
    options, accepted_texts = first.row.get("options"), _read_accepted(entries.get(reader.rationale_file))
    answer = str(first.row.get("student_wrong_final_answer") or "").strip()
    return AuthorsRow(
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
        accepted=accepted_texts,
    )


def _read_accepted(entry: _Entry | None) -> tuple[str, ...] | None:
    texts = entry.row.get("correct_rationale") if entry else None
    return tuple(map(str, texts)) if isinstance(texts, list) else None


def _short(value: object) -> str:
    return _cut(json.dumps(value, ensure_ascii=False, default=str))


def _cut(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"


def _task(rows: Sequence[AuthorsRow]) -> Task:
    if all(row.options for row in rows):
        return Task.CHOICE
    if all(re.match(r"(?:true|false|yes|no)\b", row.gold, re.IGNORECASE) for row in rows):
        return Task.BOOLEAN
    if all(parse_number(row.gold.rpartition("####")[2]) is not None for row in rows):
        return Task.NUMERIC
    return Task.TEXT


def _with_gold(row: AuthorsRow, task: Task) -> AuthorsRow:
    """Return the row with its gold answer apart from what came with it."""
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
    # What names no option stays as it is.
    index = as_whole_number(answer)
    if index is not None and 0 <= index < min(len(options), len(LETTERS)):
        return LETTERS[index]
    return option_letter(answer, options) or answer


def _differs(row: AuthorsRow) -> int:
    if row.accepted is None:
        return 0
    our_texts = Counter(
        text
        for text, votes in row.rationales.values()
        if decide_rationale([vote(n).score for _, n in votes], PAPER, CheckStates()).verdict is Verdict.ACCEPTED
    )
    file_texts = Counter(row.accepted)
    return ((our_texts - file_texts) + (file_texts - our_texts)).total()


def store(
    session: Session, content: AuthorsContent, *, by: Person, progress: Callable[[int, int], None] = lambda *_: None
) -> AuthorsImport:
    """Write the import as one exam; the same content again returns the exam that is there.

    `progress(done, total)` is told after each block of rows.

    Raises: Forbidden; BadInput where dataset or student can't be named so.
    """
    person = require(by, Right.IMPORT)
    for name in (content.dataset, content.student):
        if not 0 < len(name.strip()) <= LONGEST_NAME or find_unstorable(name):
            limits = f"1 to {LONGEST_NAME} characters of text"
            raise BadInput(f"a dataset or student can't be named {_short(name)}: {limits}")
    namesake = exam_of(session, content)
    if namesake is not None:
        return _summarize(content, namesake.uid, new=False)
    writer = _AuthorsWriter(session, content)
    exam = writer.exam()
    for start in range(0, len(content.rows), BLOCK):
        writer.rows(exam, content.rows[start : start + BLOCK], start)
        progress(min(start + BLOCK, len(content.rows)), len(content.rows))
    committees.name_members(session, queries.identity(exam), list(writer.teachers.values()))
    detail = {"format": "authors", "rows": len(content.rows), **audit_log.describe_files(content.files)}
    audit_log.audit(session, person, "import authors", f"exam {exam.uid}", mistakes=len(content.rows), **detail)
    session.flush()
    return _summarize(content, exam.uid, new=True)


def exam_of(session: Session, content: AuthorsContent) -> t.Exam | None:
    """Return the exam of this content, if there is one. Raises: BadInput where that of its name holds other content."""
    exam = session.exec(select(t.Exam).where(t.Exam.sha256 == content.sha256)).first()
    if exam is not None and not _holds(session, content):
        raise BadInput(
            f"exam {exam.name} has the name of this content and holds another: it came with an archive, or was changed "
            "by hand; import these files into a project of its own, with MAPD_HOME=FOLDER"
        )
    return exam


def _holds(session: Session, content: AuthorsContent) -> bool:
    """Return whether the project has every text and vote of the import as the files have it."""
    for start in range(0, len(content.rows), BLOCK):
        texts, votes = _read_content(content, content.rows[start : start + BLOCK])
        attempts = session.exec(select(t.Attempt.uid, t.Attempt.text).where(col(t.Attempt.uid).in_(texts))).all()
        texts_query = select(t.Explanation.uid, t.Explanation.text).where(col(t.Explanation.uid).in_(texts))
        reviews = select(t.Review.uid, t.Review.score, t.Review.raw_score).where(col(t.Review.uid).in_(votes))
        if dict([*attempts, *session.exec(texts_query).all()]) != texts:
            return False
        if {uid: (score, raw) for uid, score, raw in session.exec(reviews).all()} != votes:
            return False
    return True


def _read_content(content: AuthorsContent, rows: Sequence[AuthorsRow]) -> tuple[dict[str, str], Votes]:
    """Return what the files say in these rows, by uid: the texts, and each vote with what it was read from."""
    texts: dict[str, str] = {}
    votes: Votes = {}
    for row in rows:
        texts[_uid(content, "attempt", row.source_id)] = thoughts.split(row.response).text
        texts |= {_uid(content, "feedback", row.source_id, x): thoughts.split(y).text for x, y in row.feedback.items()}
        for teacher, (text, scores) in row.rationales.items():
            texts[_uid(content, "rationale", row.source_id, teacher)] = thoughts.split(text).text
            for by, number in scores:
                ballot = vote(number)
                votes[_uid(content, "review", row.source_id, teacher, by)] = (ballot.score, ballot.raw)
    return texts, votes


def _uid(content: AuthorsContent, *parts: str) -> str:
    return uuid5(NAMESPACE_URL, "\n".join((content.sha256, *parts))).hex


def _summarize(content: AuthorsContent, exam: str, *, new: bool) -> AuthorsImport:
    rationales = [r for row in content.rows for r in row.rationales.values()]
    return AuthorsImport(
        exam=exam,
        mistakes=len(content.rows),
        feedback=sum(len(row.feedback) for row in content.rows),
        rationales=len(rationales),
        reviews=sum(len(scores) for _, scores in rationales),
        no_vote=content.no_vote,
        paper_differs=content.paper_differs,
        skipped=content.skipped,
        new=new,
    )


class _AuthorsWriter:
    """Puts rows into the tables. Every uid is derived from the content: the same import has the same uids anywhere."""

    def __init__(self, session: Session, content: AuthorsContent) -> None:
        self.session, self.content, self.uid = session, content, partial(_uid, content)
        self.teachers = {name: imported_teachers.ensure(session, name) for name in content.teachers}

    def _free_name(self, column: Any, name: str) -> str:
        return queries.free_name(name, queries.names_like(self.session, column, name))

    def exam(self) -> t.Exam:
        """Write the exam with its student and question set."""
        p = self.content
        student = students.ensure_imported(self.session, p.student)
        questions = t.QuestionSet(
            uid=self.uid("set"),
            name=self._free_name(t.QuestionSet.name, p.dataset),
            source="the authors' files",
            sha256=p.sha256,
        )
        self.session.add(questions)
        imported_teachers.ensure_prompt(self.session)
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

    def rows(self, exam: t.Exam, rows: Sequence[AuthorsRow], start: int) -> None:
        """Write one block of rows: questions, attempts, explanations, reviews."""
        questions = self._insert(t.Question, [self._question(exam, r, start + i) for i, r in enumerate(rows)])
        attempts = self._insert(t.Attempt, [self._attempt(exam, r, questions) for r in rows])
        texts = self._insert(t.Explanation, [x for r in rows for x in self._texts(r, questions, attempts)])
        self._insert(t.Review, [v for r in rows for v in self._reviews(r, texts)])

    def _insert(self, table: type[t.Travelling], values: list[dict[str, Any]]) -> dict[str, int]:
        if not values:
            return {}
        self.session.execute(sa.insert(table), values)
        query = sa.select(col(table.uid), col(table.id)).where(col(table.uid).in_([v["uid"] for v in values]))
        return dict(self.session.execute(query).all())

    def _question(self, exam: t.Exam, row: AuthorsRow, position: int) -> dict[str, Any]:
        return {
            "uid": self.uid("question", row.source_id),
            "set_id": exam.set_id,
            "source_id": row.source_id,
            "position": position,
            "split": exam.split,
            "task": self.content.task,
            "text": row.question,
            "context": row.context,
            "options": list(row.options),
            "gold": row.gold,
            "gold_note": row.gold_note,
        }

    def _attempt(self, exam: t.Exam, row: AuthorsRow, questions: dict[str, int]) -> dict[str, Any]:
        response = thoughts.split(row.response)
        grade_ = grade(response.text, row.gold, self.content.task, row.options)
        return {
            "uid": self.uid("attempt", row.source_id),
            "exam_id": exam.id,
            "question_id": questions[self.uid("question", row.source_id)],
            "sample": 0,
            "text": response.text,
            "thought": response.thought or None,
            "answer": row.answer,
            "outcome": Outcome.NO_ANSWER if row.answer is None else Outcome.INCORRECT,
            "our_answer": grade_.answer,
            "our_outcome": grade_.outcome,
        }

    def _texts(self, row: AuthorsRow, questions: dict[str, int], attempts: dict[str, int]) -> Iterator[dict[str, Any]]:
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

    def _reviews(self, row: AuthorsRow, texts: dict[str, int]) -> Iterator[dict[str, Any]]:
        for teacher, (_, scores) in row.rationales.items():
            explanation = self.uid("rationale", row.source_id, teacher)
            for reviewer, number in scores:
                ballot = vote(number)
                yield {
                    "uid": self.uid("review", row.source_id, teacher, reviewer),
                    "explanation_id": texts[explanation],
                    "reviewer_id": self.teachers[reviewer],
                    "prompt_sha256": UNKNOWN_PROMPT,
                    "sample": 0,
                    "score": ballot.score,
                    "raw_score": ballot.raw,
                    "status": ballot.status,
                    "saw_gold": True,
                    "text": "",
                }
