"""Read a file of verdicts: rows from our own export, a spreadsheet, a script, or Label Studio. Nothing is looked up.

    {"person": "ann", "kind": "rationale", "uid": "c1…", "decision": "reject", "reason": "false_step"}
    {"person": "ann", …, "at": "2026-01-01T10:00:00+00:00", "judgement": "9d…", "undoes": null, "counts": true}

The second is a row as judgements.py writes it. Columns may stand in any order, and others are left alone. A
spreadsheet's dates, commas and words for true and false are read, without the apostrophe that keeps a formula from
running. label_studio.py reads what comes back from there into the same rows.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mapd.characters import find_unstorable
from mapd.domain import LONGEST_REPAIR, Act
from mapd.errors import BadInput
from mapd.exchange import label_studio, moments
from mapd.exchange.spreadsheets import read_cell
from mapd.judgements import ADJUDICATOR, ANNOTATOR
from mapd.people import person_name
from mapd.questions import tables
from mapd.questions.file_table import FileTable, QuestionFile
from mapd.questions.imports import BadRow, refuse_without_rows, unreadable_rows
from mapd.questions.values import as_text, is_blank, short

# A file with more is no file of people's verdicts; each row is held in memory while the file is checked.
MOST_ROWS, MOST_BYTES = 200_000, 128 * 2**20
KINDS = ("rationale", "feedback", "attempt", "question")
# What a column is called elsewhere: the second in Label Studio's short JSON and CSV.
NAMES = {
    "person": ("annotator",),
    "decision": ("verdict",),
    "at": ("time", "created_at"),
    "seconds": ("lead_time",),
    "note": ("comment",),
}
NEEDED = ("person", "uid", "decision")
FIELDS = (
    *(*NEEDED, "kind", "reason", "note", "value", "marks", "role", "at", "seconds", "blind", "queue", "committee"),
    *("question", "judgement", "undoes", "counts", "repairs", "text", "teacher"),
)
FIELD_OF_WORD = {word: name for name in FIELDS for word in (name, *NAMES.get(name, ()))}
# A column of our own files, for people to read.
FOR_PEOPLE = frozenset({"undone_by"})
# Characters of a note; of a code or a queue's name.
LONGEST_NOTE, LONGEST_WORD = 20_000, 60
TRUTHS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
_UID = re.compile(r"[0-9a-f]{32}")
# A uid of digits with one e is a number to a spreadsheet, which keeps only its first digits.
_AS_NUMBER = re.compile(r"\d(?:[.,]\d+)?E[+-]?\d+", re.IGNORECASE)
# What a row's kind of fault is about, and what is wrong.
Fault = tuple[str, str]


@dataclass(slots=True, eq=False)
class VerdictRow:
    """One verdict as a file has it. `judgement`, `undoes`: judgements by uid, in files of ours.

    `question`: the number of its question, as the row names it. `text`: the text of Label Studio's task.
    On a repair: what it `repairs`, by uid, the `repair` itself, and who made it.
    """

    file: str
    unit: str
    number: int
    original: object
    person: str = ""
    kind: str | None = None
    uid: str = ""
    decision: Act = Act.SKIP
    reason: str | None = None
    note: str | None = None
    value: str | None = None
    marks: tuple[tuple[int, int], ...] = ()
    role: str = ANNOTATOR
    at: datetime | None = None
    seconds: float | None = None
    is_blind: bool = False
    queue: str | None = None
    committee: str | None = None
    question: str | None = None
    text: str | None = None
    judgement: str | None = None
    undoes: str | None = None
    counts: bool = True
    repairs: str | None = None
    repair: str | None = None
    repaired_by: str = ""
    faults: list[Fault] = field(default_factory=list)

    @property
    def place(self) -> str:
        """Return where the row stands, in words: "row 12"."""
        return f"{self.unit} {self.number}"

    def as_bad(self) -> BadRow:
        """Return the row with what is wrong with it."""
        return BadRow(self.file, self.unit, self.number, tuple(self.faults), self.original)


@dataclass(frozen=True, slots=True)
class VerdictFile:
    """What a file holds. `format`: "judgements" or "label-studio"; `open_tasks`: those that nobody has finished.

    `ignored`: the columns that are left alone.
    """

    name: str
    sha256: str
    format: str
    rows: tuple[VerdictRow, ...]
    unreadable: tuple[BadRow, ...] = ()
    open_tasks: int = 0
    ignored: tuple[str, ...] = ()


def read(file: QuestionFile, people: Mapping[str, str] | None = None) -> VerdictFile:
    """Read a file of verdicts. `people`: people's names here, by their names in the file.

    Raises: BadInput where it is no such file. What is wrong with a row stands in its `faults`.
    """
    if len(file.content) > MOST_BYTES:
        raise BadInput(too_large(file.name))
    table = tables.read(file)
    if len(table.records) + len(table.bad) > MOST_ROWS:
        raise BadInput(f"{file.name} holds more than {MOST_ROWS:,} rows of verdicts; split it, and bring in each part")
    names = {_known_name(name): person_name(to) for name, to in (people or {}).items()}
    format_, open_tasks, unit = "judgements", 0, table.unit
    ignored: tuple[str, ...] = ()
    if label_studio.is_export(table):
        format_, unit = label_studio.FORMAT, "task"
        entries, open_tasks = label_studio.read_annotations(table)
    elif label_studio.is_short_export(table):
        format_, entries = label_studio.FORMAT, label_studio.read_short(table)
    else:
        entries, ignored = _rows(table)
    values = [_Fields(fields, table.has_cells) for _, _, fields in entries]
    # All times together tell whether a day or a month comes first.
    times = moments.read_moments([fields.text("at") for fields in values])
    rows = tuple(
        _read_row(VerdictRow(table.name, unit, number, original), fields, at, names)
        for (number, original, _), fields, at in zip(entries, values, times, strict=True)
    )
    _check_people(table.name, people or {}, values)
    sha256 = hashlib.sha256(file.content).hexdigest()
    return VerdictFile(table.name, sha256, format_, rows, tuple(unreadable_rows(table)), open_tasks, ignored)


def _check_people(file: str, people: Mapping[str, str], values: Iterable["_Fields"]) -> None:
    """See that everybody who is renamed is in the file. Raises: BadInput, naming who isn't."""
    file_names = {name for fields in values for name in (fields.text("person"), fields.text("teacher")) if name}
    keys = {_known_name(name.removesuffix(" (person)")) for name in file_names}
    if strangers := [name for name in people if _known_name(name) not in keys]:
        names = ", ".join(short(name, 30) for name in sorted(file_names)[:8])
        raise BadInput(f"{file} has no verdict of {short(strangers[0])}; its people are {names}")


