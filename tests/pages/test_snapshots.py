"""The snapshots page as streamlit runs it."""

import hashlib
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import select
from streamlit.testing.v1 import AppTest

from mapd import students
from mapd.curation import live_set
from mapd.domain import Act
from mapd.people import owner
from mapd.review.judging import Target, judge
from mapd.settings import Settings
from mapd.store import db, queries
from mapd.store import tables as t
from tests import samples
from tests.conftest import import_files, writing
from tests.held_out import hold_first_out
from tests.pages.running import errors, open_page, shown


def page(**params: str) -> AppTest:
    return open_page("pages/curate/snapshots.py", **params)


def freeze(app: AppTest) -> AppTest:
    return app.button(key="freeze").click().run()


def test_without_an_exam_it_says_what_to_do(home: Path) -> None:
    app = page()
    assert "No exam yet" in " ".join(m.value for m in app.markdown)


def test_freezing_writes_two_files_named_by_the_manifest(full_home: Path) -> None:
    app = page()
    assert any("None yet" in c.value for c in app.caption)
    freeze(app)
    assert not app.exception
    sha256 = app.query_params["snapshot"]
    folder = full_home / "snapshots" / sha256
    assert hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest() == sha256
    pairs = (folder / "pairs.jsonl").read_text(encoding="utf-8").splitlines()
    assert f"frozen: {len(pairs)} pairs" in shown(app)
    assert shown(app).count('class="mapd-pair"') == min(10, len(pairs))


def test_the_same_input_is_the_same_snapshot(full_home: Path) -> None:
    app = freeze(page())
    first = app.query_params["snapshot"]
    freeze(app)
    assert app.query_params["snapshot"] == first
    assert "exists already" in shown(app)
    app.number_input(key="seed").set_value(7).run()
    freeze(app)
    assert app.query_params["snapshot"] != first


def test_a_set_narrowed_to_teachers_is_frozen_from_the_page_as_by_the_command(full_home: Path) -> None:
    app = open_page("pages/curate/snapshots.py", teachers="gpt")
    assert "--teachers gpt" in app.code[0].value
    app.button(key="freeze").click().run()
    with db.reading(db.open_store(Settings())) as session:
        (row,) = queries.snapshots(session)
        assert row.manifest["narrowed_to"] == ["gpt"]
    assert "<td" in shown(app)
    assert run_command(app) == row.sha256


def run_command(app: AppTest) -> str:
    """Run the command that the page shows; the snapshot's name."""
    words = [sys.executable, "-m", "mapd.cli", *shlex.split(app.code[0].value)[1:], "--json"]
    made = subprocess.run(words, capture_output=True, text=True, check=True)
    return str(json.loads(made.stdout)["snapshot"])


