"""What a start may cost stands on its form, its budget goes with the job, an unknown price waits for a yes."""

from html import unescape
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, col, select
from streamlit.testing.v1 import AppTest

from mapd import committee, jobs, teacher_models, teachers
from mapd.curation import saved_policies
from mapd.jobs import AttemptRef
from mapd.people import owner
from mapd.policies import STRICT, Policy
from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t
from tests.pages.running import errors, open_page, shown
from tests.provider import Asked, Provider
from tests.test_adaptive_collection import answer
from tests.test_committee import NAMES, Scripted

COMMITTEE, TEACHERS = "pages/loop/committee.py", "pages/loop/teachers.py"
PRICE = {"usd_in": 1, "usd_out": 10}


def write() -> Any:
    return db.writing(db.open_store(Settings()))


def add(name: str, **given: Any) -> None:
    with write() as session:
        teachers.add(session, name, by=owner("ann"), **({"kind": "openai", "model": "m-1"} | given))


def newest(session: Session) -> t.Job | None:
    return session.exec(select(t.Job).order_by(col(t.Job.id).desc())).first()


def parameters() -> dict[str, Any]:
    with write() as session:
        job = newest(session)
        return {} if job is None else job.parameters


def keys(app: AppTest) -> set[str | None]:
    return {b.key for b in app.button}


def test_simulated_teachers_say_that_they_are_free(full_home: Path) -> None:
    for name in ("sound", "slips"):
        add(name, kind="simulated", model=name)
    app = open_page(COMMITTEE)
    assert "72 calls missing (24 rationales, 24 feedback, 24 reviews): free (simulated)." in shown(app)
    assert "<th>about" not in shown(app)
    app.button(key="start_collect").click().run()
    assert (parameters()["budget"], parameters()["unknown_price"]) == (None, False)


