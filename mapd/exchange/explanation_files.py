"""Read a file of explanations that were written elsewhere, and match its rows to an exam's questions and answers.

    {"question": "chal-1", "teacher": "gpt", "kind": "rationale", "text": "76 - 25 = 51", "scores": {"gemini": 5}}
    {"question": "Each pack of …", "teacher": "me", "kind": "feedback", "text": "Subtract!", "score_gemini": 4}

A question is named by its id, its uid or its text. Scores stand in an object, or in a column for each reviewer. A
feedback is on the question's one answer, else on that of `sample` or `attempt`. The thought in a text is split off.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import Session, col, select

from mapd import thoughts
from mapd.answers.grading import Outcome
from mapd.characters import find_unstorable
from mapd.domain import ExamInfo
from mapd.errors import BadInput
from mapd.exchange.attempt_files import QuestionIndex, text_key
from mapd.exchange.spreadsheets import read_cell
from mapd.questions.file_table import FileTable
from mapd.questions.imports import BadRow, refuse_without_rows, unreadable_rows
from mapd.questions.rows import LONGEST_NAME
from mapd.questions.values import as_text, as_whole_number, is_blank, short, without_zeros
from mapd.store import exam_material
from mapd.store import tables as t

KINDS = ("rationale", "feedback")
# What a column may be called.
NAMES = {
    "question": ("question_uid", "question_id", "number", "id", "question"),
    "teacher": ("teacher", "author"),
    "kind": ("kind",),
    "text": ("text", "explanation"),
    "scores": ("scores",),
    "sample": ("sample",),
    "attempt": ("attempt", "mistake"),
}
NEEDED = ("question", "teacher", "kind", "text")
_SCORE = re.compile(r"score[\s_:-]+(?P<reviewer>\S.*)", re.IGNORECASE | re.DOTALL)
# A score whose reviewer isn't named so: "score", "gpt_score".
_SCORE_OF_NOBODY = re.compile(r"score|.*[\s_:-]score", re.IGNORECASE | re.DOTALL)
# Each row is held in memory while the file is checked.
MOST_ROWS = 300_000
# Characters of a text: a longer one is no explanation that anybody reads.
LONGEST_TEXT = 200_000
EXAMPLE = '{"question": "…", "teacher": "gpt", "kind": "rationale", "text": "…", "scores": {"gemini": 5}}'


@dataclass(slots=True, eq=False)
class ExplanationRow:
    """One explanation as a file has it. `scores`: by reviewer."""

    file: str
    unit: str
    number: int
    original: Mapping[str, Any]
    question: t.Question | None = None
    attempt: t.Attempt | None = None
    teacher: str = ""
    kind: str = ""
    text: str = ""
    thought: str | None = None
    scores: dict[str, int] = field(default_factory=dict)
    faults: list[tuple[str, str]] = field(default_factory=list)

    @property
    def key(self) -> tuple[Any, ...]:
        """Return what makes it the same text."""
        question, attempt = self.question, self.attempt
        return self.kind, question and question.id, attempt and attempt.id, self.teacher, self.text

    def as_bad(self) -> BadRow:
        """Return the row with what is wrong with it."""
        return BadRow(self.file, self.unit, self.number, tuple(self.faults), self.original)


@dataclass(frozen=True, slots=True)
class ExplanationsContent:
    """A file's explanations, matched to an exam; nothing written yet."""

    rows: tuple[ExplanationRow, ...]
    unreadable: tuple[BadRow, ...]


def parse(session: Session, tables: Sequence[FileTable], exam: ExamInfo) -> ExplanationsContent:
    """Match files of explanations to an exam. Raises: BadInput where a file has none, or too many."""
    if sum(len(table.records) + len(table.bad) for table in tables) > MOST_ROWS:
        raise BadInput(f"{tables[0].name} holds more than {MOST_ROWS:,} rows; split it, and import each part")
    reader = _Reader(session, exam)
    rows = tuple(
        reader.read(table.name, table.unit, number, fields) for table in tables for number, fields in _rows(table)
    )
    return ExplanationsContent(rows, tuple(bad for table in tables for bad in unreadable_rows(table)))


