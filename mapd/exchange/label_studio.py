"""Label Studio: texts as tasks that people annotate there, the labelling configuration, and what they did. Pure.

    {"data": {"uid": "c1…", "kind": "rationale", "question": "Ann has …", "response": "…", "gold": "145", "text": "…"}}

is a task as it goes out, and this is one of its export ("JSON"), with an annotation by each who worked on it:

    {"id": 7, "data": {"uid": "c1…", …}, "annotations": [{"completed_by": {"id": 2, "email": "ann@x.org"},
     "created_at": "2026-01-01T10:00:00.0Z", "lead_time": 12.4, "was_cancelled": false, "result": [
       {"from_name": "decision", "to_name": "text", "type": "choices", "value": {"choices": ["reject"]}},
       {"from_name": "reason", …, "value": {"choices": ["false step"]}},
       {"from_name": "step", …, "type": "labels", "value": {"start": 3, "end": 9, "text": "1 = 2", "labels": […]}},
       {"from_name": "note", …, "type": "textarea", "value": {"text": ["It adds twice."]}}]}]}

What the committee said is in a task only where that was asked for: who judges is not to know it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

from mapd.domain import Act
from mapd.errors import BadInput
from mapd.questions.file_table import FileRecord, FileTable
from mapd.questions.values import as_text, is_blank, short

FORMAT = "label-studio"
# The names of the controls, as the configuration gives them and results name them.
DECISION, REASON, NOTE, STEP, TEXT = "decision", "reason", "note", "step", "text"
# What a task shows, with its title.
SHOWN = {"question": "Question", "response": "The student's answer", "gold": "Gold answer"}
HEADINGS = {"rationale": "A teacher's rationale", "feedback": "A teacher's feedback to the student"}
COMMITTEE = {"teacher": "By", "committee": "The committee said", "scores": "Scores"}
# The queue under which a judgement from there is kept.
QUEUE = "label studio"
# The uid of an annotation that can't be read: its own fault is enough.
UNKNOWN = "?"
# What tells a row of the short JSON, or of the CSV.
ANNOTATION = {"annotator", "annotation_id"}
# A row: its task's number, the task, and its values under our names.
Entry = tuple[int, object, dict[str, Any]]


# --- Out --------------------------------------------------------------------------------------------------------------


def make_task(row: Mapping[str, Any], exam: str, *, with_committee: bool) -> dict[str, Any]:
    """Return a text as a task. `row`: as browse_rows.py has it."""
    options = [f"{letter}. {text}" for letter, text in zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", row["options"], strict=False)]
    question = "\n\n".join(filter(None, (row["context"], row["question"], "\n".join(options))))
    data = {"uid": row["uid"], "kind": row["kind"], "exam": exam, "number": row["number"], "question": question}
    data |= {"response": row["response"], "gold": row["gold"], "heading": HEADINGS[row["kind"]], TEXT: row["text"]}
    if with_committee:
        scores = ", ".join(f"{vote['reviewer']} {vote['score'] or 'no vote'}" for vote in row["scores"])
        data |= {"teacher": row["teacher"], "committee": row["committee"], "scores": scores or "none"}
    return {"data": data}


def make_config(reasons: Sequence[str], *, with_committee: bool) -> str:
    """Return the labelling configuration of the tasks: an XML that is pasted into the project's settings."""
    blocks = {**SHOWN, **(COMMITTEE if with_committee else {})}
    lines = [line for name, title in blocks.items() for line in _draw_text(name, title)]
    choices = "".join(f"\n    <Choice value={quoteattr(reason)}/>" for reason in reasons)
    return "\n".join(
        [
            "<View>",
            *lines,
            # One configuration serves rationales and feedback, so the title of the text comes with the task.
            '  <Header value="$heading"/>',
            f'  <Labels name="{STEP}" toName="{TEXT}"><Label value="false step" background="#c0392b"/></Labels>',
            f'  <Text name="{TEXT}" value="${TEXT}" valueType="text"/>',
            f'  <Choices name="{DECISION}" toName="{TEXT}" choice="single-radio" required="true" showInline="true">',
            f'    <Choice value="{Act.ACCEPT}"/>',
            f'    <Choice value="{Act.REJECT}"/>',
            "  </Choices>",
            # A reason belongs to a rejection, here as on our own page.
            f'  <Choices name="{REASON}" toName="{TEXT}" choice="single-radio" showInline="true"'
            f' visibleWhen="choice-selected" whenTagName="{DECISION}" whenChoiceValue="{Act.REJECT}">{choices}',
            "  </Choices>",
            f'  <TextArea name="{NOTE}" toName="{TEXT}" rows="2" maxSubmissions="1" placeholder="A note"/>',
            "</View>",
            "",
        ]
    )


