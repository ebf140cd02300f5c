"""Texts out as Label Studio's tasks, and what people did there back as their judgements."""

import csv
import io
import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import select

from mapd.domain import ExamInfo, RowFilter, RowKind
from mapd.errors import BadInput, BadRows, BadUsage
from mapd.exchange import labelling, verdict_files
from mapd.people import owner
from mapd.questions.file_table import QuestionFile
from mapd.review import reasons, verdict_matching, verdicts
from mapd.review.queue_index import derivation
from mapd.review.verdicts import VerdictImport
from mapd.store import db, queries
from mapd.store import tables as t
from tests import samples
from tests.conftest import import_files

WORDS = ["false step", "no work shown", "odd units"]
AT = "2026-01-01T10:00:00.500000Z"


@pytest.fixture
def exam(engine: sa.Engine, tmp_path: Path) -> ExamInfo:
    with db.writing(engine) as session:
        info = queries.exam(session, import_files(session, *samples.files(tmp_path)).exam)
        reasons.add(session, 'Odd "units"'.replace('"', ""), by=owner("ann"))
    derivation.catch_up(engine, info.id)
    return info


def export(
    engine: sa.Engine, exam: ExamInfo, path: Path, row_filter: RowFilter | None = None, **options: Any
) -> list[Any]:
    labelling.export(engine, exam.uid, row_filter, path, threshold=300, reasons=WORDS, by=owner("ann"), **options)
    tasks: list[Any] = json.loads(path.read_text(encoding="utf-8"))
    return tasks


def choice(name: str, *choices: str) -> dict[str, Any]:
    return {"id": "x", "from_name": name, "to_name": "text", "type": "choices", "value": {"choices": list(choices)}}


def annotated(task: Mapping[str, Any], *annotations: Mapping[str, Any], number: int = 7) -> dict[str, Any]:
    """The task as Label Studio's export ("JSON") has it, with what documentation and converter show."""
    made = [
        {"id": number * 10 + place, "was_cancelled": False, "ground_truth": False, "created_at": AT, "updated_at": AT}
        | {"lead_time": 12.4, "result_count": 0, "task": number, "parent_prediction": None, "result": []}
        | dict(annotation)
        for place, annotation in enumerate(annotations)
    ]
    frame = {"id": number, "file_upload": "x-tasks.json", "drafts": [], "predictions": [], "meta": {}, "project": 1}
    return frame | {"data": task["data"], "annotations": made, "created_at": AT, "updated_at": AT, "inner_id": 1}


def bring(engine: sa.Engine, tasks: Any, **options: Any) -> VerdictImport:
    content = json.dumps(tasks).encode()
    file = verdict_files.read(QuestionFile("project-1.json", content), options.pop("people", None))
    with db.writing(engine) as session:
        return verdicts.store(session, verdict_matching.match(session, file, **options), by=owner("lead"))


def stored(engine: sa.Engine) -> list[t.Judgement]:
    with db.reading(engine) as session:
        rows = session.exec(select(t.Judgement).order_by(t.Judgement.id)).all()  # type: ignore[arg-type]
        session.expunge_all()
        return list(rows)


def test_each_text_is_a_task_that_does_not_tell_the_committees_word(
    engine: sa.Engine, exam: ExamInfo, tmp_path: Path
) -> None:
    tasks = export(engine, exam, tmp_path / "tasks.json")
    kinds = [task["data"]["kind"] for task in tasks]
    assert (kinds.count("rationale"), kinds.count("feedback")) == (36, 36)
    first = tasks[0]["data"]
    assert set(first) == {"uid", "kind", "exam", "number", "question", "response", "gold", "heading", "text"}
    assert first["question"].startswith("Ann has 10 pens")
    shown = export(engine, exam, tmp_path / "all.json", RowFilter(verdict="accepted"), with_committee=True)
    assert {task["data"]["committee"] for task in shown} == {"accepted"}
    assert {"teacher", "scores"} <= set(shown[0]["data"])
    with db.reading(engine) as session:
        audits = session.exec(select(t.Audit).where(t.Audit.action == "export")).all()
    assert [(audit.detail["format"], audit.detail["file"], audit.detail["rows"]) for audit in audits] == [
        ("label-studio", "tasks.json", 72),
        ("label-studio", "all.json", len(shown)),
    ]


def test_the_configuration_shows_the_task_and_asks_for_all(engine: sa.Engine, exam: ExamInfo, tmp_path: Path) -> None:
    task = export(engine, exam, tmp_path / "tasks.json")[0]
    view = ET.fromstring((tmp_path / "tasks.xml").read_text(encoding="utf-8"))
    values = [node.get("value") for node in view.iter("Text")]
    assert values == ["$question", "$response", "$gold", "$text"]
    assert {value[1:] for value in values if value} <= set(task["data"])
    choices = {node.get("name"): [leaf.get("value") for leaf in node] for node in view.iter("Choices")}
    assert choices["decision"] == ["accept", "reject"]
    assert {"false step", "no work shown", "odd units"} <= set(choices["reason"])
    names = [node.get("name") for node in view.iter() if node.get("name")]
    assert len(names) == len(set(names))
    assert all(node.get("toName") == "text" for node in view.iter() if node.tag in ("Choices", "Labels", "TextArea"))