def _rows(table: FileTable) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the rows' numbers and fields. Raises: BadInput where a needed column is in none, BadRows without a row."""
    refuse_without_rows(table)
    headings = dict.fromkeys(name for record in table.records for name in record.fields)
    plain = {"_".join(heading.casefold().split()) for heading in headings}
    absent = [name for name in NEEDED if not plain.intersection(NAMES[name])]
    if table.is_text or absent:
        listing = ", ".join(short(name, 30) for name in [*headings][:8])
        fields = "" if table.is_text else f": {', '.join(absent)} isn't among {listing}"
        raise BadInput(f"{table.name} holds no explanations; a row is {EXAMPLE}{fields}")
    for record in table.records:
        values = {name: _read_value(value, is_cell=table.has_cells) for name, value in record.fields.items()}
        yield record.number, values


def _read_value(value: Any, *, is_cell: bool) -> Any:
    if isinstance(value, str) and is_cell:
        value = read_cell(value)
    return None if is_blank(value) else value


class _Reader:
    """Reads rows, and notes in each what can't be read."""

    def __init__(self, session: Session, exam: ExamInfo) -> None:
        attempts = session.exec(select(t.Attempt).where(exam_material.attempt_condition(exam.id, None))).all()
        self.attempts: dict[int, list[t.Attempt]] = defaultdict(list)
        for attempt in attempts:
            self.attempts[attempt.question_id].append(attempt)
        asked = select(t.Attempt.question_id).where(exam_material.attempt_condition(exam.id, None))
        self.index = QuestionIndex(session.exec(select(t.Question).where(col(t.Question.id).in_(asked))).all(), "exam")

    def read(self, file: str, unit: str, number: int, fields: Mapping[str, Any]) -> ExplanationRow:
        """Return a row with all that it says."""
        row = ExplanationRow(file, unit, number, fields)
        plain = {"_".join(name.casefold().split()): value for name, value in fields.items() if value is not None}
        values = {name: next((plain[word] for word in words if word in plain), None) for name, words in NAMES.items()}
        row.kind = self._read_kind(row, values["kind"])
        row.teacher = _read_name(row, "teacher", values["teacher"])
        self._read_question(row, plain)
        _read_text(row, values["text"])
        _read_scores(row, values["scores"], fields)
        self._find_attempt(row, values)
        return row

    def _read_kind(self, row: ExplanationRow, value: Any) -> str:
        kind = (as_text(value) or "").strip().casefold()
        if kind not in KINDS:
            row.faults.append(("kind", f"{'missing' if value is None else short(value)}; it is {' or '.join(KINDS)}"))
        return kind

    def _read_question(self, row: ExplanationRow, plain: Mapping[str, Any]) -> None:
        # An id and a text may stand beside each other: then both have to name the same one.
        fault = "missing; a row names its question"
        matches: dict[str, t.Question] = {}
        for word in NAMES["question"]:
            if word not in plain:
                continue
            match = self._match_question(plain[word])
            if isinstance(match, str):
                fault = match
            else:
                matches[match.uid] = match
        if len(matches) > 1:
            first, second = [*matches.values()][:2]
            fault = f"{short(first.source_id)} and {short(second.text)} are two questions of the exam: which is it?"
        if len(matches) == 1:
            row.question = next(iter(matches.values()))
        else:
            row.faults.append(("question", fault))

    def _match_question(self, value: Any) -> t.Question | str:
        text = as_text(value)
        if text is None:
            return f"{short(value)} is no id and no text"
        # A table may have made 7.0 of the id 7.
        match = self.index.find(without_zeros(text.strip()), [])
        return match if isinstance(match, t.Question) else self.index.find(None, [text_key(text)])

    def _find_attempt(self, row: ExplanationRow, values: Mapping[str, Any]) -> None:
        """Find the answer that a feedback is on; a rationale is on the question alone."""
        if row.question is None or row.kind != "feedback":
            return
        attempts = self.attempts[row.question.id or 0]
        mistakes = [attempt for attempt in attempts if attempt.outcome != Outcome.CORRECT]
        if values["attempt"] is not None or values["sample"] is not None:
            uid, sample = as_text(values["attempt"]), as_whole_number(values["sample"])
            attempts = [a for a in attempts if a.uid == uid or (uid is None and a.sample == sample)]
            if not attempts:
                name, value = ("attempt", uid) if uid is not None else ("sample", values["sample"])
                row.faults.append((name, f"the exam has no answer {short(value)} to this question"))
                return
        # A feedback says what went wrong: where a single answer is wrong, it is on that one.
        elif len(attempts) > 1 and len(mistakes) == 1:
            attempts = mistakes
        if len(attempts) > 1:
            cure = "say which in a column sample"
            row.faults.append(("sample", f"the exam has {len(attempts)} answers to this question; {cure}"))
            return
        row.attempt = attempts[0]


