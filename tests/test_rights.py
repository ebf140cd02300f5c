"""What an act needs is asked where it is done: each function that writes, called by one who may not."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, select

from mapd import (
    approvals,
    committee,
    exam,
    jobs,
    names,
    people,
    served_students,
    server_access,
    students,
    teachers,
    trash,
)
from mapd.answers.grading import Task
from mapd.curation import fitted_policies, live_set, saved_policies, snapshots
from mapd.domain import Act, RowFilter
from mapd.errors import BadInput, Forbidden
from mapd.exchange import (
    adapters,
    archive,
    attempt_files,
    attempts,
    authors,
    browse_rows,
    explanations,
    hub,
    judgements,
    labelling,
    recorded,
    student_folders,
)
from mapd.exchange.explanations import ExplanationPlan
from mapd.exchange.training import FORMATS, authors_files
from mapd.exchange.training import snapshots as going_out
from mapd.exchange.verdict_files import VerdictFile
from mapd.finetune import preflight, stopping
from mapd.finetune import run as finetuning
from mapd.finetune.hyperparameters import Hyperparameters
from mapd.jobs.finetune_work import FinetuneWork
from mapd.judgements import ADJUDICATOR
from mapd.loop import arms, demo, round_plan
from mapd.loop import round as rounds_run
from mapd.loop.arms import ArmsPlan
from mapd.people import READER, Person, Right, Role, owner
from mapd.playground import asking
from mapd.playground.helper import AnswerProcess
from mapd.playground.question import PlaygroundQuestion
from mapd.policies import STRICT
from mapd.questions import generated, mapping, saved_mappings, sets
from mapd.review import assignment, batches, guidelines, judging, reasons, repairs, saved_views, set_aside, verdicts
from mapd.review.judging import Target
from mapd.review.verdict_matching import VerdictPlan
from mapd.settings import Settings
from mapd.store import db, queries
from mapd.store import tables as t
from mapd.ui.kit import finetune_form
from mapd.ui.teachers import trial
from tests.looped import Scripted

ROOT = Path(__file__).parents[1]
ANNOTATOR = Person("bob@x.org", Role.ANNOTATOR)
TEXT = Target("rationale", 1)
HERE = Path("nowhere")
SERVED = t.Student(name="x", base="served:m", base_url="http://h/v1")
EFFECT = server_access.EnableEffect("student x", "m", None, None, needs_yes=False)
SUM = PlaygroundQuestion("2 + 2?", Task.NUMERIC)
NO_ANSWERS = attempt_files.AttemptsContent((), (), "x", "train")
NO_EXPLANATIONS = ExplanationPlan(None)  # type: ignore[arg-type]
NO_VERDICTS = VerdictPlan(VerdictFile("x", "", "judgements", ()), None, counting=True)
Write = Callable[[Session, Person], object]

FOR_ANNOTATORS: dict[str, Write] = {
    "judging.judge": lambda s, by: judging.judge(s, TEXT, Act.ACCEPT, by=by),
    "repairs.repair": lambda s, by: repairs.repair(s, TEXT, "1 + 1 = 2.", by=by, token="t"),
    "saved_views.save": lambda s, by: saved_views.save(s, "mine", {}, by=by),
}
FOR_OWNERS: dict[str, Write] = {
    "judging.judge": lambda s, by: judging.judge(s, TEXT, Act.ACCEPT, by=by, role=ADJUDICATOR),
    "repairs.repair": lambda s, by: repairs.repair(s, TEXT, "1 + 1 = 2.", by=by, token="t", role=ADJUDICATOR),
    "batches.judge_all": lambda s, by: batches.judge_all(s, [batches.BatchText(TEXT, 0, "")], Act.ACCEPT, by=by),
    "guidelines.save": lambda s, by: guidelines.save(s, "accept all", by=by, base_uid=None),
    "reasons.add": lambda s, by: reasons.add(s, "wrong units", by=by),
    "reasons.remove": lambda s, by: reasons.remove(s, "wrong_units", by=by),
    "exam.set_wrong_in": lambda s, by: exam.set_wrong_in(s, 1, 1, by=by),
    "snapshots.note_download": lambda s, by: going_out.note_download(s, "3f", "pairs.jsonl", b"", 0, by=by),
    "assignment.set_judging": lambda s, by: assignment.set_judging(s, 1, by=by, judgements_wanted=3),
    "set_aside.set_aside": lambda s, by: set_aside.set_aside(s, 1, "eve", "clicked through", by=by),
    "set_aside.count_again": lambda s, by: set_aside.count_again(s, 1, "eve", by=by),
    "fitted_policies.plan_fit": lambda s, by: fitted_policies.plan_fit(s, "x", [queries.exam(s, 1)], "gold", by=by),
    "saved_policies.save_policy": lambda s, by: saved_policies.save_policy(s, STRICT, by=by),
    "saved_policies.set_policy": lambda s, by: saved_policies.set_policy(s, 1, "strict", None, by=by),
    "snapshots.freeze": lambda s, by: snapshots.freeze(s, live_set.load_curated(s, 1), by=by),
    "__init__.start": lambda s, by: jobs.start(s, "exam", {}, by=by),
    "__init__.cancel": lambda s, by: jobs.cancel(s, _job(s), by=by),
    "__init__.resume": lambda s, by: jobs.resume(s, _job(s), by=by),
    "teachers.add": lambda s, by: teachers.add(s, "x", kind="simulated", model="sound", by=by),
    "teachers.change_settings": lambda s, by: teachers.change_settings(s, "gpt", by=by, limits={"concurrency": 2}),
    "teachers.disable": lambda s, by: teachers.disable(s, "gpt", by),
    "teachers.enable": lambda s, by: teachers.enable(s, "gpt", by),
    "trial.run_test": lambda s, by: trial.run_test("gpt", by=by),
    "served_students.add": lambda s, by: served_students.add(s, "x", model="m", base_url="http://h/v1", by=by),
    "served_students.enable": lambda s, by: served_students.enable(s, "x", by),
    "served_students.disable": lambda s, by: served_students.disable(s, "x", by),
    "server_access.enable": lambda s, by: server_access.enable(s, SERVED, EFFECT, by=by, approved=True),
    "server_access.disable": lambda s, by: server_access.disable(s, SERVED, by=by),
    "students.add": lambda s, by: students.add(s, "x", by=by),
    "adapters.add": lambda s, by: adapters.add(_engine(s), "x", HERE, parent="x", by=by, home=HERE),
    "__init__.push": lambda s, by: hub.push(_engine(s), "org/x", snapshot="x", by=by, home=HERE),
    "student_folders.write": lambda s, by: student_folders.write(_engine(s), "x", HERE, "adapter", by=by, home=HERE),
    "attempts.export": lambda s, by: attempts.export(_engine(s), "1", HERE, by=by),
    "sets.add": lambda s, by: sets.add(s, "x", [], source="", simulated=False, by=by),
    "saved_mappings.save": lambda s, by: saved_mappings.save(s, "m", mapping.parse("question=Body"), by=by),
    "exam.unseal": lambda s, by: exam.unseal(s, s.get_one(t.Exam, 1), "to see it", by=by),
    "exam.run": lambda s, by: exam.run(_engine(s), Scripted(1), student="x", question_set="x", split="dev", by=by),
    "__init__.collect": lambda s, by: committee.collect(_engine(s), exam=1, teachers=["gpt"], models={}, by=by),
    "run.run": lambda s, by: finetuning.run(
        _engine(s), snapshot_sha="x", hyperparameters=Hyperparameters(), by=by, home=HERE
    ),
    "run.help_training": lambda s, by: finetuning.help_training(
        _engine(s), snapshot_sha="x", hyperparameters=Hyperparameters(), by=by, home=HERE
    ),
    "preflight.check": lambda s, by: preflight.check(
        _engine(s), snapshot_sha="x", hyperparameters=Hyperparameters(), by=by, home=HERE
    ),
    "stopping.request": lambda s, by: stopping.request(s, "9c1e", by=by),
    "finetune_form.run_check": lambda s, by: finetune_form.run_check(FinetuneWork(snapshot="x"), by=by),
    "arms.run": lambda s, by: arms.run(_engine(s), HERE, ArmsPlan("1", ("paper",)), by=by),
    "students.add_with_examples": lambda s, by: students.add_with_examples(s, "x", 1, by=by),
    "demo.run": lambda s, by: demo.run(_engine(s), HERE, demo.DemoPlan(), by=by),
    "asking.ask_here": lambda s, by: asking.ask_here(
        asking.StudentModels(_engine(s), HERE), ["x"], SUM, asking.Decoding(), by=by
    ),
    "helper.ask": lambda s, by: AnswerProcess().ask({"x": "x"}, SUM, asking.Decoding(), by=by),
    "round.run": lambda s, by: rounds_run.run(_engine(s), HERE, round_plan.RoundPlan("x", "1"), by=by),
    "server_access.approve_key": lambda s, by: server_access.approve_key(
        s, "A_KEY", "https://x.org", by=by, approved=True
    ),
    "approvals.approve": lambda s, by: approvals.approve(s, "A_KEY", "https://x.org", by=by),
    "outgoing.export": lambda s, by: archive.export(_engine(s), HERE, HERE, by=by),
    "snapshots.export": lambda s, by: going_out.export(_engine(s), "x", FORMATS["csv"], HERE, by=by),
    "labelling.export": lambda s, by: labelling.export(_engine(s), "1", None, HERE, threshold=300, reasons=[], by=by),
    "explanations.store": lambda s, by: explanations.store(s, NO_EXPLANATIONS, by=by),
    "verdicts.store": lambda s, by: verdicts.store(s, NO_VERDICTS, by=by),
    "judgements.export": lambda s, by: judgements.export(_engine(s), "1", HERE, by=by),
    "browse_rows.export": lambda s, by: browse_rows.export(_engine(s), 1, RowFilter(), HERE, threshold=300, by=by),
    "authors_files.export_exam": lambda s, by: authors_files.export_exam(_engine(s), "1", HERE, by=by),
    "__init__.load": lambda s, by: archive.load(_engine(s), None, HERE, by=by),  # type: ignore[arg-type]
    "attempts.store": lambda s, by: attempts.store(s, NO_ANSWERS, s.get_one(t.QuestionSet, 1), by=by),
    "authors.store": lambda s, by: authors.store(s, None, by=by),  # type: ignore[arg-type]
    "names.rename": lambda s, by: names.rename(s, "teacher", "gpt", "GPT-4", by=by),
    "names.rename_project": lambda s, by: names.rename_project(s, "a pilot", by=by),
    "trash.delete": lambda s, by: trash.delete(s, HERE, trash.plan_exam_removal(s, 1), by=by),
    "trash.restore": lambda s, by: trash.restore(s, HERE, "x.zip", by=by),
    "trash.forget": lambda s, by: trash.forget(s, HERE, "x.zip", by=by),
    "recorded.record": lambda s, by: recorded.record(_engine(s), HERE, "", {}, by=by, folder=ROOT),
}
ELSEWHERE = {
    "recorded.load",
    "saved_views.rename",
    "saved_views.remove",
    "batches.take_back",
    "judging.undo",
    "decisions.apply",
    "decision_context.open",
    "batches.decide_class",
    "leases.take",
    "seats.renew_leases",
}  # below, by the above, or in tests/api


def _job(session: Session) -> str:
    job = session.exec(select(t.Job)).first() or t.Job(kind="exam", parameters={}, person="ann", status="queued")
    session.add(job)
    session.flush()
    return job.uid


def _engine(session: Session) -> sa.Engine:
    engine = session.get_bind()
    assert isinstance(engine, sa.Engine)
    return engine


def rows(session: Session) -> dict[str, int]:
    """How many rows each table has, jobs aside: a test may make one."""
    return {
        table.name: session.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
        for table in t.metadata.sorted_tables
        if table.name != "job"
    }


@pytest.fixture
def session(full_home: Path) -> Iterator[Session]:
    """A project with an exam of twelve mistakes, on SQLite: a right is asked before any row is."""
    engine = db.open_store(Settings())
    with db.reading(engine) as opened:
        yield opened
    engine.dispose()


@pytest.fixture
def question_set(session: Session) -> str:
    """A dev and a test question for a student named x."""
    drawn = generated.draw(generated.FAMILIES[:1], {"dev": 1, "test": 1}, seed=0)
    session.add(t.Student(name="x", base="x"))
    return sets.add(session, "x", sets.make_rows(drawn), source="generated", simulated=True, by=owner("ann")).name


@pytest.mark.parametrize("write", FOR_OWNERS.values(), ids=FOR_OWNERS)
def test_an_annotator_may_not(session: Session, write: Write) -> None:
    before = rows(session)
    with pytest.raises(Forbidden, match=r"^bob@x\.org may not .* here; an owner of the project can$"):
        write(session, ANNOTATOR)
    assert rows(session) == before


@pytest.mark.parametrize("write", FOR_ANNOTATORS.values(), ids=FOR_ANNOTATORS)
def test_an_annotator_may(session: Session, write: Write) -> None:
    write(session, ANNOTATOR)
    assert "bob@x.org" in session.exec(select(t.Audit.person)).all()


@pytest.mark.parametrize("write", [*FOR_OWNERS.values(), *FOR_ANNOTATORS.values()], ids=[*FOR_OWNERS, *FOR_ANNOTATORS])
def test_who_gave_no_name_may_not_until_they_do(session: Session, write: Write) -> None:
    before = rows(session)
    with pytest.raises(BadInput, match="give yours first"):
        write(session, READER)
    assert rows(session) == before


def test_only_an_adjudicator_takes_back_the_last_word(session: Session) -> None:
    row = judging.judge(session, TEXT, Act.ACCEPT, by=Person("bob@x.org", Role.OWNER), role=ADJUDICATOR)
    with pytest.raises(Forbidden, match="have the last word"):
        judging.undo(session, queries.identity(row), by=ANNOTATOR)
    judging.undo(session, queries.identity(row), by=Person("bob@x.org", Role.OWNER))


def test_a_sealed_test_split_is_opened_by_one_who_may(
    session: Session, question_set: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "RIGHTS", {Role.ANNOTATOR: {Right.RUN_JOBS}})
    session.commit()
    given: dict[str, Any] = {"student": "x", "question_set": question_set, "by": ANNOTATOR}
    assert exam.run(_engine(session), Scripted(1), split="dev", **given).n == 1
    with pytest.raises(Forbidden, match="open a sealed test split"):
        exam.run(_engine(session), Scripted(1), split="test", open_test="to see it", **given)
    assert session.exec(select(t.Opening)).all() == []


# -- and nothing is left out ------------------------------------------------------------------------------------------

MODULES = [p for p in sorted((ROOT / "mapd").rglob("*.py")) if "cli" not in p.parts and "migrations" not in p.parts]


def acts() -> list[tuple[str, ast.FunctionDef, str]]:
    """Each function that takes a person as `by`, with its parameter's type."""
    found = []
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                for argument in [*node.args.args, *node.args.kwonlyargs]:
                    if argument.arg == "by" and argument.annotation is not None:
                        found.append((f"{path.stem}.{node.name}", node, ast.unparse(argument.annotation)))
    return found


def test_who_acts_is_a_person_with_a_role_never_a_mere_name() -> None:
    assert {name: kind for name, _, kind in acts() if kind != "Person"} == {}


def test_every_function_that_acts_asks_or_passes_the_person_on_to_one_that_does() -> None:
    silent = [name for name, node, _ in acts() if not {"require", "by"} & _used(node)]
    assert silent == []


def test_every_public_act_is_called_above() -> None:
    public = {name for name, _, _ in acts() if "._" not in name and not name.startswith("acts.")}  # triage's callbacks
    assert public - FOR_OWNERS.keys() - FOR_ANNOTATORS.keys() - ELSEWHERE == set()


def test_every_right_is_asked_for_somewhere() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in MODULES if path.stem != "people")
    assert [right.name for right in Right if f"Right.{right.name}" not in text] == []


def _used(node: ast.FunctionDef) -> set[str]:
    """The names that a function's body reads."""
    return {x.id for part in node.body for x in ast.walk(part) if isinstance(x, ast.Name)}