@pytest.fixture
def two_exams(full_home: Path, tmp_path: Path) -> list[str]:
    """Two exams with mistakes in common; the questions of the second are of two families and tasks. Their uids."""
    with writing(db.open_store(Settings())) as session:
        first = queries.exams(session)[0].uid
        second = import_files(session, *samples.files(tmp_path, count=8, start=8)).exam
        set_id = queries.exam_row(session, queries.exam(session, second).id).set_id
        for number, question in enumerate(session.exec(select(t.Question).where(t.Question.set_id == set_id))):
            question.family, question.task = ("a & b", "c,d")[number % 2], ("numeric", "text")[number // 4]
            session.add(question)
    return [first, second]


def chosen(app: AppTest, label: str) -> Any:
    (widget,) = [widget for widget in app.multiselect if widget.label == label]
    return widget


def figure(app: AppTest, word: str) -> int:
    (value,) = re.findall(rf"<dd>([\d,]+)</dd><dt>{word}</dt>", shown(app))
    return int(value.replace(",", ""))


def test_several_exams_are_frozen_from_the_page_as_by_the_command(
    two_exams: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(students, "is_here", lambda *_: True)
    first, second = two_exams
    app = page(exam=first)
    alone = figure(app, "training pairs")
    chosen(app, "Together with").select(second).run()
    assert app.query_params["with"] == second
    pairs = figure(app, "training pairs")
    assert pairs > alone
    assert figure(app, "left out: taught by another pair") > 0
    freeze(app)
    sha256 = app.query_params["snapshot"]
    assert f"frozen: {pairs} pairs" in shown(app)
    assert "of 2 exams" in shown(app)
    assert run_command(app) == sha256
    # It stands on the page of the other exam, too, and of the finetune.
    other = page(exam=second, snapshot=sha256)
    assert shown(other).count('class="mapd-pair"') == min(10, pairs)
    assert sha256[:12] in other_options(open_page("pages/train/finetune.py", exam=second))


def other_options(app: AppTest) -> str:
    (box,) = [box for box in app.selectbox if box.label == "Snapshot"]
    return " ".join(box.options)


def test_a_set_is_narrowed_to_families_and_tasks_in_the_address(two_exams: list[str]) -> None:
    app = page(exam=two_exams[1])
    whole = figure(app, "training pairs")
    chosen(app, "Families").select("c,d").run()
    chosen(app, "Tasks").select("text").run()
    assert 0 < figure(app, "training pairs") < whole
    assert "--task text --family c,d" in app.code[0].value
    freeze(app)
    sha256 = app.query_params["snapshot"]
    assert run_command(app) == sha256
    with db.reading(db.open_store(Settings())) as session:
        manifest = queries.snapshot(session, sha256).manifest
    assert (manifest["families"], manifest["tasks"]) == (["c,d"], ["text"])
    assert "text, c,d" in shown(app)


def test_a_rationale_alone_is_a_choice(full_home: Path) -> None:
    with writing(db.open_store(Settings())) as session:
        exam = queries.exams(session)[0]
        for x in live_set.load_curated(session, exam.id).mistakes[0].feedback:
            judge(session, Target("feedback", x.text.id), Act.REJECT, by=owner("ann"), reason="other")
    app = page()
    assert figure(app, "left out: no feedback stands") == 1
    whole = figure(app, "training pairs")
    app.selectbox(key="texts").select("both, or a rationale alone").run()
    assert (figure(app, "training pairs"), figure(app, "a rationale alone")) == (whole + 1, 1)
    freeze(app)
    assert run_command(app) == app.query_params["snapshot"]
    assert "seed 0, both or rationale" in shown(app)
    assert "rationale · " in shown(app)
    for other in ("pages/loop/overview.py", "pages/train/finetune.py"):
        assert not open_page(other).exception


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"with": "nowhere"}, "an exam that can&#x27;t be frozen together with this one: nowhere"),
        ({"texts": "none at all"}, "texts none at all, which can&#x27;t be"),
        ({"families": "zebra"}, "families zebra, which can&#x27;t be"),
    ],
)
def test_a_choice_in_the_address_that_can_not_be_is_one_line(
    two_exams: list[str], params: dict[str, str], words: str
) -> None:
    app = page(exam=two_exams[1], **params)
    assert any(words in error for error in errors(app)), errors(app)
    assert figure(app, "training pairs") > 0


def test_a_question_of_a_test_split_is_told_and_left_out(full_home: Path) -> None:
    whole = figure(page(), "training pairs")
    with writing(db.open_store(Settings())) as session:
        text = live_set.load_curated(session, queries.exams(session)[0].id).mistakes[0].question.text
        session.add(t.QuestionSet(id=99, name="tests", source="x", sha256="f" * 64))
        session.flush()
        values = {"source_id": "1", "position": 0, "split": "test", "task": "numeric", "text": text, "gold": "1"}
        session.add(t.Question(set_id=99, **values))
    app = page()
    assert (figure(app, "training pairs"), figure(app, "left out: questions of a test split")) == (whole - 1, 1)


