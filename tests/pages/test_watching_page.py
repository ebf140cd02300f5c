"""The finetune page of a training that is watched: held-out answers, trainings over each other, the acts."""

from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

import sqlalchemy as sa
from sqlmodel import select

from mapd.finetune.options import RunOptions
from mapd.finetune.run import claim_key
from mapd.jobs.finetune_work import FinetuneWork
from mapd.models import weights
from mapd.settings import Settings
from mapd.store import db, finetunes, queries
from mapd.store import tables as t
from tests.pages.running import errors, open_page, shown

PAGE = "pages/train/finetune.py"
OTHERS = {"higher rate": {"learning_rate": 2e-3}, "full": {"method": "full", "learning_rate": 5e-5, "validation": 0.2}}


def add_trainings(engine: sa.Engine) -> dict[str, str]:
    """Two trainings beside the one that is there, the last one not finished, with answers; their uids by arm."""
    with db.writing(engine) as session:
        first = session.exec(select(t.Finetune)).one()
        held_out = session.exec(select(t.Question).where(t.Question.split == "dev").limit(3)).all()
        base = first.model_dump(exclude={"id", "uid", "arm", "student_id", "created_at", "hyperparameters"})
        for place, (arm, settings) in enumerate(OTHERS.items(), 1):
            values = {"arm": arm, "seed": place, "planned_steps": 6, "uid": f"{place}e" * 16}
            row = t.Finetune(**base | values, hyperparameters=first.hyperparameters | settings)
            row.created_at = first.created_at + timedelta(minutes=place)
            session.add(row)
            session.flush()
            add_steps(session, queries.identity(row), place)
            for question in held_out:
                add_answers(session, queries.identity(row), question)
        return {row.arm or "first": row.uid for row in session.exec(select(t.Finetune)).all()}


def add_steps(session: db.Session, finetune_id: int, place: int) -> None:
    """Four steps, each with all that a step reports."""
    for step in range(1, 5):
        losses = {"loss_feedback": 2.2 / (step + place), "loss_rationale": 1.7 / (step + place / 2)}
        if step % 2 == 0:
            losses |= {"validation_feedback": 2.6 / (step + place), "validation_rationale": 2.1 / (step + place)}
        paces = {"learning_rate": 1e-3 / step, "tokens_per_s": 400, "seconds": 2, "gradient_norm": 3 / step}
        session.add(t.FinetuneStep(finetune_id=finetune_id, step=step, memory_mb=900, **losses, **paces))


def add_answers(session: db.Session, finetune_id: int, question: t.Question) -> None:
    """Answers before the first step and behind two: none, a wrong one, the right one."""
    texts = {0: ("I do not know.", "no_answer", None), 2: ("So 1.\nAnswer: 1", "incorrect", "1")}
    texts[4] = (f"It is so.\nAnswer: {question.gold}", "correct", question.gold)
    for step, (text, outcome, answer) in texts.items():
        values = {"text": text, "outcome": outcome, "answer": answer, "finish": "ok", "step": step}
        session.add(t.FinetuneAnswer(finetune_id=finetune_id, question_id=queries.identity(question), **values))


def test_held_out_answers_stand_side_by_side_over_the_steps(looped_home: object) -> None:
    engine = db.open_store(Settings())
    assert "Held-out answers" not in [x.value for x in open_page(PAGE).subheader]
    uids = add_trainings(engine)
    app = open_page(PAGE, finetune=uids["full"])
    assert errors(app) == []
    assert "Held-out answers" in [x.value for x in app.subheader]
    table = next(html for html in shown(app).split("mapd-table") if "before" in html)
    for words in ("step 2", "step 4", "right", "wrong", "no answer", "I do not know."):
        assert words in table


def test_trainings_are_laid_over_each_other_and_a_link_holds_the_choice(looped_home: object) -> None:
    engine = db.open_store(Settings())
    uids = add_trainings(engine)
    app = open_page(PAGE)
    (choice,) = (x for x in app.multiselect if x.label == "Lay over each other")
    choice.set_value([uids["first"]]).run()
    assert any("Choose another one" in x.value for x in app.caption)
    (choice,) = (x for x in app.multiselect if x.label == "Lay over each other")
    choice.set_value([uids["first"], uids["full"]]).run()
    assert app.query_params["compare"] == [uids["first"], uids["full"]]
    linked = open_page(PAGE, compare=[uids["first"], uids["full"]])  # type: ignore[arg-type] - one a training
    assert errors(linked) == []
    page = shown(linked)
    for words in ("learning rate", "5e-05", "method", "full", "seed", "arm"):
        assert words in page
    differing = page[page.index("A · ") : page.index("A · ") + 4000].partition("</table>")[0]
    assert "weight decay" not in differing, "it is alike in both"
    assert len([x for x in linked.get("plotly_chart") if "overlay_" in str(x.proto)]) == 6, "a figure a quantity"
    lost = open_page(PAGE, compare="nope")
    assert "nope" in errors(lost)[0]