def _read_name(row: ExplanationRow, name: str, value: Any) -> str:
    text = " ".join((as_text(value) or "").split())
    if not 0 < len(text) <= LONGEST_NAME or find_unstorable(text) or not text.isprintable():
        what = "missing" if value is None else short(value)
        row.faults.append((name, f"{what}; a teacher's name has 1 to {LONGEST_NAME} characters"))
    return text


def _read_text(row: ExplanationRow, value: Any) -> None:
    text = as_text(value)
    if text is None:
        row.faults.append(("text", "missing" if value is None else f"{short(value)} is no text"))
        return
    if len(text) > LONGEST_TEXT:
        row.faults.append(("text", f"{short(text)} has {len(text):,} characters; at most {LONGEST_TEXT:,} are kept"))
        return
    if bad := find_unstorable(text):
        row.faults.append(("text", f"{bad} can't be stored in a text; take it out"))
        return
    parts = thoughts.split(text)
    if parts.is_open or not parts.text.strip():
        row.faults.append(("text", "it ends within its thought: no explanation follows"))
    row.text, row.thought = parts.text, parts.thought or None


def _read_scores(row: ExplanationRow, value: Any, fields: Mapping[str, Any]) -> None:
    """Read the scores: an object, or as text; a list as our own exports have it; a column for each reviewer."""
    if isinstance(value, str):
        try:
            # As pairs: a reviewer who stands there twice is no single score.
            value = json.loads(value, object_pairs_hook=_Pairs)
        except (ValueError, RecursionError):
            row.faults.append(("scores", f'{short(value)} is no object such as {{"gemini": 5}}'))
            return
    pairs = _as_pairs(value)
    if pairs is None:
        row.faults.append(("scores", f'{short(value)} is no object such as {{"gemini": 5}}'))
        return
    for name, score in fields.items():
        # A name in a heading keeps its capitals, so these are the headings as they stand.
        if (match := _SCORE.fullmatch(name.strip())) is not None:
            pairs.append((match["reviewer"], score))
        elif _SCORE_OF_NOBODY.fullmatch(name.strip()) and not is_blank(score):
            row.faults.append((short(name), f"whose score is {short(score)}? name the column score_NAME"))
    for name, score in pairs:
        if is_blank(score):
            continue
        reviewer, number = _read_name(row, "scores", name), as_whole_number(score)
        if number is None:
            row.faults.append((f"score of {short(name)}", f"{short(score)} is no whole number of 1 to 5"))
        elif reviewer == row.teacher:
            row.faults.append((f"score of {short(name)}", "nobody reviews a text of their own; leave it empty"))
        elif row.scores.setdefault(reviewer, number) != number:
            row.faults.append((f"score of {short(name)}", f"{row.scores[reviewer]} and {number}: which of them?"))


class _Pairs(list[tuple[str, Any]]):
    """An object of JSON as it is written: a name may stand in it twice."""


def _as_pairs(value: Any) -> list[tuple[Any, Any]] | None:
    """Return each reviewer with their score; None where it is no object, and no list of our own exports."""
    if value is None:
        return []
    if isinstance(value, dict):
        return [*value.items()]
    if isinstance(value, _Pairs):
        return [*value]
    if not isinstance(value, list) or not all(isinstance(entry, dict | _Pairs) for entry in value):
        return None
    entries = [dict(entry) for entry in value]
    return [(entry.get("reviewer"), entry.get("score")) for entry in entries]