def too_large(name: str) -> str:
    """Return what is said of a file that is too large."""
    return f"{name} holds more than {MOST_BYTES // 2**20} MB, and a verdict is a short row: is it another file?"


def _rows(table: FileTable) -> tuple[list[tuple[int, object, dict[str, Any]]], tuple[str, ...]]:
    """Return the rows with their fields under our names, and the columns that are left alone.

    Raises: BadInput where a needed field is in no row, BadRows where there is no row.
    """
    refuse_without_rows(table)
    headings = dict.fromkeys(name for record in table.records for name in record.fields)
    names = {heading: _find_field(heading) for heading in headings}
    if table.is_text or (absent := [name for name in NEEDED if name not in names.values()]):
        listing = ", ".join(short(name, 30) for name in [*headings][:8])
        fields = "" if table.is_text else f": {', '.join(absent)} isn't among {listing}"
        row = '{"person": "ann", "kind": "rationale", "uid": "…", "decision": "reject"}'
        raise BadInput(f"{table.name} holds no verdicts; a row is {row}{fields}")
    ignored = tuple(heading for heading, name in names.items() if name is None and heading not in FOR_PEOPLE)
    return [(record.number, record.fields, _by_field(record.fields, names)) for record in table.records], ignored


def _find_field(heading: str) -> str | None:
    """Return our name for a heading, however it is written; None where it is left alone."""
    return FIELD_OF_WORD.get("_".join(heading.casefold().split()))


