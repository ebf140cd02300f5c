"""Rounds of a student with scripted students and an invented finetune: what is asked again, and what is not."""

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col, select

from mapd import committee, students, teachers
from mapd.curation import saved_policies
from mapd.errors import BadInput, Stopped
from mapd.finetune import records
from mapd.finetune import run as finetuning
from mapd.finetune.hyperparameters import Hyperparameters
from mapd.jobs import kinds
from mapd.jobs.work import WorkContext
from mapd.loop import demo, round_plan
from mapd.loop import round as rounds_run
from mapd.loop.demo import DemoPlan
from mapd.loop.round_plan import RoundPlan
from mapd.people import owner
from mapd.rounds import StopRule
from mapd.settings import Settings
from mapd.store import db, queries
from mapd.store import tables as t
from mapd.ui import round_form
from tests import looped
from tests.commands import Mapd
from tests.conftest import ReadyMade
from tests.pages.running import errors, open_page, shown
from tests.test_both_databases import copy

ANN = owner("ann")
TABLES = (t.Exam, t.Attempt, t.Call, t.Snapshot, t.Student, t.Finetune)


def teach(
    engine: sa.Engine, *, student: str, snapshot_sha: str, hyperparameters: Hyperparameters, home: Path, **_: object
) -> SimpleNamespace:
    """A finetune that leaves its row, its student, and an empty adapter."""
    with db.writing(engine) as session:
        snapshot, parent = queries.find_snapshot(session, snapshot_sha), students.get(session, student)
        row = records.make_row(parent, snapshot, hyperparameters, None)
        adapter, name = f"finetunes/{row.uid}/adapter", f"{parent.name}-{row.uid[:6]}"
        if session.exec(select(t.Student).where(t.Student.uid == row.uid)).first() is None:
            new = t.Student(uid=row.uid, name=name, base=parent.base, adapter=adapter, round=parent.round + 1)
            new.parent_id, new.snapshot_sha256 = parent.id, snapshot_sha
            session.add(new)
            session.flush()
            row.student_id = new.id
            session.add(row)
    (home / adapter).mkdir(parents=True, exist_ok=True)
    return SimpleNamespace(name=name, stopped=None)


def open_scripted(_: object, row: t.Student, *__: object) -> looped.Scripted:
    """The untaught one knows every fourth answer, the tuned one every third, the next one every second."""
    return looped.Scripted(max(1, 4 - row.round))


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory: pytest.TempPathFactory, ready_made: ReadyMade) -> Path:
    """A SQLite project with one demo."""
    folder = tmp_path_factory.mktemp("demo")
    engine = db.open_store(Settings(home=folder, database_url=None))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(students, "open_model", open_scripted)
        patch.setattr(finetuning, "run", teach)
        demo.run(engine, folder, DemoPlan(questions=12, held_out=12), by=ANN)
    engine.dispose()
    return folder


