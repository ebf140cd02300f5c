"""The arms page: what starts a comparison, and a comparison as picture and table."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import select

from mapd import exam, students
from mapd.jobs.arms_work import ArmsWork
from mapd.jobs.work import WorkContext
from mapd.loop import arms
from mapd.loop.arms import ArmsPlan
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import db, queries
from mapd.store import tables as t
from tests import looped
from tests.pages.running import errors, open_page, shown

PAGE = "pages/train/arms.py"


def train_exam(engine: sa.Engine) -> str:
    with db.reading(engine) as session:
        return next(exam.uid for exam in queries.exams(session) if exam.split == "train")


def test_an_exam_without_arms_offers_them_and_starts_what_was_chosen(looped_home: Path) -> None:
    engine = db.open_store(Settings())
    train = train_exam(engine)
    app = open_page(PAGE, exam=train)
    assert not errors(app)
    assert any("Nothing was compared yet" in caption.value for caption in app.caption)
    options = app.multiselect(key="arms_names").options
    assert {"no review: any rationale", "sound's texts alone", "gold answers alone"} <= set(options)
    app.multiselect(key="arms_names").set_value(["paper", "teacher:sound", "few-shot"]).run()
    app.number_input(key="arms_seeds").set_value(2).run()
    app.segmented_control(key="arms_preset").set_value("paper").run()
    app.button(key="start_arms").click().run()
    assert not app.exception
    with db.reading(engine) as session:
        job = session.exec(select(t.Job).order_by(t.Job.id.desc())).first()  # type: ignore[union-attr]
        assert job is not None
        work = ArmsWork.model_validate(job.parameters)
    assert (work.exam, work.arms, work.seeds) == (train, ("paper", "teacher:sound", "few-shot"), (0, 1))
    assert (work.plan.hyperparameters.epochs, work.plan.hyperparameters.method) == (10, "full")
    app.multiselect(key="arms_names").set_value(["untaught"]).run()
    assert any("name one that is taught, too" in line for line in errors(app))


@pytest.mark.usefixtures("scripted")
def test_a_job_that_is_done_leads_to_its_comparison(looped_home: Path) -> None:
    engine = db.open_store(Settings())
    work = ArmsWork.by_preset("default", exam=train_exam(engine), arms=("paper", "no-review"), seeds=(0,))
    outcome = work.run(WorkContext(engine, looped_home, owner("ann")))
    with db.writing(engine) as session:
        at = db.clock(session)
        parameters = work.model_dump(mode="json")
        session.add(
            t.Job(kind="arms", parameters=parameters, person="ann", status="done", outcome=outcome, ended_at=at)
        )
    app = open_page(PAGE, exam=train_exam(engine))
    assert "The comparison" in [element.proto.label for element in app.main.get("page_link")]
    jobs_page = open_page("pages/loop/jobs.py")
    assert not errors(jobs_page)
    assert not errors(open_page(PAGE, exam=train_exam(engine), comparison=outcome["comparison"]))


def test_the_results_page_opens_on_a_training_not_on_worked_examples(looped_home: Path) -> None:
    engine = db.open_store(Settings())
    with db.writing(engine) as session:
        students.add_with_examples(session, "small", 1, by=owner("ann"))
    exam.run(engine, looped.Scripted(3), student="small 1-shot", question_set="demo", split="dev", by=owner("ann"))
    with db.reading(engine) as session:
        taught = next(info for info in queries.exams(session) if info.round > 0)
    app = open_page("pages/train/results.py")
    assert next(box for box in app.selectbox if box.label == "After").value == taught.uid
    assert "Untaught, with 1 worked example in its prompt" in shown(app)


@pytest.mark.usefixtures("scripted")
def test_a_comparison_is_drawn_and_its_reference_is_in_the_address(looped_home: Path) -> None:
    engine = db.open_store(Settings())
    train = train_exam(engine)
    plan = ArmsPlan(train, ("no-review", "paper", "gold-answers", "few-shot"), seeds=(0, 1))
    summary = arms.run(engine, looped_home, plan, by=owner("ann"))
    app = open_page(PAGE, exam=train)
    assert not errors(app)
    body = shown(app)
    for words in ("untaught, 1-shot", "no-review", "gold-answers", "What this doesn", f"{summary.pairs:,}"):
        assert words in body + "".join(s.value for s in app.subheader)
    against = next(box for box in app.selectbox if box.label == "Gains are against")
    against.set_value("paper").run()
    assert app.query_params["against"] == "paper"
    linked = open_page(PAGE, exam=train, against="paper")
    assert next(box for box in linked.selectbox if box.label == "Gains are against").value == "paper"
    odd = open_page(PAGE, exam=train, against="lottery", comparison="9-9-9")
    assert len(errors(odd)) == 2


def test_arms_need_an_exam_over_train_questions(looped_home: Path) -> None:
    with db.reading(db.open_store(Settings())) as session:
        dev = next(exam.uid for exam in queries.exams(session) if exam.split == "dev")
    app = open_page(PAGE, exam=dev)
    assert any("over train questions" in caption.value for caption in app.caption)
