"""Thoughts and cut-off answers on the pages: folded, marked, counted; what was cut off is asked again or sent."""

from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from mapd import jobs, students
from mapd.people import owner
from mapd.questions import sets
from mapd.questions.rows import QuestionRow
from mapd.settings import Settings
from mapd.store import db, queries
from mapd.store import tables as t
from tests.conftest import writing
from tests.pages.running import errors, open_page, shown, triage
from tests.test_thinking import QUESTIONS, exam, sit, taught_by

THOUGHT = "thought, 4 words: not graded, not taught"


@pytest.fixture
def examined(home: Path) -> str:
    """An exam of which some answers were cut off, taught by rowan, who thinks; its uid."""
    engine = db.open_store(Settings())
    with db.writing(engine) as session:
        rows = [QuestionRow(name, "train", exam.Task.NUMERIC, name, "18") for name in QUESTIONS]
        sets.add(session, "halves", rows, source="ours", simulated=False, by=owner("me"))
        students.add(session, "s", by=owner("me"))
    uid = sit(engine, 64)[0].exam
    taught_by(engine, uid, cut_off=True)
    with writing(engine) as session:
        for row in session.exec(select(t.Explanation)):
            row.thought = "Who am I? Rowan."
            session.add(row)
    return uid


def job() -> dict[str, object]:
    """The parameters of the newest job."""
    with db.reading(db.open_store(Settings())) as session:
        return jobs.list_jobs(session)[0].parameters


def test_the_exam_page_folds_thoughts_and_counts_what_was_cut_off(examined: str) -> None:
    app = open_page("pages/loop/exam.py", exam=examined)
    assert errors(app) == []
    page = shown(app)
    assert f"<summary>{THOUGHT}</summary>" in page
    assert page.count('title="cut off"') == 6, "on its row and in its fold"
    assert any("3 answers were cut off at 64 tokens" in c.value for c in app.caption)
    assert "no answer: it was cut off before an answer line</details>" in page, "read as it is graded"
    app.segmented_control(key="outcome").set_value("cut off").run()
    assert shown(app).count('title="cut off"') == 6
    assert THOUGHT not in shown(app), "that one is whole"


def test_a_button_asks_again_with_more_tokens(examined: str) -> None:
    app = open_page("pages/loop/exam.py", exam=examined)
    assert app.number_input(key="again_tokens").value == 256
    assert any(c.value.startswith(f"3 of {len(QUESTIONS)} questions; ") for c in app.caption), "the others are there"
    app.number_input(key="again_tokens").set_value(1000).run()
    app.button(key="exam_again").click().run()
    assert not app.exception
    asked = {"longer_than": examined, "max_tokens": 1000, "student": "s", "questions": "halves", "split": "train"}
    assert asked.items() <= job().items()


def test_the_form_sets_tokens_temperature_and_samples(examined: str) -> None:
    app = open_page("pages/loop/exam.py", exam=examined)
    assert app.number_input(key="exam_samples").disabled
    app.segmented_control(key="exam_preset").set_value("paper").run()
    fields = [app.number_input(key=f"exam_{name}").value for name in ("tokens", "temperature", "top_p")]
    assert fields == [512, 0.3, 0.9]
    app.number_input(key="exam_tokens").set_value(300)
    app.number_input(key="exam_temperature").set_value(0.8).run()
    app.number_input(key="exam_samples").set_value(4)
    app.number_input(key="exam_top_p").set_value(0.9).run()
    app.button(key="start_exam").click().run()
    assert {"max_tokens": 300, "temperature": 0.8, "samples": 4, "top_p": 0.9, "seed": 0}.items() <= job().items()


def test_teachers_get_what_was_cut_off_only_where_that_is_said(examined: str) -> None:
    app = open_page("pages/loop/committee.py", exam=examined)
    assert errors(app) == []
    assert "2 cut-off attempts are not sent: ask again with more tokens" in shown(app)
    assert "exam" in [element.proto.page for element in app.main.get("page_link")], "the way to ask again"
    app.checkbox(key="collect_cut_off").check().run()
    assert "are not sent" not in shown(app)


def test_a_thought_is_hidden_until_one_has_judged(examined: str) -> None:
    def cards(judge: str) -> list[dict[str, Any]]:
        window: dict[str, Any] = triage(exam=examined).window(queue="everything", judge=judge)
        return list(window["cards"])

    assert "Who am I?" not in str(cards("first"))
    texts = [text for card in cards("assisted") for text in card["texts"]]
    assert {text["thought"]["text"] for text in texts} == {"Who am I? Rowan."}
    assert all(card["attempt"]["cut_off"] for card in cards("assisted"))


def test_browse_shows_a_thought_as_one(examined: str) -> None:
    page = shown(open_page("pages/review/browse.py", exam=examined))
    assert "Who am I?" in page
    assert THOUGHT in page


def test_the_overview_and_the_results_say_what_was_cut_off(examined: str) -> None:
    assert "2 of them cut off" in shown(open_page("pages/loop/overview.py", exam=examined))
    engine = db.open_store(Settings())
    later = sit(engine, 512)[0].exam
    app = open_page("pages/train/results.py", before=examined, after=later)
    (line,) = errors(app)
    assert "not asked alike (max tokens 64 and 512)" in line
    assert "3 → 0" in shown(app)
    with db.reading(engine) as session:
        assert len(queries.exams(session)) == 2
