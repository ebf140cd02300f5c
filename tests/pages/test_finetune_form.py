"""The form that teaches: a preset fills it, the method brings its rate, the check runs in a process of its own."""

import sys
from pathlib import Path

import pytest
from sqlmodel import select
from streamlit.testing.v1 import AppTest

from mapd import students
from mapd.finetune.hyperparameters import choose
from mapd.jobs.finetune_work import FinetuneWork
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t
from mapd.ui.kit import finetune_form
from tests.finetune import tiny
from tests.pages.running import errors, open_page, shown

PAGE = "pages/train/finetune.py"


def newest() -> FinetuneWork:
    with db.reading(db.open_store(Settings())) as session:
        job = session.exec(select(t.Job).order_by(t.Job.id.desc())).first()  # type: ignore[union-attr]
        assert job is not None
        return FinetuneWork.model_validate(job.parameters)


def start(app: AppTest) -> FinetuneWork:
    app.button(key="start_finetune").click().run()
    assert not app.exception
    return newest()


def test_the_form_as_it_opens_starts_the_defaults(looped_home: Path) -> None:
    assert start(open_page(PAGE)).hyperparameters == choose()


def test_a_preset_fills_the_form_and_goes_back(looped_home: Path) -> None:
    app = open_page(PAGE)
    app.segmented_control(key="finetune_preset").set_value("paper").run()
    assert not app.exception
    assert app.warning.len == 0
    assert app.number_input(key="finetune_rank").disabled
    assert start(app).hyperparameters == choose("paper")
    app.segmented_control(key="finetune_preset").set_value("default").run()
    assert start(app).hyperparameters == choose()


def test_the_method_brings_its_rate_and_the_others_are_behind_a_button(looped_home: Path) -> None:
    app = open_page(PAGE)
    app.selectbox(key="finetune_method").set_value("full").run()
    assert app.number_input(key="finetune_rate").value == choose(method="full").learning_rate
    app.selectbox(key="finetune_method").set_value("dora").run()
    app.slider(key="finetune_validation").set_value(0.1).run()
    app.number_input(key="finetune_patience").set_value(2).run()
    app.number_input(key="finetune_dropout").set_value(0.1).run()
    app.selectbox(key="finetune_schedule").set_value("linear").run()
    app.number_input(key="finetune_lora_alpha").set_value(64).run()
    app.checkbox(key="finetune_layers").check().run()
    assert start(app).hyperparameters == choose(
        method="dora", validation=0.1, patience=2, dropout=0.1, schedule="linear", lora_alpha=64, checkpointing=True
    )
    app.text_input(key="finetune_targets").set_value(" , ").run()
    assert "targets are all-linear, or names of layers" in errors(app)[0]


@pytest.fixture
def tiny_student(looped_home: Path, tmp_path: Path) -> str:
    with db.writing(db.open_store(Settings())) as session:
        students.add(session, "tiny", path=tiny.save(tmp_path / "tiny"), by=owner("ann"))
    return "tiny"


def test_the_check_says_what_it_takes_before_the_press(looped_home: Path, tiny_student: str) -> None:
    app = open_page(PAGE)
    app.selectbox(key="finetune_student_1").set_value(tiny_student).run()
    app.number_input(key="finetune_length").set_value(2000).run()
    app.slider(key="finetune_validation").set_value(0.2).run()
    assert "minutes" not in shown(app).partition("finetune")[0]
    app.button(key="check_finetune").click().run(timeout=120)
    assert not app.exception
    assert errors(app) == []
    page = shown(app)
    assert all(f"<dt>{words}</dt>" in page for words in ("pairs", "for validation", "steps", "MB of memory"))
    app.number_input(key="finetune_epochs").set_value(4).run()
    assert "<dt>MB of memory</dt>" not in shown(app), "it was of other settings"


def test_a_check_that_cannot_be_is_one_line(looped_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = FinetuneWork(snapshot="zz")
    result = finetune_form.run_check(work, by=owner("ann"))
    assert (result.preflight, result.error) == (None, "no snapshot begins with 'zz'")
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert "broke off" in (finetune_form.run_check(work, by=owner("ann")).error or "")