def test_the_acts_of_a_training_that_runs_and_of_one_that_is_done(looped_home: object) -> None:
    engine = db.open_store(Settings())
    uids = add_trainings(engine)
    app = open_page(PAGE, finetune=uids["full"])
    assert any("It isn't running" in x.value for x in app.caption)
    assert "stop_finetune" not in [x.key for x in app.button]
    with db.writing(engine) as session:
        until = db.clock(session) + timedelta(seconds=20)
        session.add(t.Claim(key=claim_key(uids["full"]), run="another", until=until))
    app = open_page(PAGE, finetune=uids["full"])
    assert "start_again" not in [x.key for x in app.button]
    app.button(key="stop_finetune").click().run()
    with db.reading(engine) as session:
        assert finetunes.find(session, uids["full"]).stop_requested_at is not None
    assert any("its student is kept" in x.value for x in app.caption)


def test_a_training_that_broke_off_is_started_again(looped_home: object) -> None:
    engine = db.open_store(Settings())
    uids = add_trainings(engine)
    with db.writing(engine) as session:
        session.exec(select(t.Student).where(t.Student.name == "small")).one().base = weights.PACKAGED
    app = open_page(PAGE, finetune=uids["higher rate"])
    assert "again_keep" not in [x.key for x in app.checkbox], "an adapter keeps its optimizer anyway"
    app.number_input(key="again_ask").set_value(5).run()
    app.button(key="start_again").click().run()
    with db.reading(engine) as session:
        (job,) = session.exec(select(t.Job).where(t.Job.kind == "finetune")).all()
        work = FinetuneWork.model_validate(job.parameters)
        training = finetunes.find(session, uids["higher rate"])
    assert work == FinetuneWork.of_training(training, RunOptions(ask_every=5))
    assert (work.arm, work.learning_rate, work.seed) == ("higher rate", 2e-3, 1)


def test_full_finetuning_that_kept_no_optimizer_says_so(looped_home: Path) -> None:
    engine = db.open_store(Settings())
    with db.writing(engine) as session:
        first = session.exec(select(t.Finetune)).one()
        first.hyperparameters = first.hyperparameters | {"method": "full"}
        uid = first.uid
    folder = weights.finetune_folder(Settings().home, uid)
    (folder / "model").mkdir(parents=True)
    app = open_page(PAGE)
    assert "only with --keep-optimizer" in shown(app)
    assert "more_epochs" not in [x.key for x in app.number_input]
    (folder / "last-000006").mkdir()
    app.run()
    assert "more_keep" in [x.key for x in app.checkbox]


def test_a_finished_training_goes_on_and_a_stopped_one_says_so(looped_home: object) -> None:
    engine = db.open_store(Settings())
    with db.writing(engine) as session:
        first = session.exec(select(t.Finetune)).one()
        first.stopped_at, first.planned_steps, first.continues = 6, 9, "9c1e" * 8
        student = session.exec(select(t.Student).where(t.Student.name == "small")).one()
        student.base = weights.PACKAGED  # it can be taught, as far as a page looks
    app = open_page(PAGE)
    assert any("Stopped at step 6 of 9" in x.value for x in app.caption)
    assert "Goes on from" in shown(app)
    app.number_input(key="more_epochs").set_value(2).run()
    app.multiselect(key="more_report").set_value(["tensorboard"]).run()
    assert any("tensorboard isn" in words for words in errors(app)) == (find_spec("tensorboard") is None)
    app.multiselect(key="more_report").set_value([]).run()
    app.number_input(key="more_ask").set_value(4).run()
    app.button(key="continue_finetune").click().run()
    with db.reading(engine) as session:
        (job,) = session.exec(select(t.Job).where(t.Job.kind == "finetune")).all()
        work = FinetuneWork.model_validate(job.parameters)
        training = finetunes.finetunes(session)[0]
    assert (work.continues, work.epochs) == (training.uid, training.hyperparameters["epochs"] + 2)
    assert work.ask_every == 4
    results = open_page("pages/train/results.py")
    assert any("stopped at step 6 of 9" in x.value for x in results.caption)


def test_the_form_takes_what_is_done_beside(looped_home: object) -> None:
    with db.writing(db.open_store(Settings())) as session:
        session.exec(select(t.Student).where(t.Student.name == "small")).one().base = weights.PACKAGED
    app = open_page(PAGE)
    app.number_input(key="finetune_ask").set_value(20).run()
    app.number_input(key="finetune_asks").set_value(2).run()
    app.button(key="start_finetune").click().run()
    with db.reading(db.open_store(Settings())) as session:
        (job,) = session.exec(select(t.Job).where(t.Job.kind == "finetune")).all()
    work = FinetuneWork.model_validate(job.parameters)
    assert (work.ask_every, work.ask_questions, work.report_to) == (20, 2, "")
    assert all("ask" not in word for word in work.words), "a check teaches nothing"
