"""The whole loop with scripted students, and what a plan refuses."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from mapd import teachers
from mapd.errors import BadInput
from mapd.exchange import archive
from mapd.finetune import run as finetuning
from mapd.loop import demo
from mapd.loop.demo import DemoPlan
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import claims, db, queries
from mapd.store import tables as t


@pytest.mark.usefixtures("scripted")
def test_the_loop_runs_and_again_makes_nothing(home: Path) -> None:
    """With the real student it runs in tests/browser/test_jobs.py."""
    engine = db.open_store(Settings())
    plan = DemoPlan(questions=6, held_out=6, seed=3)
    stages: list[str] = []
    told = demo.run(engine, home, plan, by=owner("ann"), watch=lambda p: stages.append(p.stage))
    assert list(dict.fromkeys(stages))[:5] == ["questions", "exam", "exam before", "committee", "curation"]
    assert told.pairs > 0
    assert told.results.overall.after.n == 6
    assert told.seconds["total"] == pytest.approx(sum(s for k, s in told.seconds.items() if k != "total"), abs=0.11)
    with db.reading(engine) as session:
        assert all(teacher.simulated for teacher in session.exec(select(t.Teacher)).all())
        before = [exam.uid for exam in queries.exams(session)], len(session.exec(select(t.Call)).all())
    again = demo.run(engine, home, plan, by=owner("ann"))
    assert (again.student, again.results) == (told.student, told.results)
    with db.reading(engine) as session:
        assert ([exam.uid for exam in queries.exams(session)], len(session.exec(select(t.Call)).all())) == before


@pytest.mark.usefixtures("scripted")
def test_a_demo_says_that_it_waits_for_another_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hold, finetune = claims.claim_when_free, finetuning.run

    def wait_and_hold(run: claims.ClaimHolder, key: str, waits: Callable[[], None]) -> bool:
        waits()
        return hold(run, key, waits)

    def wait_and_finetune(*args: Any, waits: Callable[[], None], **options: Any) -> Any:
        waits()
        return finetune(*args, **options)

    monkeypatch.setattr(claims, "claim_when_free", wait_and_hold)
    monkeypatch.setattr(finetuning, "run", wait_and_finetune)
    messages = set[tuple[str, str]]()
    demo.run(
        db.open_store(Settings()),
        home,
        DemoPlan(questions=6, held_out=6),
        by=owner("ann"),
        watch=lambda p: messages.add((p.stage, p.message)),
    )
    stages = {stage for stage, words in messages if words == claims.WAITING}
    assert stages == {"exam", "exam before", "finetune", "exam after"}


@pytest.mark.usefixtures("scripted")
def test_an_imported_demo_says_in_one_line_that_its_adapter_stayed_behind(home: Path, tmp_path: Path) -> None:
    engine, plan = db.open_store(Settings()), DemoPlan(questions=6, held_out=6)
    told = demo.run(engine, home, plan, by=owner("ann"))
    archive.export(engine, tmp_path / "demo.zip", home, by=owner("ann"))
    there = tmp_path / "there"
    other = db.open_store(Settings(home=there))
    with (tmp_path / "demo.zip").open("rb") as file, archive.stage("demo.zip", file) as staged:
        archive.load(other, staged, there, by=owner("ben"))
    with db.writing(other) as session:
        for name in demo.TEACHERS:
            teachers.enable(session, name, owner("ben"))
    with pytest.raises(BadInput) as refused:
        demo.run(other, there, plan, by=owner("ben"))
    said = str(refused.value)
    assert f"student {told.student} is here without its adapter, as an archive brings it" in said
    assert "Another --seed makes one of your own; or `mapd finetune --snapshot" in said
    assert "\n" not in said


def test_a_plan_refuses_what_can_t_be() -> None:
    with pytest.raises(BadInput, match="alpha is a number from 0 to 1, not 2"):
        DemoPlan(alpha=2)
    with pytest.raises(BadInput, match="at least 3 questions"):
        DemoPlan(questions=2)