def test_what_people_did_there_comes_back_as_theirs(engine: sa.Engine, exam: ExamInfo, tmp_path: Path) -> None:
    one, two, three, four = export(engine, exam, tmp_path / "tasks.json")[:4]
    text = one["data"]["text"]
    step = {"start": 0, "end": 9, "text": text[:9], "labels": ["false step"]}
    rejected = [
        choice("decision", "reject"),
        choice("reason", "false step"),
        {"from_name": "step", "to_name": "text", "type": "labels", "value": step},
        {"from_name": "note", "to_name": "text", "type": "textarea", "value": {"text": ["It adds", "twice."]}},
        {"from_name": "somebody's own", "type": "rating", "value": {"rating": 3}},
    ]
    ann = {"id": 2, "email": "Ann@x.org", "first_name": "", "last_name": ""}
    tasks = [
        annotated(
            one,
            {"completed_by": ann, "result": rejected},
            {"completed_by": 5, "result": [choice("decision", "accept")]},
        ),
        annotated(two, {"completed_by": 6, "result": [choice("decision", "reject"), choice("reason", "odd units")]}),
        annotated(three, {"completed_by": ann, "was_cancelled": True, "result": [choice("decision", "accept")]}),
        annotated(four),
    ]
    outcome = bring(engine, tasks, people={"6": "bob"}, exam=exam.uid)
    assert outcome.people == {"ann@x.org": 2, "label studio user 5": 1, "bob": 1}
    rows = stored(engine)
    of_ann = next(row for row in rows if row.person == "ann@x.org" and row.decision == "reject")
    assert (of_ann.reason, of_ann.note, of_ann.marks) == ("false_step", "It adds\ntwice.", [[0, 9]])
    assert (of_ann.seconds, of_ann.queue, of_ann.revealed, of_ann.committee) == (12.4, "label studio", False, None)
    assert of_ann.created_at == datetime(2026, 1, 1, 10, 0, 0, 500000, tzinfo=UTC)
    assert {row.person: row.reason for row in rows}["bob"] == "odd_units"
    assert [row.decision for row in rows if row.person == "ann@x.org"] == ["reject", "skip"]
    assert bring(engine, tasks, people={"6": "bob"}).new == 0


def test_a_mark_is_counted_in_characters_not_in_a_browsers_units(
    engine: sa.Engine, exam: ExamInfo, tmp_path: Path
) -> None:
    text = "🍌🍌 and 1 + 1 = 3\nso"
    with db.writing(engine) as session:
        session.execute(sa.update(t.Explanation).where(t.Explanation.id == 1).values(text=text))  # type: ignore[arg-type]
    task = next(x for x in export(engine, exam, tmp_path / "tasks.json") if x["data"]["text"] == text)
    start = len("🍌🍌 and ".encode("utf-16-le")) // 2
    step = {"start": start, "end": start + 12, "text": "1 + 1 = 3\\nso", "labels": ["false step"]}
    result = [choice("decision", "reject"), {"from_name": "step", "type": "labels", "value": step}]
    bring(engine, [annotated(task, {"completed_by": 1, "result": result})])
    (row,) = stored(engine)
    assert [text[slice(*mark)] for mark in row.marks] == ["1 + 1 = 3\nso"]


def test_the_short_export_is_a_table_that_is_read_too(engine: sa.Engine, exam: ExamInfo, tmp_path: Path) -> None:
    data = export(engine, exam, tmp_path / "tasks.json")[0]["data"]
    row = data | {"id": 7, "annotator": "ann@x.org", "annotation_id": 1, "created_at": AT, "lead_time": 3.5}
    content = json.dumps([row | {"decision": "reject", "reason": "false step", "note": "no"}]).encode()
    file = verdict_files.read(QuestionFile("min.json", content))
    with db.reading(engine) as session:
        plan = verdict_matching.match(session, file)
    assert plan.bad == []
    assert [(v.row.person, v.row.reason, v.row.seconds) for v in plan.new] == [("ann@x.org", "false_step", 3.5)]


@pytest.mark.parametrize("as_csv", [False, True])
def test_the_short_exports_bring_what_the_long_one_does(
    engine: sa.Engine, exam: ExamInfo, tmp_path: Path, as_csv: bool
) -> None:
    task = export(engine, exam, tmp_path / "tasks.json")[0]
    start, end = 0, len(word := task["data"]["text"].split()[0])
    step = {"start": start, "end": end, "text": word, "labels": ["false step"]}
    parts = [{"from_name": "step", "value": step}, {"from_name": "note", "value": {"text": ["no"]}}]
    result = [choice("decision", "reject"), choice("reason", "false step"), *parts]
    long = json.dumps([annotated(task, {"completed_by": 3, "result": result})]).encode()
    row = task["data"] | {"id": 7, "annotator": 3, "annotation_id": 1, "created_at": AT, "lead_time": 12.4}
    row |= {"decision": "reject", "reason": "false step", "note": "no", "step": [step]}
    if as_csv:
        row |= {"step": json.dumps([step])}
        out = io.StringIO()
        csv.writer(out).writerows([[*row], [*row.values()]])
        short = QuestionFile("min.csv", out.getvalue().encode())
    else:
        short = QuestionFile("min.json", json.dumps([row]).encode())
    (one,), (other,) = (verdict_files.read(file).rows for file in (QuestionFile("project.json", long), short))
    names = (
        "person",
        "uid",
        "kind",
        "decision",
        "reason",
        "note",
        "marks",
        "seconds",
        "is_blind",
        "queue",
        "text",
        "at",
    )
    assert [getattr(other, name) for name in names] == [getattr(one, name) for name in names]
    assert one.person == "label studio user 3"
    assert not other.faults
    assert other.marks == ((start, end),)


