"""Read a file of labels: which texts are right. CSV, JSON Lines, JSON, or whatever else tables.py reads.

    {"uid": "c1…", "label": "wrong"}
    {"id": 71, "teacher": "gpt", "final_answer_correct": false}
    {"question": "There are 87 oranges …", "teacher": "gemini", "right": "yes"}
    {"id": 71, "teacher": "gpt", "kind": "feedback", "label": "right"}

A text is named by its uid, or by its question (its id in its file, its uid, or its text) and its author; that is a
rationale unless `kind` says that it is a feedback. Columns may stand in any order, and others are left alone. A row
without a label leaves it open; what can't be read is named. What a policy or people decided (`verdict`, `decision`) is
no label of a file: `--labels people` takes the latter.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from mapd.curation.labels import KINDS, RATIONALE, LabelFile, LabelRow
from mapd.errors import BadInput
from mapd.questions import tables
from mapd.questions.file_table import FileTable, QuestionFile
from mapd.questions.imports import BadRow, refuse_without_rows, unreadable_rows
from mapd.questions.values import as_text, is_blank, short, without_zeros

# Of an upload: a label is a short row.
MOST_BYTES = 128 * 2**20
# What a column may be called, the surest first: of labels the first that a file has counts.
UIDS = ("uid", "text_uid", "rationale", "feedback")
QUESTIONS = ("question_uid", "question", "question_id", "source_id", "id")
TEACHERS = ("teacher", "author")
KIND = "kind"
LABELS = ("label", "right", "is_right", "correct", "final_answer_correct")
WORDS = {
    **dict.fromkeys(("right", "yes", "true", "1", "correct", "accept", "accepted"), True),
    **dict.fromkeys(("wrong", "no", "false", "0", "incorrect", "reject", "rejected"), False),
}
_UID = re.compile(r"[0-9a-f]{32}")


def read(file: QuestionFile) -> LabelFile:
    """Read a file of labels. Raises: BadInput where it is none, BadRows where no row of it can be read."""
    table = tables.read(file)
    refuse_without_rows(table)
    headings = dict.fromkeys(heading for record in table.records for heading in record.fields)
    names = {heading: "_".join(str(heading).casefold().split()) for heading in headings}
    columns = {*names.values()}
    label_column = next((name for name in LABELS if name in columns), None)
    has_names = bool(columns & {*UIDS}) or bool(columns & {*QUESTIONS} and columns & {*TEACHERS})
    if table.is_text or label_column is None or not has_names:
        listing = ", ".join(short(heading, 30) for heading in [*headings][:8])
        row = '{"uid": "…", "label": "right"} or {"id": 71, "teacher": "gpt", "label": "wrong"}'
        raise BadInput(f"{table.name} holds no labels; a row is {row}{'' if table.is_text else f', not {listing}'}")
    rows, bad = [], unreadable_rows(table)
    for record in table.records:
        entry = _LabelReader(record.fields, names).read(table, record.number, label_column)
        if isinstance(entry, BadRow):
            bad.append(entry)
        else:
            rows.append(entry)
    return LabelFile(table.name, hashlib.sha256(file.content).hexdigest(), tuple(rows), tuple(bad))


class _LabelReader:
    """Reads one row, and notes what can't be read. `names`: by heading, the column's name as it is looked for."""

    def __init__(self, fields: Mapping[str, Any], names: Mapping[str, str]) -> None:
        self.fields = fields
        self.faults: list[tuple[str, str]] = []
        self.values: dict[str, Any] = {}
        for heading, value in fields.items():
            name = names[heading]
            if name not in {*UIDS, *QUESTIONS, *TEACHERS, *LABELS, KIND} or is_blank(value):
                continue
            # "Label" and "label" are one name.
            if self.values.setdefault(name, value) != value:
                both = f"{short(self.values[name])} and {short(value)}"
                self.faults.append((name, f"two columns of this name say {both}: take one out"))

    def read(self, table: FileTable, number: int, label_column: str) -> LabelRow | BadRow:
        """Return the row, or what is wrong with it."""
        is_right, uids = self._read_label(label_column), self._list_texts(UIDS)
        whole_uids = list(dict.fromkeys(uid.lower() for uid in uids if _UID.fullmatch(uid.lower())))
        uid = next(iter(whole_uids), "")
        if len(whole_uids) > 1:
            self.faults.append(("uid", f"it names two texts, {uid[:12]} and {whole_uids[1][:12]}: give each its row"))
        questions, teachers = self._list_texts(QUESTIONS), self._list_texts(TEACHERS)
        if not uid and not (questions and teachers):
            no_uid = f"{short(uids[0])} is no uid, of 32 letters a to f and digits; " if uids else ""
            self.faults.append(("uid", f"{no_uid}it names no text: by uid, or by question and teacher"))
        # A uid is of one kind, whatever stands beside it.
        kind = RATIONALE if uid else self._read_kind()
        if self.faults:
            return BadRow(table.name, table.unit, number, tuple(self.faults), dict(self.fields))
        return LabelRow(f"{table.unit} {number}", is_right, uid, tuple(questions), next(iter(teachers), ""), kind)

    def _read_label(self, column: str) -> bool | None:
        if (value := self.values.get(column)) is None:
            return None
        # A column of 1 and 0 with gaps comes out of pandas as 1.0 and 0.0.
        text = str(value) if isinstance(value, bool) else without_zeros(as_text(value) or "")
        is_right = WORDS.get(text.strip().casefold())
        if is_right is None:
            self.faults.append((column, f"{short(value)} is neither right nor wrong"))
        return is_right

    def _read_kind(self) -> str:
        kind = str(self.values.get(KIND, RATIONALE)).strip().casefold()
        if kind not in KINDS:
            cure = "rename the column, if it is of something else"
            self.faults.append((KIND, f"{short(self.values[KIND])} is neither rationale nor feedback: {cure}"))
        return kind

    def _list_texts(self, columns: Sequence[str]) -> list[str]:
        texts = (as_text(self.values.get(name)) for name in columns)
        return [text.strip() for text in texts if text]
