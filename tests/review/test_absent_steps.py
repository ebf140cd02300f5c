"""What a feedback criticises that isn't there: in the queue, in the filter, in the file, on the card."""

import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import Session, select

from mapd.checks import State
from mapd.curation import live_set
from mapd.domain import STEP_EXISTS, ExamInfo, Order, RowFilter, RowKind
from mapd.errors import BadInput
from mapd.exchange import browse_rows
from mapd.people import owner
from mapd.review import filters
from mapd.review.queue_index import derivation
from mapd.review.queues import QUEUES
from mapd.store import browse, db, queries
from mapd.store import tables as t
from tests import samples
from tests.api.client import Client, Server
from tests.conftest import Mapd, import_files
from tests.review.filled import fill

AT = 300
# By state: what the feedback of a teacher says; the answer is "Answer:\n\n10 - 3 = 7" and the like.
WORDS = {
    State.HOLDS: "The student subtracted. It is {gold}, not {wrong}.",
    State.FAILS: "The student multiplied {a} by 40 and got 4,000.",
    State.NOTHING: "The student forgot that more came in.",
}
TEACHERS = dict(zip(samples.TEACHERS, WORDS, strict=True))


def write_files(folder: Path) -> tuple[Path, Path]:
    """Four mistakes: gpt's feedback criticises a step that is there, gemini's one that isn't, mistral's none."""
    rows = [samples.row(number) for number in range(4)]
    for number, row in enumerate(rows):
        a, b = 10 + number, 3 + number % 5
        for teacher, state in TEACHERS.items():
            row[f"{teacher}_feedback"] = WORDS[state].format(a=a, gold=a + b, wrong=a - b)
    return samples.write(folder, rows)


@pytest.fixture
def aligned(engine: sa.Engine, tmp_path: Path) -> ExamInfo:
    with db.writing(engine) as session:
        exam = queries.exam(session, import_files(session, *write_files(tmp_path)).exam)
    derivation.catch_up(engine, exam.id)
    return exam


def authors(session: Session, texts: list[int | None]) -> list[str]:
    names = dict(session.exec(select(t.Explanation.id, t.Teacher.name).join(t.Teacher)).all())
    return sorted(names[text] for text in texts if text is not None)


def test_the_filter_and_the_queue_find_it(engine: sa.Engine, aligned: ExamInfo) -> None:
    with db.reading(engine) as session:
        for teacher, state in TEACHERS.items():
            wanted = RowFilter(RowKind.FEEDBACK, checks={STEP_EXISTS: state.value})
            rows = browse.list_rows(session, aligned.id, wanted, AT)
            assert authors(session, [row.explanation_id for row in rows]) == [teacher] * 4
        # A feedback shows no work, and a rationale criticises no step: then there is nothing to check.
        nothing = RowFilter(RowKind.FEEDBACK, checks={"shows_work": "nothing"})
        assert browse.count_rows(session, aligned.id, nothing, AT) == 12
        assert browse.count_rows(session, aligned.id, RowFilter(checks={STEP_EXISTS: "nothing"}), AT) == 12
        assert browse.count_rows(session, aligned.id, RowFilter(checks={STEP_EXISTS: "fails"}), AT) == 0
        filled = fill(live_set.load_curated(session, aligned.id), QUEUES["absent-step"], "ann")
        assert [x.text.teacher for entry in filled.entries for x in entry.texts] == ["gemini"] * 4


def test_the_file_has_both_checks(engine: sa.Engine, aligned: ExamInfo, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    browse_rows.export(engine, aligned.uid, RowFilter(RowKind.FEEDBACK), path, threshold=AT, by=owner("ann"))
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert {(row["teacher"], row["step_exists"], row["at_first_false"], row["shows_work"]) for row in rows} == {
        (teacher, state.value, "nothing", "nothing") for teacher, state in TEACHERS.items()
    }
    path = tmp_path / "rationales.jsonl"
    browse_rows.export(engine, aligned.uid, RowFilter(), path, threshold=AT, by=owner("ann"))
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert {(row["step_exists"], row["at_first_false"]) for row in rows} == {("nothing", "nothing")}
    assert {row["shows_work"] for row in rows} == {"holds", "fails"}


def test_the_filter_in_an_address_is_of_feedback_alone() -> None:
    selection = filters.read("show=feedback&step_exists=fails", {})
    assert selection.filter.checks == {STEP_EXISTS: "fails"}
    assert filters.write(selection.filter, Order.QUESTION, {}) == "show=feedback&step_exists=fails"
    with pytest.raises(BadInput, match="step_exists in the filter is of feedback alone: add show=feedback"):
        filters.read("step_exists=fails", {})


def test_a_card_marks_it_in_both_texts_once_it_may_be_known(engine: sa.Engine, aligned: ExamInfo) -> None:
    ann: Client = Server(engine).client(owner("ann"), aligned.id)
    (card, *_) = ann.window(queue="everything", judge="assisted", number=1)["cards"]
    answer = card["attempt"]["text"]["text"]
    of_teacher = {text["author"]["name"]: text for text in card["texts"] if text["kind"] == "feedback"}
    for teacher, kind in (("gpt", "criticised_step"), ("gemini", "absent_step")):
        text = of_teacher[teacher]
        kinds = {r["kind"] for r in text["text"]["ranges"]}
        assert kinds == {kind}
        assert {c["name"]: c["state"] for c in text["checks"]}["step_exists"] == TEACHERS[teacher].value
    (step,) = of_teacher["gpt"]["steps"]
    assert answer[step["start"] : step["end"]] == answer.removeprefix("Answer:\n\n")
    assert of_teacher["gemini"]["steps"] == of_teacher["mistral"]["steps"] == []
    (covered, *_) = ann.window(queue="everything", judge="first", number=1)["cards"]
    assert all("steps" not in text and text["text"]["ranges"] == [] for text in covered["texts"] if text["covered"])
    assert all(text["covered"] for text in covered["texts"] if text["kind"] == "feedback")


def test_the_commands_tell_and_find_it(mapd: Mapd, home: Path, tmp_path: Path) -> None:
    feedback, rationales = write_files(tmp_path)
    mapd("import", "authors", "--feedback", feedback, "--rationales", rationales)
    shown = mapd("curate", "show", "--exam", 1, "--feedback", "--json").json["feedback_items"]
    states = {item["teacher"]: (item["step_exists"], item["at_first_false"], len(item["steps"])) for item in shown}
    assert states == {"gpt": (True, None, 1), "gemini": (False, None, 0), "mistral": (None, None, 0)}
    words = ("judge-all", "--exam", 1, "--decision", "reject", "--reason", "unclear", "--by", "ann", "--step", "fails")
    assert mapd(*words, "--kind", "feedback", "--json").json["fit"] == 4
    assert "--step is of feedback alone; add --kind feedback" in mapd(*words).err