def test_the_form_says_what_it_may_cost_and_the_budget_goes_with_the_job(
    full_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAPD_BUDGET_USD", "7.5")
    add("mini", price=PRICE)
    add("own", base_url="http://localhost:11434/v1")
    app = open_page(COMMITTEE)
    page = shown(app)
    assert "$1.00 in, $10.00 out a million tokens (stated)" in page
    assert "free (on this machine)" in page
    assert "so the longest is assumed: mini." in page
    assert "72 calls missing (24 rationales, 24 feedback, 24 reviews): about $" in page
    assert app.number_input(key="collect_budget").value == 7.5
    app.number_input(key="collect_budget").set_value(0.25).run()
    app.button(key="start_collect").click().run()
    assert not app.exception
    assert parameters()["budget"] == 0.25


def test_an_unknown_price_waits_for_a_yes(full_home: Path) -> None:
    add("odd *one*")
    app = open_page(COMMITTEE)
    assert "start_collect" not in keys(app)
    assert any("Nobody knows what these calls cost" in c.value for c in app.caption)
    assert r"odd \*one\*" in app.checkbox(key="collect_unknown").label
    app.checkbox(key="collect_unknown").check().run()
    app.button(key="start_collect").click().run()
    assert parameters()["unknown_price"] is True


def test_adaptive_collection_is_a_choice_and_what_it_left_out_is_said(full_home: Path) -> None:
    for name in NAMES:
        add(name, base_url=f"http://localhost:11434/{name}")
    engine = db.open_store(Settings())
    with db.writing(engine) as session:
        saved_policies.set_policy(session, 1, "strict", None, by=owner("ann"))
    models = {name: Scripted(name, answer) for name in NAMES}
    done = committee.collect(engine, exam=1, teachers=NAMES, models=models, by=owner("ann"), adaptive=STRICT)
    assert done.saved is not None
    app, calls = open_page(COMMITTEE), done.saved.calls
    assert calls > len(NAMES)
    assert f"{calls} reviews are missing that can't change a verdict of policy strict." in unescape(shown(app))
    assert f"{calls} calls missing (0 rationales, 0 feedback, {calls} reviews)" in shown(app)
    assert app.toggle(key="collect_adaptive").value is False
    app.toggle(key="collect_adaptive").set_value(True).run()
    assert f"0 calls missing (0 rationales, 0 feedback, 0 reviews): free (on this machine); {calls} reviews" in shown(
        app
    )
    app.button(key="start_collect").click().run()
    assert not app.exception
    assert parameters()["adaptive"] is True


def test_a_policy_without_bounds_is_named_where_nothing_is_left_out(full_home: Path) -> None:
    add("sound", kind="simulated", model="sound")
    add("slips", kind="simulated", model="slips")
    with write() as session:
        saved_policies.save_policy(session, Policy("fair", leniency_adjusted=True), by=owner("ann"))
        saved_policies.set_policy(session, 1, "fair", None, by=owner("ann"))
    app = open_page(COMMITTEE)
    app.toggle(key="collect_adaptive").set_value(True).run()
    words = "policy fair corrects for leniency: what a review can change isn't known in advance, so each is asked for."
    assert words in unescape(shown(app))


def test_what_failed_is_asked_again_by_a_button(full_home: Path) -> None:
    def refusing(asked: Asked) -> str:
        return "refusal" if "ash" in asked.path and "that a student can learn from" in str(asked.body) else "ok"

    names = ("brook", "ash")
    with Provider(refusing) as server:
        for name in names:
            add(name, base_url=f"{server.url}/{name}/v1", price=PRICE)
        engine = db.open_store(Settings())
        with db.reading(engine) as session:
            models = {name: teacher_models.open_model(engine, teachers.get(session, name)) for name in names}
        done = committee.collect(engine, exam=1, teachers=names, models=models, by=owner("ann"), budget=3.0)
    assert done.failed == 12
    app = open_page(COMMITTEE)
    assert app.button(key="ask_again").label == "Ask again: 24 calls"
    assert "12 calls of this exam gave no text. 24 calls missing (12 rationales, 0 feedback, 12 reviews)" in shown(app)
    assert "so far, of a budget of $3.00." in shown(app)
    app.button(key="ask_again").click().run()
    assert not app.exception
    given = parameters()
    assert (given["teachers"], given["budget"], given["samples"]) == (["brook", "ash"], 3.0, 1)
    assert "ask_again" not in keys(app), "it is being asked"


def test_a_job_that_stopped_at_its_budget_shows_it(full_home: Path) -> None:
    line = "stopped at the budget of $0.10 ($0.09 spent), 12 calls not made; raise it and start again"
    with write() as session:
        exam = session.exec(select(t.Exam.uid)).one()
        job = jobs.start(session, "collect", {"exam": exam, "teachers": ["mini"], "budget": 0.1}, by=owner("ann"))
        ref = AttemptRef(job.uid, 1)
        jobs.take(session, "w", calls=True)
        jobs.end(session, ref, "done", outcome={"stopped": line, "not_made": 12})
    for page in (COMMITTEE, "pages/loop/jobs.py"):
        app = open_page(page, job=ref.uid)
        assert line in shown(app)
        assert ">■</span>stopped" in shown(app)
        assert errors(app) == []
        assert f"resume_{ref.uid}" not in keys(app)


def test_a_price_is_stated_on_the_teachers_page(home: Path) -> None:
    app = open_page(TEACHERS)
    app.segmented_control(key="teacher_kind_0").set_value("openai").run()
    app.text_input(key="teacher_name_0").set_value("mini")
    app.text_input(key="teacher_model_0").set_value("m-1")
    app.number_input(key="teacher_price_in_0").set_value(0.5).run()
    app.button(key="add_teacher").click().run()
    assert ["give both" in e for e in errors(app)] == [True]
    app.number_input(key="teacher_price_out_0").set_value(2.0).run()
    app.button(key="add_teacher").click().run()
    assert "$0.50 in, $2.00 out a million tokens (stated)" in shown(app)
