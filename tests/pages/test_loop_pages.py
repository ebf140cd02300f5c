"""Exam, committee, finetune and results: on an import, and in an empty project."""

import re
from pathlib import Path

import pytest
from sqlmodel import select

from mapd import students
from mapd.settings import Settings
from mapd.store import db, queries
from mapd.store import tables as t
from tests.pages.running import ROOT, errors, open_page, shown

PAGES = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "pages").rglob("*.py"))


@pytest.mark.parametrize("path", PAGES)
def test_an_empty_project_is_told_what_to_do(home: Path, path: str) -> None:
    """On every page a link leads to the next step; but for those whose own form stands open."""
    app = open_page(path)
    assert errors(app) == []
    said = " ".join(m.value for m in app.markdown)
    assert "yet" in said or path.endswith("overview.py")
    leads = [element.proto.page for element in app.main.get("page_link")]
    assert leads or path.endswith(("teachers.py", "guidelines.py"))
    assert "no exam yet" in shown(app), "in the header, between the project and the person"


def test_an_imported_exam_shows_every_attempt(full_home: Path) -> None:
    app = open_page("pages/loop/exam.py")
    assert errors(app) == []
    assert "How many pens" in shown(app)
    assert any("An import holds only mistakes" in c.value for c in app.caption)
    app.segmented_control(key="outcome").set_value("right").run()
    assert any("No attempt fits this filter" in c.value for c in app.caption)


def test_each_attempt_says_how_its_answer_is_read(full_home: Path) -> None:
    page = shown(open_page("pages/loop/exam.py"))
    assert "how is this read?" in page
    assert re.search(r"how is this read\?</summary>[^<]*: [a-z][^<]+</details>", page), "an answer, and why"


def test_the_committee_page_reads_a_review_and_says_why(full_home: Path) -> None:
    app = open_page("pages/loop/committee.py")
    app.text_area(key="review_to_read").set_value('It ends with "[5]". [2]').run()
    app.text_area(key="solution_to_read").set_value("My own check: [5]").run()
    assert [element.value for element in app.text] == ["2: a score in brackets decides"]
    app.text_area(key="review_to_read").set_value("[3] or perhaps [4]").run()
    assert "no vote: 2 different scores" in app.text[0].value


def test_an_import_alone_has_nothing_to_finetune_or_compare(full_home: Path) -> None:
    assert any("No snapshot yet" in m.value for m in open_page("pages/train/finetune.py").markdown)
    assert any("Nothing to compare yet" in m.value for m in open_page("pages/train/results.py").markdown)


def exam_of(split: str) -> str:
    """The uid of the newest exam of a split."""
    with db.reading(db.open_store(Settings())) as session:
        return next(e.uid for e in queries.exams(session) if e.split == split)


def test_one_mistake_is_followed_to_a_held_out_question(looped_home: Path) -> None:
    app = open_page("pages/loop/overview.py", exam=exam_of("train"))
    page = shown(app)
    assert "Simulated teachers" in page
    assert "Recorded demo" not in page
    assert re.search("rationale by (sound|slips|lucky)", page), "what the student was trained on"
    assert re.search(r"in all 3 → 6 of 12 right", page), "a held-out sibling, and the whole"


def test_a_held_out_exam_is_compared_never_taught(looped_home: Path) -> None:
    app = open_page("pages/loop/overview.py", exam=exam_of("dev"))
    assert any("held out" in m.value for m in app.markdown)
    app = open_page("pages/loop/committee.py", exam=exam_of("dev"))
    assert any("never taught" in m.value for m in app.markdown)


def test_an_exam_of_ours_is_told_by_family(looped_home: Path) -> None:
    page = shown(open_page("pages/loop/exam.py", exam=exam_of("dev")))
    assert "50.0%" in page
    assert "leg counting" in page


def test_results_opens_on_exams_that_are_finished(looped_home: Path) -> None:
    with db.writing(db.open_store(Settings())) as session:
        row = session.exec(queries.select(t.Exam).where(t.Exam.split == "dev").order_by(t.Exam.id.desc())).first()
        begun = t.Exam(**row.model_dump(exclude={"id", "uid", "name", "created_at"}), name="begun")
        session.add(begun)
        session.flush()
        answered = session.exec(queries.select(t.Attempt).where(t.Attempt.exam_id == row.id).limit(1)).one()
        session.add(t.Attempt(**answered.model_dump(exclude={"id", "uid", "exam_id"}), exam_id=begun.id))
        newest, uid = row.name, begun.uid
    app = open_page("pages/train/results.py")
    assert next(box.value for box in app.selectbox if box.label == "After") == row_uid(newest)
    assert "begun" in errors(open_page("pages/train/results.py", after=uid))[0], "who names it is told what it lacks"