def _draw_text(name: str, title: str) -> tuple[str, str]:
    # valueType "text" shows the words; with "url" Label Studio would fetch what they name.
    return f"  <Header value={quoteattr(title)}/>", f'  <Text name="{name}" value="${name}" valueType="text"/>'


# --- Back -------------------------------------------------------------------------------------------------------------


def is_export(table: FileTable) -> bool:
    """Return whether the rows are tasks of Label Studio's."""
    # One task is enough: a damaged one beside it is a bad row, and the file is still an export.
    return any(
        isinstance(data := record.fields.get("data"), dict) and ("annotations" in record.fields or "uid" in data)
        for record in table.records
    )


def is_short_export(table: FileTable) -> bool:
    """Return whether the rows are Label Studio's short JSON, or its CSV: an annotation a row, its task's data in it."""
    return any(record.fields.keys() >= ANNOTATION for record in table.records)


def read_short(table: FileTable) -> list[Entry]:
    """Return each row of a short export as a row of verdicts."""
    rows = ((record, _as_annotation(record.fields)) for record in table.records)
    return [(record.number, record.fields, _read_annotation(made, record.fields)) for record, made in rows]


def _as_annotation(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of a short export as an annotation of the long one; its task's data are the row's own fields."""
    person, steps = fields.get("annotator"), fields.get(STEP)
    try:
        steps = json.loads(steps) if isinstance(steps, str) else steps
    except (ValueError, RecursionError):
        # As it stands it marks nothing, and is named as a fault.
        steps = [steps]
    values: list[tuple[str, Any]] = [(STEP, step) for step in _as_list(steps)]
    values += [(name, {"choices": [fields[name]]}) for name in (DECISION, REASON) if not is_blank(fields.get(name))]
    values += [(NOTE, {"text": note}) for note in _as_list(fields.get(NOTE))]
    return {
        # A CSV has numbers as texts.
        "completed_by": int(person) if isinstance(person, str) and person.isdecimal() else person,
        "created_at": fields.get("created_at"),
        "lead_time": fields.get("lead_time"),
        "result": [{"from_name": name, "value": value} for name, value in values],
    }


def read_annotations(table: FileTable) -> tuple[list[Entry], int]:
    """Return each annotation as a row of verdicts, and how many tasks have none yet.

    Raises: BadInput where all have none.
    """
    entries = [entry for record in table.records for entry in _read_task(record)]
    if not entries:
        raise BadInput(
            f"{table.name} holds {len(table.records):,} tasks of Label Studio, and none of them is done: export the "
            "project as JSON once somebody has submitted some"
        )
    return entries, sum(not record.fields.get("annotations") for record in table.records)


def _read_task(record: FileRecord) -> Iterator[Entry]:
    task = record.fields
    # A task that nobody opened may have none.
    data, annotations = task.get("data"), task.get("annotations", [])
    if not isinstance(data, dict) or not isinstance(annotations, list):
        faults = [("annotations", f"{short(annotations)} is no list; export the project as JSON")]
        yield record.number, task, {"faults": faults, "person": "?", "uid": UNKNOWN, "decision": Act.SKIP}
        return
    for annotation in annotations:
        if isinstance(annotation, dict):
            yield record.number, annotation, _read_annotation(annotation, data)
        else:
            faults = [("annotations", f"{short(annotation)} is no annotation")]
            yield record.number, task, {"faults": faults, "person": "?", "uid": UNKNOWN, "decision": Act.SKIP}


def _read_annotation(annotation: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """Return an annotation's values under our names; `faults`: what it lacks."""
    faults: list[tuple[str, str]] = []
    text = data.get(TEXT)
    fields = {"uid": data.get("uid"), "kind": data.get("kind"), "at": annotation.get("created_at"), "queue": QUEUE}
    fields |= {"seconds": annotation.get("lead_time"), "committee": data.get("committee"), "faults": faults}
    # A task without the committee's verdict was judged without knowing it.
    fields |= {"blind": data.get("committee") is None, "task_text": text if isinstance(text, str) else None}
    fields |= _read_person(annotation.get("completed_by"))
    fields |= _read_result(annotation.get("result"), fields["task_text"] or "", faults)
    if annotation.get("was_cancelled") is True:
        # What was chosen before it was skipped doesn't count.
        fields |= {"decision": Act.SKIP, "reason": None, "marks": None}
    elif fields.get("decision") is None and not faults:
        faults.append(("decision", "nothing was chosen; have it finished or skipped there"))
        fields["decision"] = Act.SKIP
    return fields


def _read_person(person: Any) -> dict[str, Any]:
    """Return who annotated: by e-mail where the export tells it, else by the number that Label Studio gave them."""
    if isinstance(person, dict):
        person = next((person[key] for key in ("email", "username", "id") if person.get(key)), None)
    # A bare number would look like a name here; --person can still say who it is.
    if isinstance(person, int) and not isinstance(person, bool):
        return {"person": str(person), "person_here": f"label studio user {person}"}
    return {"person": person}


def _read_result(result: Any, text: str, faults: list[tuple[str, str]]) -> dict[str, Any]:
    if not isinstance(result, list) or not all(isinstance(part, dict) for part in result):
        faults.append(("result", f"{short(result)} is no list of what was chosen"))
        return {"decision": Act.SKIP}
    choices = {name: _read_choice(result, name, faults) for name in (DECISION, REASON)}
    notes = [line for part in _parts(result, NOTE, faults) for line in _as_list(part.get("text"))]
    if odd := next((line for line in notes if as_text(line) is None), None):
        faults.append((NOTE, f"{short(odd)} is no text"))
    marks = [_read_mark(part, text, faults) for part in _parts(result, STEP, faults)]
    return {
        "decision": choices[DECISION],
        "reason": choices[REASON],
        "note": "\n".join(filter(None, map(as_text, notes))) or None,
        "marks": [mark for mark in marks if mark is not None] or None,
    }


def _parts(result: Sequence[Mapping[str, Any]], name: str, faults: list[tuple[str, str]]) -> list[Mapping[str, Any]]:
    """Return what one control says. What has another shape is a fault: nothing of it is dropped."""
    values = [part.get("value") for part in result if part.get("from_name") == name]
    faults += [
        (name, f"{short(value)} is no value of Label Studio's") for value in values if not isinstance(value, dict)
    ]
    return [value for value in values if isinstance(value, dict)]


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _read_choice(result: Sequence[Mapping[str, Any]], name: str, faults: list[tuple[str, str]]) -> Any:
    choices = [choice for part in _parts(result, name, faults) for choice in _as_list(part.get("choices"))]
    if len(choices) > 1:
        faults.append((name, f"{short(choices)}: one is to be chosen"))
    return choices[0] if choices else None


def _read_mark(value: Mapping[str, Any], text: str, faults: list[tuple[str, str]]) -> list[int] | None:
    """Return from which character up to which a false step is marked."""
    start, end = value.get("start"), value.get("end")
    if type(start) is int and type(end) is int and 0 <= start < end:
        # A browser counts a sign beyond U+FFFF as two.
        units = text.encode("utf-16-le")
        in_units = [len(units[: 2 * place].decode("utf-16-le", "ignore")) for place in (start, end)]
        # A region's own words have the two signs \n where a line ends.
        words = str(value.get("text", "")).replace("\\n", "\n")
        # The export doesn't say which of the two it counts: the marked words do.
        for mark in (in_units, [start, end]):
            if text[mark[0] : mark[1]] == words:
                return mark
    faults.append((STEP, f"{short(value)} isn't in the task's text"))
    return None
