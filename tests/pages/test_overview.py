"""The overview and the data page as streamlit runs them."""

from pathlib import Path

from sqlmodel import select
from streamlit.testing.v1 import AppTest

from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t
from tests import samples
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
    app = upload(open_page("pages/loop/data.py"), *samples.files(tmp_path))
    assert not app.exception
    assert "12" in shown(app)
    assert "In this project" not in [s.value for s in app.subheader], "nothing is written before the button"
    next(b for b in app.button if b.label == "Import").click().run()
    assert not app.exception
    assert any("Imported" in s.value for s in app.success)
    again = upload(open_page("pages/loop/data.py"), *samples.files(tmp_path))
    assert any("imported already" in s.value for s in again.success)


def test_swapped_files_are_named_told_apart_and_imported_right_by_one_press(home: Path, tmp_path: Path) -> None:
    feedback, rationales = samples.files(tmp_path)
    app = upload(open_page("pages/loop/data.py"), rationales, feedback)
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
    app = upload(open_page("pages/loop/data.py"), feedback, twice)
    assert "copy.json was chosen as the rationales file and holds feedback" in errors(app)[0]
    assert not [b for b in app.button if b.label in ("Import", "Take them the other way round")]


def test_bad_rows_are_a_table_and_nothing_is_written(home: Path, tmp_path: Path) -> None:
    rows = [samples.row(n) for n in range(4)]
    rows[2]["gold_answer"] = ""
    app = upload(open_page("pages/loop/data.py"), *samples.write(tmp_path, rows))
    assert "nothing was imported" in errors(app)[0]
    assert not [b for b in app.button if b.label == "Import"]


def test_a_cut_off_file_is_one_line(home: Path, tmp_path: Path) -> None:
    feedback, rationales = samples.files(tmp_path)
    feedback.write_bytes(feedback.read_bytes()[:-30])
    app = upload(open_page("pages/loop/data.py"), feedback, rationales)
    assert len(errors(app)) == 1
    assert feedback.name in errors(app)[0]