def _by_field(fields: Mapping[str, Any], names: Mapping[str, str | None]) -> dict[str, Any]:
    """Return a row's fields under our names. Two columns of one name have to say the same."""
    values: dict[str, Any] = {"faults": []}
    sources: dict[str, str] = {}
    for heading, value in fields.items():
        name = names[heading]
        if name is None or is_blank(value):
            continue
        if name in values and values[name] != value:
            both = f"{short(sources[name])} has {short(values[name])}, {short(heading)} has {short(value)}"
            values["faults"].append((name, f"{both}: which of them? take one out"))
            continue
        values[name], sources[name] = value, heading
    return values


class _Fields:
    """A row's values under our names. `is_cell`: they are a spreadsheet's."""

    def __init__(self, values: Mapping[str, Any], is_cell: bool) -> None:
        self.values, self.is_cell = values, is_cell

    def get(self, name: str) -> Any:
        """Return a value as it stands, without a cell's apostrophe; None where there is nothing."""
        value = self.values.get(name)
        if isinstance(value, str) and self.is_cell:
            value = read_cell(value)
        return None if is_blank(value) else value

    def text(self, name: str) -> str | None:
        """Return a text; a number as it is written."""
        value = self.get(name)
        return (value if name == "note" else value.strip()) if isinstance(value, str) else as_text(value)


def _known_name(name: str) -> str:
    return " ".join(name.split()).casefold()


def _read_row(row: VerdictRow, fields: _Fields, at: datetime | str | None, people: Mapping[str, str]) -> VerdictRow:
    """Fill the row from the fields; note what can't be read."""
    reader = _RowReader(row, fields)
    # What Label Studio's annotation lacks.
    row.faults += fields.values.get("faults", ())
    # A task's text can be edited there, so it is compared with the project's.
    row.text = fields.values.get("task_text")
    row.person = reader.person(people)
    row.kind = reader.word("kind", KINDS)
    row.uid = reader.uid("uid", is_needed=True) or ""
    # A skip decides nothing: it stands in where the word is wrong, and the row is refused for that word.
    row.decision = Act(reader.word("decision", [act.value for act in Act], is_needed=True) or Act.SKIP)
    row.reason, row.queue = reader.short_text("reason"), reader.short_text("queue")
    row.note, row.value = reader.text("note", LONGEST_NOTE), reader.text("value", LONGEST_NOTE)
    row.marks = reader.marks()
    row.role = reader.word("role", (ANNOTATOR, ADJUDICATOR)) or ANNOTATOR
    row.seconds = reader.seconds()
    row.is_blind, row.counts = reader.truth("blind", usual=False), reader.truth("counts", usual=True)
    row.committee = reader.word("committee", ("accepted", "rejected", "undecided"))
    row.question = fields.text("question")
    row.judgement, row.undoes = reader.uid("judgement"), reader.uid("undoes")
    if (repaired := reader.uid("repairs")) is not None:
        row.repairs, row.repair = repaired, reader.text("text", LONGEST_REPAIR)
        # Beside a teacher of the same name the person is "ann (person)".
        author = (fields.text("teacher") or row.person).removesuffix(" (person)")
        row.repaired_by = people.get(_known_name(author)) or author
    if isinstance(at, str):
        reader.fail("at", at)
    else:
        row.at = at
    return row