def test_who_is_taught_is_asked_where_the_exams_are_of_several_students(
    two_exams: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(students, "is_here", lambda *_: True)
    with writing(db.open_store(Settings())) as session:
        student = t.Student(name="other", base="x")
        session.add(student)
        session.flush()
        row = queries.exam_row(session, queries.exam(session, two_exams[1]).id)
        row.student_id = queries.identity(student)
        session.add(row)
    app = page(exam=two_exams[0])
    chosen(app, "Together with").select(two_exams[1]).run()
    freeze(app)
    app = open_page("pages/train/finetune.py")
    (box,) = [box for box in app.selectbox if box.label == "Student"]
    assert box.value is None
    assert any("name the student to be taught" in error for error in errors(app))
    box.select("other").run()
    assert not any("name the student to be taught" in error for error in errors(app))


def test_every_accepted_rationale_by_option(full_home: Path) -> None:
    app = freeze(page())
    one = len((full_home / "snapshots" / app.query_params["snapshot"] / "pairs.jsonl").read_bytes().splitlines())
    app.toggle(key="every").set_value(True).run()
    freeze(app)
    more = len((full_home / "snapshots" / app.query_params["snapshot"] / "pairs.jsonl").read_bytes().splitlines())
    assert more > one


def test_an_unknown_snapshot_is_one_line(full_home: Path) -> None:
    freeze(page())
    app = page(snapshot="feed")
    assert "no snapshot begins with" in shown(app)


@pytest.mark.parametrize("column", ["lines", "manifest"])
def test_a_damaged_one_is_one_line_and_the_others_are_listed(full_home: Path, column: str) -> None:
    app = freeze(page())
    damaged = app.query_params["snapshot"]
    app.number_input(key="seed").set_value(7).run()
    whole = freeze(app).query_params["snapshot"]
    value = {"lines": t.Snapshot.lines + " ", "manifest": {"note": "x"}}[column]
    with db.writing(db.open_store(Settings())) as session:
        session.execute(sa.update(t.Snapshot).where(t.Snapshot.sha256 == damaged).values({column: value}))
    app = page(snapshot=damaged)
    assert [f"snapshot {damaged[:12]} can&#x27;t be read" in error for error in errors(app)] == [True]
    assert whole[:12] in shown(app)
    assert 'class="mapd-pair"' not in shown(app)
    for other in ("pages/loop/overview.py", "pages/train/finetune.py"):
        assert not open_page(other).exception


# --- What is left out, and what is seen of a snapshot -----------------------------------------------------------------


def test_what_is_left_out_by_choice_is_frozen_as_by_the_command(full_home: Path) -> None:
    app = page(near="left out at 70 %", balance="at most … of each teacher", most="2", every="true")
    assert not app.exception
    assert figure(app, "left out: to balance") > 0
    assert "--drop-near 0.7 --balance teacher:2" in app.code[0].value
    freeze(app)
    sha256 = app.query_params["snapshot"]
    assert run_command(app) == sha256
    assert "near-duplicates out at 70%, 2 by teacher" in shown(app)


@pytest.mark.parametrize("split", ["dev", "test"])
def test_a_leak_is_refused_until_it_is_left_out(full_home: Path, split: str) -> None:
    with writing(db.open_store(Settings())) as session:
        hold_first_out(session, split)
    app = page()
    assert app.button(key="freeze").disabled
    assert any(f"others {split} q0" in error for error in errors(app)), errors(app)
    assert ("sealed" in shown(app)) is (split == "test")
    app.toggle(key="leaks").set_value(True).run()
    assert errors(app) == []
    assert figure(app, "left out: dev or test holds them") == 1
    freeze(app)
    assert run_command(app) == app.query_params["snapshot"]
    assert "--without-leaks" in app.code[0].value


def test_each_view_of_a_snapshot_is_an_address(full_home: Path) -> None:
    app = freeze(page())
    first = app.query_params["snapshot"]
    alone = page(snapshot=first, view="Compare")
    assert any("No other snapshot yet" in caption.value for caption in alone.caption)
    app.number_input(key="seed").set_value(7).run()
    second = freeze(app).query_params["snapshot"]
    words = {
        "Compare": "another seed drew it",
        "Lineage": "exam over train",
        "Dev and test": "dev questions of the project",
        "Card": "Methods paragraph",
    }
    for view, expected in words.items():
        opened = page(snapshot=second, view=view, against=first)
        assert not opened.exception, view
        assert errors(opened) == [], view
        assert expected in shown(opened), view
    third = freeze(page(seed="9")).query_params["snapshot"]
    for other in (first, second):
        app = page(snapshot=third, view="Compare", against=other)
        (box,) = [box for box in app.selectbox if box.label == "Changes since"]
        assert (box.value, app.query_params["against"]) == (other, other)
    box.select(first).run()
    assert app.query_params["against"] == first
    unknown = page(snapshot=third, view="Compare", against="feed")
    assert any("snapshot that isn&#x27;t there: feed" in error for error in errors(unknown))
    codes = {view: [code.value for code in page(snapshot=second, view=view).code] for view in ("Card", "Manifest")}
    assert sum("training pairs" in code for code in codes["Card"]) == 3
    assert any(code.startswith("{") for code in codes["Manifest"])
    near = page(snapshot=second, view="Near-duplicates", at="70 %")
    assert any("no pair says nearly" in caption.value for caption in near.caption)
    assert any("view zebra" in error for error in errors(page(snapshot=second, view="zebra")))


def test_a_lineage_leads_to_the_students_and_their_exams(looped_home: Path) -> None:
    with db.reading(db.open_store(Settings())) as session:
        (row,) = queries.snapshots(session)
    app = page(snapshot=row.sha256, view="Lineage")
    assert not app.exception
    html = shown(app)
    assert html.count('class="mapd-lineage-student"') == 2
    assert html.index(f"snapshot {row.sha256[:8]}") < html.index("small-tuned") < html.index("exam over dev")
