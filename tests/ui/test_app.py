"""The app's frame, run as streamlit runs it."""

import subprocess
import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from mapd.settings import Settings
from mapd.store import db
from mapd.store.tables import Exam, Job, QuestionSet, Student
from mapd.ui.kit import server
from mapd.ui.kit.context import settle
from tests.pages.running import open_page

APP = str(Path(__file__).parents[2] / "app.py")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MAPD_HOME", str(tmp_path / "pilot"))
    monkeypatch.delenv("MAPD_DATABASE_URL", raising=False)
    return tmp_path / "pilot"


def add_exams(*uids):
    with db.writing(db.open_store(Settings())) as session:
        questions = QuestionSet(name="svamp", task="numeric", source="", sha256="1")
        student = Student(name="llama", base="llama")
        session.add_all([questions, student])
        session.flush()
        for uid in uids:
            exam = Exam(
                uid=uid, name=f"exam {uid}", student_id=student.id, set_id=questions.id, split="train", graded_by="ours"
            )
            session.add(exam)


def run(app=None, **params):
    app = app or AppTest.from_file(APP, default_timeout=30)
    for name, value in params.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def shown(app):
    return " ".join(element.proto.body for element in app.get("html"))


def errors(app):
    return [element.proto.body for element in app.get("html") if 'class="mapd-error"' in element.proto.body]


def test_streamlit_looks_at_no_files(home):
    asked = "from streamlit import config; print(config.get_option('server.fileWatcherType'))"
    told = subprocess.run(
        [sys.executable, "-c", asked], cwd=Path(APP).parent, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "none"
    assert "--server.fileWatcherType=none" in server.OPTIONS


def test_an_empty_project_says_what_to_do_first(home):
    app = run()
    assert "pilot" in shown(app)
    assert not app.selectbox
    assert "import" in " ".join(str(element.proto) for element in app.main if hasattr(element, "proto")).lower()


def test_the_only_exam_is_chosen_and_stands_in_the_address(home):
    add_exams("a")
    app = run()
    assert app.query_params["exam"] == "a"
    assert app.selectbox(key="exam_pick").value == "a"


def test_of_several_exams_the_newest_is_shown_and_the_choice_is_followed(home):
    add_exams("a", "b")
    app = run()
    assert app.selectbox(key="exam_pick").value == "b"
    app.selectbox(key="exam_pick").set_value("a")
    run(app)
    assert app.query_params["exam"] == "a"
    run(app, exam="b")
    assert app.selectbox(key="exam_pick").value == "b"


def test_a_wrong_exam_in_the_address_is_one_line_and_asks(home):
    add_exams("a")
    app = run(exam="<b>nope</b>")
    (line,) = errors(app)
    assert "&lt;b&gt;nope&lt;/b&gt;" in line
    assert app.selectbox(key="exam_pick").value is None
    app.selectbox(key="exam_pick").set_value("a")
    assert not errors(run(app))


def test_a_name_is_normalised_and_kept_by_its_own_browser_alone(home):
    app = run()
    before = app.text_input(key="person_name").value
    app.text_input(key="person_name").set_value("  Anna  BELL ")
    run(app)
    assert 'data-mapd-keep="mapd_person" data-mapd-value="anna bell"' in shown(run(app))
    assert run().text_input(key="person_name").value == before, "another browser is somebody else's"


def test_a_refusal_is_one_line_not_a_traceback(home):
    home.write_text("a file stands where the folder should be")
    (line,) = errors(run())
    assert "MAPD_HOME" in line


@pytest.mark.parametrize(
    ("last", "picked", "asked", "expected"),
    [
        (None, None, None, ("b", None)),
        ("a", "a", "b", ("b", None)),  # a deep link
        ("a", "b", "a", ("b", None)),  # the selector
        ("a", "a", None, ("a", None)),  # a page without the exam in its address
        ("a", "a", "zz", (None, "zz")),
        (None, "b", "zz", ("b", None)),  # the answer to having asked
        ("gone", "gone", None, ("b", None)),
    ],
)
def test_which_exam_it_is(last, picked, asked, expected):
    assert settle(["a", "b"], last, picked, asked, default_uid="b") == expected


def links(app):
    return [element.proto.label for element in app.sidebar.get("page_link")]


def test_the_sidebar_follows_the_loop_and_says_what_the_jobs_do(home):
    assert links(run()) == [
        *("Overview", "Data", "Teachers", "Exam", "Committee", "Jobs"),
        *("Triage", "Browse", "People", "Guidelines", "Room vote"),
        *("Threshold lab", "Remaining errors", "Agreement", "Snapshots"),
        *("Finetune", "Results", "Arms", "Playground"),
    ]
    with db.writing(db.open_store(Settings())) as session:
        session.add(Job(kind="exam", parameters={}, person="ann", status="failed", error="no such student"))
    assert "Jobs :gray-badge[failed]" in links(run())
    with db.writing(db.open_store(Settings())) as session:
        session.add(Job(kind="exam", parameters={}, person="ann"))
    app = run()
    assert "Jobs :gray-badge[1]" in links(app)
    assert "1 job at work" in [element.proto.label for element in app.main.get("page_link")]


def test_who_judges_may_see_in_the_sidebar_what_judging_needs_alone(home):
    app = run()
    app.toggle[0].set_value(True).run()
    assert links(app) == ["Triage", "Browse", "People", "Guidelines"]
    app.toggle[0].set_value(False).run()
    assert len(links(app)) == 19
    sent = open_page("pages/review/people.py", view="judging")
    assert links(sent) == ["Triage", "Browse", "People", "Guidelines"]
    assert len(links(open_page("pages/review/people.py", view="nothing"))) == 19