def test_tasks_that_nobody_has_done_say_so(engine: sa.Engine, exam: ExamInfo, tmp_path: Path) -> None:
    tasks = export(engine, exam, tmp_path / "tasks.json")[:2]
    for undone in (tasks, [annotated(task) for task in tasks], [task | {"predictions": []} for task in tasks]):
        with pytest.raises(BadInput, match="holds 2 tasks of Label Studio, and none of them is done"):
            bring(engine, undone)


def test_a_damaged_annotation_has_one_fault(engine: sa.Engine, exam: ExamInfo, tmp_path: Path) -> None:
    task = export(engine, exam, tmp_path / "tasks.json")[0]
    with pytest.raises(BadRows, match="17 is no annotation") as refusal:
        bring(engine, [annotated(task) | {"annotations": [17]}], is_known=lambda _: True)
    assert "the project has no" not in str(refusal.value)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({"result": []}, "task 1 decision: nothing was chosen; have it finished or skipped there"),
    "two": ({"result": [choice("decision", "accept", "reject")]}, "one is to be chosen"),
    "odd": ({"result": [choice("decision", "perhaps")]}, "unknown: .perhaps."),
    "nobody": ({"completed_by": None, "result": [choice("decision", "accept")]}, "task 1 person: missing"),
    "no list": ({"result": "accept"}, "task 1 result: .accept. is no list"),
    "reason": ({"result": [choice("decision", "reject"), choice("reason", "too long")]}, "unknown: .too_long."),
    "a time": ({"created_at": "then", "result": [choice("decision", "accept")]}, "task 1 at: .then. is no time"),
    "odd note": (
        {"result": [choice("decision", "accept"), {"from_name": "note", "value": "no"}]},
        "task 1 note: .no. is no value of Label Studio's",
    ),
    "odd note's text": (
        {"result": [choice("decision", "accept"), {"from_name": "note", "value": {"text": [{"a": 1}]}}]},
        "task 1 note: .* is no text",
    ),
    "no mark": (
        {"result": [choice("decision", "reject"), {"from_name": "step", "value": None}]},
        "task 1 step: null is no value of Label Studio's",
    ),
    "mark": (
        {"result": [choice("decision", "reject"), {"from_name": "step", "value": {"start": 0, "end": 3, "text": "?"}}]},
        "step: .* isn't in the task's text",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_can_not_come_back_is_named_by_its_task(
    engine: sa.Engine, exam: ExamInfo, tmp_path: Path, name: str
) -> None:
    annotation, line = WRONG[name]
    task = export(engine, exam, tmp_path / "tasks.json")[0]
    with pytest.raises(BadRows, match=line):
        bring(engine, [annotated(task, {"completed_by": 1} | annotation)])
    assert stored(engine) == []


def test_a_task_of_another_project_or_with_another_text_is_named(
    engine: sa.Engine, exam: ExamInfo, tmp_path: Path
) -> None:
    task = export(engine, exam, tmp_path / "tasks.json")[0]
    done = {"completed_by": 1, "result": [choice("decision", "accept")]}
    with pytest.raises(BadRows, match="task 1 text: another one than the project's rationale"):
        bring(engine, [annotated({"data": task["data"] | {"text": "mine"}}, done)])
    with pytest.raises(BadRows, match="task 1 uid: missing"):
        bring(engine, [annotated({"data": {"image": "x.png"}}, done)])
    with pytest.raises(BadRows, match=r"task 1 annotations: .* is no list"):
        bring(engine, [annotated(task, done) | {"annotations": {"a": 1}}])
    assert stored(engine) == []


def test_words_that_can_not_be_used(engine: sa.Engine, exam: ExamInfo, tmp_path: Path) -> None:
    with pytest.raises(BadUsage, match=r"Label Studio's tasks are a .json file, not tasks.csv"):
        export(engine, exam, tmp_path / "tasks.csv")
    with pytest.raises(BadUsage, match="a task is one text: the filter shows rationales or feedback, not mistakes"):
        export(engine, exam, tmp_path / "tasks.json", RowFilter(RowKind.MISTAKES))
    (tmp_path / "tasks.xml").write_text("mine")
    with pytest.raises(BadInput, match=r"tasks.xml already"):
        export(engine, exam, tmp_path / "tasks.json")
    assert not (tmp_path / "tasks.json").exists()
