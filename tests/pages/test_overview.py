"""The overview and the data page as streamlit runs them."""

from pathlib import Path

import pytest
from sqlmodel import select
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.testing.v1 import AppTest

from mapd import teachers
from mapd.curation import live_set
from mapd.domain import Act
from mapd.exchange import archive
from mapd.people import owner
from mapd.review import judging
from mapd.settings import Settings
from mapd.store import db, queries
from mapd.store import tables as t
from mapd.ui.data import authors
from tests import samples
from tests.conftest import import_files
from tests.pages.running import errors, open_page, shown


def test_an_empty_project_is_welcomed_and_told_what_to_do_first(home: Path) -> None:
    app = open_page("pages/loop/overview.py")
    assert "committee" in shown(app)
    assert app.button(key="start_demo").label == "Run the demo"
    assert any("Or bring your own" in m.value for m in app.markdown)


def test_the_funnel_and_the_next_step(full_home: Path) -> None:
    body = shown(open_page("pages/loop/overview.py"))
    assert "4 accepted rationales end in a wrong answer" in body
    assert "training pairs" in body
    assert "Ann has" in body, "one mistake can be followed"


def test_an_exam_that_is_not_there_is_one_line(full_home: Path) -> None:
    app = open_page("pages/loop/overview.py", exam="feed")
    assert "doesn" in errors(app)[0]
    assert "feed" in errors(app)[0]


def test_the_data_page_lists_what_the_project_holds(full_home: Path) -> None:
    app = open_page("pages/loop/data.py")
    assert "pens · Tiny-1b · round 0" in shown(app)
    assert "ann" in shown(app)


def upload(app: AppTest, feedback: Path, rationales: Path) -> AppTest:
    for field, file in zip(app.file_uploader[:2], (feedback, rationales), strict=True):
        field.set_value((file.name, file.read_bytes(), "application/json"))
    return app.run()


def test_an_upload_is_previewed_and_then_imported_once(home: Path, tmp_path: Path) -> None:
    app = upload(open_page("pages/loop/data.py", way="authors"), *samples.files(tmp_path))
    assert not app.exception
    assert "12" in shown(app)
    assert "In this project" not in [s.value for s in app.subheader], "nothing is written before the button"
    next(b for b in app.button if b.label == "Import").click().run()
    assert not app.exception
    assert any("Imported" in s.value for s in app.success)
    again = upload(open_page("pages/loop/data.py", way="authors"), *samples.files(tmp_path))
    assert any("imported already" in s.value for s in again.success)


def test_swapped_files_are_named_told_apart_and_imported_right_by_one_press(home: Path, tmp_path: Path) -> None:
    feedback, rationales = samples.files(tmp_path)
    app = upload(open_page("pages/loop/data.py", way="authors"), rationales, feedback)
    (line,) = errors(app)
    assert f"the two files are swapped: {rationales.name} holds the rationales and {feedback.name} the feedback" in line
    assert not [b for b in app.button if b.label == "Import"], "nothing can be imported so"
    assert "rationales, not feedback" in shown(app)
    assert "feedback, not rationales" in shown(app)
    assert all(f">{file.name}</div>" in shown(app) for file in (feedback, rationales)), "each under its own"
    app.button(key="swap_files").click().run()
    assert errors(app) == []
    assert ", not " not in shown(app)
    next(b for b in app.button if b.label == "Import").click().run()
    with db.reading(db.open_store(Settings())) as session:
        kinds = session.exec(select(t.Explanation.kind)).all()
    assert (kinds.count("rationale"), kinds.count("feedback")) == (36, 36)


def test_a_file_that_is_not_what_it_was_chosen_as_is_named(home: Path, tmp_path: Path) -> None:
    feedback, _ = samples.files(tmp_path)
    twice = tmp_path / "copy.json"
    twice.write_bytes(feedback.read_bytes())
    app = upload(open_page("pages/loop/data.py", way="authors"), feedback, twice)
    assert "copy.json was chosen as the rationales file and holds feedback" in errors(app)[0]
    assert not [b for b in app.button if b.label in ("Import", "Take them the other way round")]


def test_what_was_read_is_given_back(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    freed: list[str] = []
    manager = MemoryUploadedFileManager
    monkeypatch.setattr(manager, "remove_file", lambda self, session_id, file_id: freed.append(file_id))
    app = upload(open_page("pages/loop/data.py", way="authors"), *samples.files(tmp_path))
    authors._read.clear()
    app.run()
    next(b for b in app.button if b.label == "Import").click().run()
    assert len(freed) == 2
    assert all(field.value is None for field in app.file_uploader), "the fields are empty"


def test_an_archive_is_shown_before_it_comes_in_and_its_judgements_count_by_a_word(home: Path, tmp_path: Path) -> None:
    sender = db.open_store(Settings(home=tmp_path / "sender", database_url=None))
    with db.writing(sender) as session:
        exam = queries.exam(session, import_files(session, *samples.files(tmp_path)).exam)
        text = live_set.load_curated(session, exam.id).mistakes[0].rationales[0].text.id
        judging.judge(session, judging.Target("rationale", text), Act.REJECT, by=owner("mallory"), role="adjudicator")
        teachers.add(
            session, "own", kind="openai", model="m", base_url="https://llm.example.org/v1", by=owner("mallory")
        )
    archive.export(sender, tmp_path / "p.zip", tmp_path / "sender", by=owner("mallory"))
    app = open_page("pages/loop/data.py", way="archive")
    content = (tmp_path / "p.zip").read_bytes()
    app.file_uploader[0].set_value(("p.zip", content, "application/zip")).run()
    assert errors(app) == []
    for told in ("own: openai m at https://llm.example.org/v1", "mallory, adjudicator: 1", "pens · Tiny-1b · round 0"):
        assert told in shown(app)
    with db.reading(db.open_store(Settings())) as session:
        assert queries.exams(session) == []
    next(box for box in app.checkbox if "Count the judgements" in box.label).check().run()
    next(b for b in app.button if b.label == "Import as history").click().run()
    assert errors(app) == []
    assert any("rows" in s.value for s in app.success)
    with db.reading(db.open_store(Settings())) as session:
        assert session.exec(select(t.Judgement.counts)).all() == [True]
        assert teachers.get(session, "own").disabled
    app.file_uploader[0].set_value(("p.zip", content[:-50], "application/zip")).run()
    assert ["p.zip is no archive, or was cut off" in e for e in errors(app)] == [True]


def test_bad_rows_are_a_table_and_nothing_is_written(home: Path, tmp_path: Path) -> None:
    rows = [samples.row(n) for n in range(4)]
    rows[2]["gold_answer"] = ""
    app = upload(open_page("pages/loop/data.py", way="authors"), *samples.write(tmp_path, rows))
    assert "nothing was imported" in errors(app)[0]
    assert "Download as CSV" in {button.proto.label for button in app.get("download_button")}
    assert not [b for b in app.button if b.label == "Import"]


def test_a_cut_off_file_is_one_line(home: Path, tmp_path: Path) -> None:
    feedback, rationales = samples.files(tmp_path)
    feedback.write_bytes(feedback.read_bytes()[:-30])
    app = upload(open_page("pages/loop/data.py", way="authors"), feedback, rationales)
    assert len(errors(app)) == 1
    assert feedback.name in errors(app)[0]
