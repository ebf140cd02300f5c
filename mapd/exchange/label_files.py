"""Read a file of labels: which rationales are right. CSV, JSON Lines, JSON, or whatever else tables.py reads.

    {"uid": "c1…", "label": "wrong"}
    {"id": 71, "teacher": "gpt", "final_answer_correct": false}
    {"question": "There are 87 oranges …", "teacher": "gemini", "right": "yes"}

A rationale is named by its uid, or by its question (its id in its file, its uid, or its text) and its author. Columns
may stand in any order, and others are left alone. A row without a label leaves it open; what can't be read is named.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from mapd.curation.labels import LabelFile, LabelRow
from mapd.errors import BadInput
from mapd.questions import tables
from mapd.questions.file_table import FileTable, QuestionFile
from mapd.questions.imports import BadRow, refuse_without_rows, unreadable_rows
from mapd.questions.values import as_text, is_blank, short

# What a column may be called.
UIDS = ("uid", "rationale", "text_uid")
QUESTIONS = ("id", "source_id", "question", "question_id", "question_uid")
TEACHERS = ("teacher", "author")
LABELS = ("label", "right", "is_right", "correct", "final_answer_correct", "verdict", "decision")
WORDS = {
    **dict.fromkeys(("right", "yes", "true", "1", "correct", "accept", "accepted"), True),
    **dict.fromkeys(("wrong", "no", "false", "0", "incorrect", "reject", "rejected"), False),
}


def read(file: QuestionFile) -> LabelFile:
    """Read a file of labels. Raises: BadInput where it is none, BadRows where no row of it can be read."""
    table = tables.read(file)
    refuse_without_rows(table)
    headings = {heading for record in table.records for heading in record.fields}
    names = {heading: "_".join(str(heading).casefold().split()) for heading in headings}
    has = {kind: kind_names & set(names.values()) for kind, kind_names in _kinds().items()}
    if table.is_text or not has["label"] or not (has["uid"] or (has["question"] and has["teacher"])):
        listing = ", ".join(short(name, 30) for name in sorted(map(str, headings))[:8])
        row = '{"uid": "…", "label": "right"} or {"id": 71, "teacher": "gpt", "label": "wrong"}'
        raise BadInput(f"{table.name} holds no labels; a row is {row}{'' if table.is_text else f', not {listing}'}")
    rows, bad = [], unreadable_rows(table)
    for record in table.records:
        entry = _read_row(table, record.number, {names[name]: value for name, value in record.fields.items()})
        if isinstance(entry, BadRow):
            bad.append(entry)
        else:
            rows.append(entry)
    return LabelFile(table.name, hashlib.sha256(file.content).hexdigest(), tuple(rows), tuple(bad))


def _kinds() -> Mapping[str, set[str]]:
    return {"uid": set(UIDS), "question": set(QUESTIONS), "teacher": set(TEACHERS), "label": set(LABELS)}


def _read_row(table: FileTable, number: int, fields: Mapping[str, Any]) -> LabelRow | BadRow:
    def find(names: tuple[str, ...]) -> Any:
        return next((fields[name] for name in names if not is_blank(fields.get(name))), None)

    faults = []
    label, uid, question, teacher = find(LABELS), find(UIDS), find(QUESTIONS), find(TEACHERS)
    word = ("yes" if label else "no") if isinstance(label, bool) else (as_text(label) or "").strip().casefold()
    if label is not None and word not in WORDS:
        faults.append(("label", f"{short(label)} is neither right nor wrong"))
    if uid is None and (question is None or teacher is None):
        faults.append(("uid", "it names no rationale: by uid, or by question and teacher"))
    if faults:
        return BadRow(table.name, table.unit, number, tuple(faults), dict(fields))
    words = [(as_text(value) or "").strip() for value in (uid, question, teacher)]
    return LabelRow(f"{table.unit} {number}", None if label is None else WORDS[word], *words)