def row_uid(name: str) -> str:
    with db.reading(db.open_store(Settings())) as session:
        return queries.exam(session, name).uid


def test_calls_are_those_of_this_exam(looped_home: Path) -> None:
    train = exam_of("train")
    with db.writing(db.open_store(Settings())) as session:
        taught = session.exec(queries.select(t.Exam).where(t.Exam.uid == train)).one()
        again = t.Exam(**taught.model_dump(exclude={"id", "uid", "name", "created_at"}), name="again")
        session.add(again)
        session.flush()
        ok = session.exec(queries.select(t.Call).limit(1)).one()
        lost = ok.model_dump(exclude={"id", "uid", "key", "outcome", "error", "exam_id"})
        session.add(t.Call(key="lost", outcome="failed", error="of the other", exam_id=again.id, **lost))
        session.add(t.Attempt(exam_id=again.id, question_id=1, text="", outcome="no_answer", our_outcome="no_answer"))
        other = again.uid
    assert "of the other" in shown(open_page("pages/loop/committee.py", exam=other))
    own = shown(open_page("pages/loop/committee.py", exam=train))
    assert "tokens out" in own or "rationale" in own
    assert "of the other" not in own


def test_both_losses_are_drawn(looped_home: Path) -> None:
    app = open_page("pages/train/finetune.py")
    assert errors(app) == []
    assert "1.50 → 0.25" in shown(app)
    assert "2.00 → 0.33" in shown(app)
    lost = open_page("pages/train/finetune.py", finetune="nope")
    assert "nope" in errors(lost)[0]


def test_the_command_that_takes_a_student_away_stands_where_its_weights_are(looped_home: Path) -> None:
    def commands() -> list[str]:
        codes = [code.value for code in open_page("pages/train/finetune.py").code]
        return [code for code in codes if code.startswith("mapd students export")]

    with db.writing(db.open_store(Settings())) as session:
        uid = session.exec(select(t.Finetune)).one().uid
        students.get(session, "small-tuned").adapter = "finetunes/here/adapter"
    assert commands() == [], "its adapter isn't here"
    (looped_home / "finetunes" / "here" / "adapter").mkdir(parents=True)
    assert commands() == ["mapd students export small-tuned -o DIR"]
    with db.writing(db.open_store(Settings())) as session:
        students.get(session, "small-tuned").adapter = None
    (looped_home / "finetunes" / uid / "model").mkdir(parents=True)
    assert commands() == ["mapd students export small-tuned --as merged -o DIR"]


def test_what_a_step_reports_is_drawn_and_an_early_end_is_said(looped_home: Path) -> None:
    plain = shown(open_page("pages/train/finetune.py"))
    assert "gradient norm" not in plain, "an older finetune kept none"
    with db.writing(db.open_store(Settings())) as session:
        row = session.exec(select(t.Finetune)).one()
        later = {"method": "dora", "validation": 0.2, "patience": 2, "checkpointing": True}
        row.hyperparameters = row.hyperparameters | later
        row.planned_steps, row.taught_pairs, row.validation_pairs = 9, 6, 2
        for step in session.exec(select(t.FinetuneStep)):
            step.gradient_norm, step.memory_mb, step.seconds_left = 3.25, 1234.0, 7.0
            if step.step % 2 == 0:
                step.validation_rationale, step.validation_feedback = 2 + abs(step.step - 4), 3.0
    app = open_page("pages/train/finetune.py")
    assert errors(app) == []
    page = shown(app)
    for word in ("3.25", "1,234", "4.00 → 4.00", "dora", "layers computed again"):
        assert word in page
    captions = [caption.value for caption in app.caption]
    assert any("It ended early, at step 6 of 9" in words for words in captions)
    assert any("2 pairs, of questions of their own, are not taught" in words for words in captions)
    assert any("what is kept, is step 4" in words for words in captions)


def test_fixed_and_broken_are_listed_with_both_answers(looped_home: Path) -> None:
    app = open_page("pages/train/results.py")
    assert errors(app) == []
    page = shown(app)
    assert "3/12" in page
    assert "6/12" in page
    assert "may be luck" in page
    fixed = page.count('<details class="mapd-row">')
    app.segmented_control(key="change").set_value("newly broken").run()
    broken = shown(app).count('<details class="mapd-row">')
    assert fixed - broken == 6 - 3
    same = open_page("pages/train/results.py", before=exam_of("train"), after=exam_of("dev"))
    assert "different questions" in errors(same)[0]
