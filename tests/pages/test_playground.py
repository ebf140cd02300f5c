"""The playground as streamlit runs it, with scripted students."""

import re
from pathlib import Path

import pytest
from sqlmodel import select
from streamlit.testing.v1 import AppTest

from mapd import student_models, students
from mapd.answers.grading import Task
from mapd.playground.asking import Decoding
from mapd.playground.question import PlaygroundQuestion
from mapd.questions import sets
from mapd.questions.rows import QuestionRow
from mapd.settings import Settings
from mapd.store import db, exam_material, queries
from mapd.store import tables as t
from mapd.ui.playground import answers as page_answers
from tests.pages.running import errors, open_page, shown
from tests.playground.scripted import ANN, AnswerThread, Watched, fill, script

OPEN_MODEL = student_models.open_model
PAGE = "pages/train/playground.py"
HOSTILE = '<img src=x onerror="alert(1)"> ![](http://evil.test) \x1b[2J\nAnswer: 7'


@pytest.fixture
def uids(home: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A project with two scripted students; the questions' uids, and the students', by name."""
    engine = db.open_store(Settings())
    found = fill(engine)
    answering = AnswerThread(engine, home)
    monkeypatch.setattr(page_answers, "_process", lambda: answering)
    monkeypatch.setattr(students, "can_be_asked", lambda row, _: row.name != "elsewhere")
    script(monkeypatch, {"before": Watched("<think>Hmm</think>" + HOSTILE, 0.02), "after": Watched("Answer: 8", 0.02)})
    with db.reading(engine) as session:
        return found | {row.name: row.uid for row in students.list_students(session)}


def answers(app: AppTest) -> list[str]:
    """The answers' HTML, as it stands at the end."""
    return [body for body in (e.proto.body for e in app.get("html")) if body.startswith('<div class="mapd-who">')]


def press(app: AppTest) -> AppTest:
    app.button(key="playground_ask").click().run()
    assert not app.exception
    return app


def test_an_empty_project_says_what_to_do(home: Path) -> None:
    app = open_page(PAGE)
    assert "No student yet" in " ".join(m.value for m in app.markdown)
    assert any("no attempt" in c.value for c in app.caption)
    with db.writing(db.open_store(Settings())) as session:
        session.add(t.Student(name="alone", base="path:/nowhere"))
    app = open_page(PAGE)
    assert any("no question that is open" in c.value for c in app.caption)
    assert app.button(key="playground_ask").disabled
    assert errors(app) == []


def test_both_answer_a_picked_question_side_by_side_graded(uids: dict[str, str]) -> None:
    app = open_page(PAGE)
    assert (app.selectbox(key="playground_a").value, app.selectbox(key="playground_b").value) == (
        *(uids["before"], uids["after"]),
    ), "who was taught, and what it was taught from"
    assert app.query_params["question"] == uids["p-1"]
    assert press(app).button(key="playground_ask").label == "Ask both"
    right, wrong = answers(app)
    assert "thought, 1 words: not graded" in right
    assert "right" in right
    assert "read as 7: " in right
    assert "wrong" in wrong
    assert "2 tokens · 0.2 s · 10.0 tokens/s" in wrong
    assert "<img" not in right
    assert "\x1b" not in right
    assert errors(app) == []
    with db.reading(db.open_store(Settings())) as session:
        assert session.exec(select(t.Attempt)).all() == []
    # What was asked stays while another question is chosen.
    app.selectbox[3].select_index(0).run()
    assert len(answers(app)) == 2


def test_a_link_fills_the_page_and_asks_nothing(uids: dict[str, str]) -> None:
    app = open_page(PAGE, a=uids["after"], b=uids["before"], question=uids["p-2"], temperature="0.7", tokens="9")
    assert [app.selectbox(key=f"playground_{name}").value for name in "ab"] == [uids["after"], uids["before"]]
    assert answers(app) == []
    assert "A. a cup\nB. moss" in shown(app)
    words = "mapd ask --student after --student before --temperature 0.7 --max-tokens 9 --question"
    assert app.code[-1].value == f"{words} {uids['p-2']}"
    app.selectbox(key="playground_b").set_value("none").run()
    assert app.query_params["b"] == "none"
    assert app.button(key="playground_ask").label == "Ask"
    assert len(answers(press(app))) == 1


@pytest.mark.parametrize("way", ["question", "text"])
def test_what_is_sealed_is_refused(uids: dict[str, str], way: str) -> None:
    params = {"question": uids["p-3"]} if way == "question" else {"text": "A sealed sum: 20 + 22?"}
    app = open_page(PAGE, **params)
    assert ["the test split is sealed" in line for line in errors(app)] == [True]
    assert app.button(key="playground_ask").disabled
    assert "A sealed sum" not in shown(app)


def test_a_typed_question_stands_in_the_address_while_it_is_short(uids: dict[str, str]) -> None:
    app = open_page(PAGE)
    app.segmented_control(key="question_from").set_value("typed").run()
    app.text_area(key="playground_text").set_value("What is 3 + 4?").run()
    app.text_input(key="playground_gold").set_value("7").run()
    assert app.query_params["text"] == "What is 3 + 4?"
    right, _ = answers(press(app))
    assert "right" in right
    app.text_area(key="playground_text").set_value("x" * 700).run()
    assert "text" not in app.query_params
    assert app.text_area(key="playground_text").value == "x" * 700
    app.text_input(key="playground_gold").set_value("as many").run()
    app.selectbox(key="playground_task").set_value("numeric").run()
    assert ["answered by one number" in line for line in errors(app)] == [True]
    linked = open_page(PAGE, text="2 + 2?", gold="4")
    assert linked.text_area(key="playground_text").value == "2 + 2?"
    assert linked.text_input(key="playground_gold").value == "4"


def test_one_that_cannot_be_asked_says_why(uids: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(student_models, "open_model", OPEN_MODEL)
    engine = db.open_store(Settings())
    with db.writing(engine) as session:
        session.add(t.Student(name="elsewhere", base="imported"))
        session.flush()
        uid = students.get(session, "elsewhere").uid
    answering = AnswerThread(engine, Settings().home)
    monkeypatch.setattr(page_answers, "_process", lambda: answering)
    app = press(open_page(PAGE, a=uid, b="none"))
    (failed,) = answers(app)
    assert "came with an import, without weights" in failed
    unknown = open_page(PAGE, a="nobody")
    assert ["asks for what isn’t there: a nobody" in line for line in errors(unknown)] == [True]


def test_an_address_that_cannot_be_is_named(uids: dict[str, str]) -> None:
    app = open_page(PAGE, temperature="9", tokens="x", question_from="air")
    assert len(errors(app)) == 3


def test_a_question_that_is_not_there_is_named_and_another_can_be_chosen(uids: dict[str, str]) -> None:
    app = open_page(PAGE, question="3f")
    assert ["unknown question: 3f" in line for line in errors(app)] == [True]
    assert app.button(key="playground_ask").disabled
    assert app.query_params["question"] == "3f", "the address says still what was asked for"
    app.selectbox[4].select_index(0).run()
    assert (app.query_params["question"], errors(app)) == (uids["p-1"], [])
    assert not app.button(key="playground_ask").disabled


def test_a_question_may_be_linked_by_its_id(uids: dict[str, str]) -> None:
    with db.reading(db.open_store(Settings())) as session:
        number = queries.question(session, uids["p-4"]).id
    app = open_page(PAGE, question=str(number))
    assert (app.query_params["question"], errors(app)) == (uids["p-4"], [])
    assert "How many cups hold" in shown(app)


def test_the_test_split_is_read_once(uids: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    readings = []
    reading = exam_material.list_test_questions
    monkeypatch.setattr(exam_material, "list_test_questions", lambda session: readings.append(1) or reading(session))
    app = open_page(PAGE)
    app.segmented_control(key="question_from").set_value("typed").run()
    app.text_area(key="playground_text").set_value("What is 3 + 4?").run()
    app.text_input(key="playground_gold").set_value("7").run()
    assert len(readings) <= 1
    with db.writing(db.open_store(Settings())) as session:
        row = QuestionRow("q-1", "test", Task.NUMERIC, "What is 3 + 4?", "7")
        sets.add(session, "later", [row], source="made", simulated=True, by=ANN)
    app.run()
    assert ["stand in a test split" in line for line in errors(app)] == [True]


def test_each_prompt_is_shown_where_they_differ(uids: dict[str, str]) -> None:
    with db.writing(db.open_store(Settings())) as session:
        students.get(session, "after").shots = 1
    prompt, *_ = [e for e in open_page(PAGE).expander if "prompt" in e.label]
    assert [c.value for c in prompt.caption] == ["The prompt of before:", "The prompt of after:"]
    roles = re.findall(r">(system|user|assistant)<", " ".join(e.proto.body for e in prompt.get("html")))
    assert roles == ["system", "user", "system", "user", "assistant", "user"]


def test_the_command_asks_the_same() -> None:
    small = page_answers.write_command(["a"], PlaygroundQuestion("1?", Task.TEXT), Decoding(0.1234567, 1, 1234567890))
    assert small == "mapd ask --student a --temperature 0.1234567 --seed 1234567890 --task text -- '1?'"
    typed = PlaygroundQuestion("-1 + 1?\nsay", Task.CHOICE, "B", options=("a cup", "it's"))
    words = page_answers.write_command(["a b", "c"], typed, Decoding(0.3, 0.9, 5, 7))
    assert words == (
        "mapd ask --student 'a b' --student c --temperature 0.3 --top-p 0.9 --seed 5 --max-tokens 7 --task choice "
        "--options 'a cup|it'\"'\"'s' --gold B -- '-1 + 1?\nsay'"
    )


def test_results_lead_here(looped_home: Path) -> None:
    app = open_page("pages/train/results.py")
    links = re.findall(r'<a href="(/playground\?[^"]+)">ask both again in the playground</a>', shown(app))
    assert links
    assert all("a=" in link and "b=" in link and "question=" in link for link in links)