class _RowReader:
    """Reads one row's fields, and notes in it what can't be read."""

    def __init__(self, row: VerdictRow, fields: _Fields) -> None:
        self.row, self.fields = row, fields

    def fail(self, name: str, reason: str) -> None:
        """Note what is wrong with a field."""
        self.row.faults.append((name, reason))

    def text(self, name: str, most: int) -> str | None:
        """Return a text that can be stored."""
        text = self.fields.text(name)
        if text is None:
            if (value := self.fields.get(name)) is not None:
                self.fail(name, f"{short(value)} is no text")
            return None
        if len(text) > most:
            self.fail(name, f"{short(text)} has {len(text):,} characters; at most {most:,} are kept")
        elif bad := find_unstorable(text):
            self.fail(name, f"{bad} can't be stored in a text; take it out")
        return text

    def short_text(self, name: str) -> str | None:
        """Return a code or a name."""
        return self.text(name, LONGEST_WORD)

    def word(self, name: str, words: Sequence[str], *, is_needed: bool = False) -> str | None:
        """Return one of the words, however it is written."""
        text = self.fields.text(name)
        value = self.fields.get(name)
        if value is None:
            if is_needed:
                self.fail(name, f"missing; it is one of {', '.join(words)}")
            return None
        if text is None or text.casefold() not in words:
            self.fail(name, f"unknown: {short(value)}; it is one of {', '.join(words)}")
            return None
        return text.casefold()

    def person(self, people: Mapping[str, str]) -> str:
        """Return who judged, as the name is kept."""
        text, value = self.fields.text("person"), self.fields.get("person")
        if text is None:
            fault = "missing; a verdict has somebody who gave it" if value is None else f"{short(value)} is no name"
            self.fail("person", fault)
            return ""
        try:
            return people.get(_known_name(text)) or person_name(self.fields.values.get("person_here", text))
        except BadInput as error:
            self.fail("person", f"unknown: {error}")
            return ""

    def uid(self, name: str, *, is_needed: bool = False) -> str | None:
        """Return the uid of a text, an answer, a question or a judgement."""
        text = self.fields.text(name)
        if text is None:
            if (value := self.fields.get(name)) is not None:
                self.fail(name, f"{short(value)} is no uid")
            elif is_needed:
                self.fail(name, "missing; it names the text, as `mapd curate show --items` and exports do")
            return None
        # A judgement's uid becomes that of a new row, so its form is checked; other uids are only looked up.
        if name in ("judgement", "undoes") and not _UID.fullmatch(text.lower()):
            self.fail(name, f"{short(text)} is no judgement's uid; leave the column out where the file isn't our own")
        if _AS_NUMBER.fullmatch(text):
            self.fail(name, f"{text[:40]} was a uid until a spreadsheet made a number of it; give the column as text")
        return text.lower()

    def truth(self, name: str, *, usual: bool) -> bool:
        """Return whether a yes stands there."""
        value = self.fields.get(name)
        if value is None or isinstance(value, bool):
            return usual if value is None else value
        text = (self.fields.text(name) or "").casefold()
        if text not in TRUTHS:
            self.fail(name, f"{short(value)} is neither yes nor no")
        return TRUTHS.get(text, usual)

    def seconds(self) -> float | None:
        """Return how long it took."""
        value = self.fields.get("seconds")
        try:
            # Spreadsheets of many languages write 4,2.
            seconds = None if value is None else float((self.fields.text("seconds") or "").replace(",", "."))
        except ValueError:
            seconds = math.nan
        if seconds is not None and not 0 <= seconds < math.inf:
            self.fail("seconds", f"{short(value)} is no number of seconds")
            return None
        return seconds

    def marks(self) -> tuple[tuple[int, int], ...]:
        """Return the false steps: pairs of places in the text."""
        value = self.fields.get("marks")
        try:
            value = json.loads(value) if isinstance(value, str) else value
            pairs = [(start, end) for start, end in value or ()]
            # isinstance would take true and false for numbers.
            if all(type(place) is int for pair in pairs for place in pair):
                return tuple(pairs)
        except (ValueError, TypeError, RecursionError):
            pass
        self.fail("marks", f"{short(value)} are no places in the text; write them as [[12, 27]]")
        return ()