@pytest.fixture
def taught(engine: sa.Engine, home: Path, demo_folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The demo's tuned student, in a copy of its project on either database."""
    monkeypatch.setattr(students, "open_model", open_scripted)
    monkeypatch.setattr(finetuning, "run", teach)
    copy(db.connect(f"sqlite:///{demo_folder / 'mapd.db'}"), engine)
    shutil.copytree(demo_folder / "finetunes", home / "finetunes")
    with db.reading(engine) as session:
        return session.exec(select(t.Student.name).where(t.Student.round == 1)).one()


def count(session: Session) -> dict[str, int]:
    return {table.__tablename__: session.exec(select(sa.func.count()).select_from(table)).one() for table in TABLES}


def begin(engine: sa.Engine, student: str, **changes: Any) -> RoundPlan:
    with db.reading(engine) as session:
        name, info = round_plan.find_start(session, student=student)
    return RoundPlan(name, info.uid, **changes)


def test_a_round_leaves_reviews_out_as_the_committee_before(engine: sa.Engine, home: Path, taught: str) -> None:
    first = begin(engine, taught, adaptive=True)
    turn = rounds_run.run(engine, home, first, by=ANN).turns[0]
    assert turn.new_student is not None
    with db.reading(engine) as session:
        settings = committee.find_settings(session, turn.exam)
        assert settings is not None
        assert settings.adaptive
    following = begin(engine, turn.new_student)
    with db.reading(engine) as session:
        assert round_plan.choose_committee(session, following).adaptive
        assert not round_plan.choose_committee(session, replace(following, adaptive=False)).adaptive


def test_two_rounds_and_again_nothing_is_made(engine: sa.Engine, home: Path, taught: str) -> None:
    plan = begin(engine, taught, rounds=2, pairs="all")
    told = rounds_run.run(engine, home, plan, by=ANN)
    assert (told.stopped, len(told.turns)) == (None, 2)
    assert [entry.round for entry in told.rounds] == [0, 1, 2, 3]
    assert [entry.student for entry in told.rounds][1:3] == [taught, told.turns[0].new_student]
    assert told.turns[1].before == told.turns[0].after
    with db.reading(engine) as session:
        exams = [queries.exam(session, turn.exam) for turn in told.turns]
        assert [(info.student, info.split, info.round) for info in exams] == [
            (taught, "train", 1),
            (told.turns[0].new_student, "train", 2),
        ]
        first, *others = (
            queries.exam_row(session, queries.exam(session, uid).id)
            for uid in (plan.exam, *(turn.exam for turn in told.turns))
        )
        assert all((row.decoding, row.seed, row.set_id) == (first.decoding, first.seed, first.set_id) for row in others)
        snapshots = [queries.find_snapshot(session, turn.snapshot or "") for turn in told.turns]
        of_each = [len(queries.exams_of_snapshot(session, queries.identity(row))) for row in snapshots]
        assert of_each == [2, 3], "all rounds so far"
        # A question's rationale is asked for once, whatever round missed it.
        rationales = session.exec(select(t.Explanation).where(t.Explanation.kind == "rationale")).all()
        assert max(Counter((x.question_id, x.author_id) for x in rationales).values()) == 1
        before = count(session)
    again = rounds_run.run(engine, home, plan, by=ANN)
    assert again == told
    with db.reading(engine) as session:
        assert count(session) == before


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_round_that_broke_off_goes_on(
    engine: sa.Engine, home: Path, taught: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise Stopped(1, 2)

    monkeypatch.setattr(finetuning, "run", stop)
    plan = begin(engine, taught)
    with pytest.raises(Stopped):
        rounds_run.run(engine, home, plan, by=ANN)
    with db.reading(engine) as session:
        before = count(session)
    monkeypatch.setattr(finetuning, "run", teach)
    told = rounds_run.run(engine, home, plan, by=ANN)
    with db.reading(engine) as session:
        made = {name: number - before[name] for name, number in count(session).items()}
        # What the student itself sat is the next start, not what it was taught from.
        assert round_plan.find_start(session, student=taught)[1].uid == told.turns[0].exam
    assert made == {"exam": 1, "attempt": 12, "call": 0, "snapshot": 0, "student": 1, "finetune": 1}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_policy_and_hyperparameters_are_those_before(engine: sa.Engine, home: Path, taught: str) -> None:
    plan = begin(engine, taught, settings={"epochs": 1})
    with db.writing(engine) as session:
        saved_policies.set_policy(session, queries.exam(session, plan.exam).id, "paper", 3.5, by=ANN)
        made_with = session.exec(select(t.Finetune)).one()
        made_with.alpha = 0.25
    told = rounds_run.run(engine, home, plan, by=ANN)
    with db.writing(engine) as session:
        info = queries.exam(session, told.turns[0].exam)
        assert (info.policy, info.threshold) == ("paper", 3.5)
        latest = session.exec(select(t.Finetune).order_by(col(t.Finetune.id).desc())).first()
        assert latest is not None
        assert (latest.alpha, latest.hyperparameters["epochs"]) == (0.25, 1)
        # What people choose for the exam itself stays.
        saved_policies.set_policy(session, info.id, "paper", 2.5, by=ANN)
    again = rounds_run.run(engine, home, plan, by=ANN)
    with db.reading(engine) as session:
        assert queries.exam(session, told.turns[0].exam).threshold == 2.5
    assert again.turns[0].snapshot != told.turns[0].snapshot


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_rule_on_dev_ends_the_rounds(engine: sa.Engine, home: Path, taught: str) -> None:
    told = rounds_run.run(engine, home, begin(engine, taught, rounds=3, stop=StopRule(gain=100)), by=ANN)
    assert len(told.turns) == 1
    assert not told.is_broken
    assert (told.stopped or "").startswith("ended after 1 of 3 rounds: accuracy changed by +")
    for exam in (told.turns[0].before, told.turns[0].after):
        with db.reading(engine) as session:
            assert queries.exam(session, exam or "").split == "dev"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_what_the_committee_lacks_ends_the_round(
    engine: sa.Engine, home: Path, taught: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    collect = committee.collect
    budgets = []

    def fail(*args: Any, **options: Any) -> committee.CollectResult:
        budgets.append(options["budget"])
        return replace(collect(*args, **options), failed=2)

    monkeypatch.setattr(committee, "collect", fail)
    told = rounds_run.run(engine, home, begin(engine, taught, budget=3.0), by=ANN)
    assert told.is_broken
    assert told.turns[0].snapshot is None
    assert told.stopped == (
        "2 calls gave no text (no reason given); start again, only these are asked, or go on without them, with "
        "--skip-failed"
    )
    told = rounds_run.run(engine, home, begin(engine, taught, skip_failed=True, rounds=2, budget=3.0), by=ANN)
    assert (told.stopped, len(told.turns)) == (None, 2)
    assert budgets == [3.0] * 3, "simulated teachers spend nothing of it"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_round_that_can_t_be_says_so_in_one_line(engine: sa.Engine, home: Path, taught: str, mapd: Mapd) -> None:
    with db.writing(engine) as session:
        dev = next(info for info in queries.exams(session) if info.split == "dev")
        session.add(t.Student(name="elsewhere", base="elsewhere"))
        session.add(t.Student(name="fresh", base="path:/nowhere"))
        teachers.add(session, "dear", kind="openai", model="m", by=ANN, base_url="https://teach.example/v1")
        session.exec(select(t.Teacher).where(t.Teacher.name == "dear")).one().disabled = False
    for words, line in {
        (): "a round needs its student or its exam: name one, with --student or --exam",
        ("--exam", dev.uid): "which are never taught; name one over train",
        ("--student", "elsewhere"): "student elsewhere came with an import, without weights: it can't be used here",
        ("--student", "fresh"): "student fresh sat no exam over train questions, and was taught on none here",
        ("--student", taught, "--rounds", "99"): "1 to 20 rounds are done in one go, not 99",
        ("--student", taught, "--pairs", "some"): "a round teaches pairs that are new or all, not some",
        ("--student", taught, "--stop", "test:1"): "a rule to end by is gain:POINTS",
        ("--student", taught, "--stop", "better:0"): "at least 1 round has to be without a better one, not 0",
        ("--student", taught, "--set", "depth=3"): "--set takes a hyper-parameter, one of alpha,",
        ("--student", taught, "--set", "epochs=many"): "--set epochs=many: Input should be a valid integer",
        ("--student", taught, "--set", "epochs=0"): "epochs is a number from 1 to 1000, not 0",
        ("--student", taught, "--dev", "nothing"): "unknown question set: nothing",
        ("--student", taught, "--teachers", "nobody"): "unknown teacher: nobody",
        ("--student", taught, "--teachers", "dear"): "nobody knows the price of dear",
        ("--student", taught, "--teachers", "dear", "--unknown-price"): "no budget holds it: nothing was done",
    }.items():
        result = mapd("round", *words)
        assert result.code in (1, 2), words
        assert line in result.err
        assert result.err.count("\n") == 1, result.err


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_the_command_estimates_and_does_a_round(engine: sa.Engine, taught: str, mapd: Mapd) -> None:
    with db.reading(engine) as session:
        _, info = round_plan.find_start(session, student=taught)
        mistakes = len(committee.make_plan(session, info, ["sound"], 1).mistakes)
    ahead = mapd("round", "--student", taught, "--estimate", "--json").json
    by_kind = {kind: sum(x["calls"][kind] for x in ahead["teachers"]) for kind in ("feedback", "rationale", "review")}
    assert by_kind == {"feedback": 3 * mistakes, "rationale": 0, "review": 0}
    assert ahead["basis"] == f"the round, with as many mistakes as {info.name} has"
    told = mapd("round", "--student", taught, "--stop", "gain:1", "--json").json
    assert told["whole"]
    assert [entry["student"] for entry in told["rounds"]][-2:] == [taught, told["student"]]
    exact = mapd("round", "--exam", told["exam"], "--estimate", "--json").json
    assert (exact["calls"], exact["basis"][:3]) == (0, "for")
    out = mapd("round", "--student", taught).out
    assert f"the next round: mapd round --student {told['student']}" in out
    line = mapd("rounds", "--exam", told["after"], "--json").json["rounds"]
    assert line[-1]["snapshot"] == told["snapshot"]
    assert line[-1]["taught_from"] == [told["exam"]]
    assert "was taught on snapshot" in mapd("rounds", "--exam", told["after"]).out


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_the_page_goes_on_with_a_round_and_draws_the_lineage(engine: sa.Engine, home: Path, taught: str) -> None:
    app = open_page("pages/train/results.py")
    assert not errors(app)
    assert shown(app).count('class="mapd-lineage-student"') == 2
    assert not [field for field in app.number_input if field.key == "round_number"], "nothing is worked out unasked"
    app.session_state[round_form.FORM] = True
    app.run()
    app.number_input(key="round_number").set_value(2).run()
    app.selectbox(key="round_stop").select("gain").run()
    app.number_input(key="round_points").set_value(-100.0).run()
    app.number_input(key=f"round_epochs_{taught}").set_value(2).run()
    app.button(key="start_round").click().run()
    assert not app.exception
    with db.reading(engine) as session:
        job = session.exec(select(t.Job)).one()
        work = kinds.read_job(job)
    assert isinstance(work, kinds.RoundWork)
    assert (work.rounds, work.stop, work.settings, work.teachers) == (2, ("gain:-100",), {"epochs": 2}, demo.TEACHERS)
    result = work.run(WorkContext(engine, home, ANN))
    with db.writing(engine) as session:
        row = session.exec(select(t.Job)).one()
        row.status, row.outcome = "done", result
    app = open_page("pages/train/results.py", before=result["before"], after=result["after"])
    assert not errors(app)
    page = shown(app)
    assert page.count('class="mapd-lineage-student"') == 4
    assert page.count("snapshot=") >= 3
    assert "Round by round" in [subheader.value for subheader in app.subheader]


def test_a_student_that_sat_no_train_exam_is_refused_on_the_page(looped_home: Path) -> None:
    app = open_page("pages/train/results.py")
    app.session_state[round_form.FORM] = True
    app.run()
    assert not errors(app)
    assert any("sat no exam over train questions" in caption.value for caption in app.caption)


def test_the_work_refuses_what_a_plan_refuses() -> None:
    with pytest.raises(BadInput, match="1 to 20 rounds"):
        RoundPlan("s", "e", rounds=0)
    assert StopRule.read(StopRule(gain=1.5, patience=2).words) == StopRule(1.5, 2)
