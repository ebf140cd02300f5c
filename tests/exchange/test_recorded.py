"""The recorded demo: kept with a note of how it was made, loaded into a fresh project alone."""

import hashlib
import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from mapd import teachers
from mapd.exchange import recorded
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import db, queries
from tests import samples
from tests.conftest import import_files
from tests.pages.running import open_page, shown


def test_a_run_is_kept_and_comes_back(looped_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "demo"
    engine = db.open_store(Settings())
    with db.reading(engine) as session:
        names = [exam.name for exam in queries.exams(session)]
    recorded.record(engine, looped_home, "mapd demo --seed 1", {"mistakes": 9}, by=owner("ann"), folder=folder)
    how = json.loads((folder / recorded.HOW).read_text())
    assert (how["command"], how["result"]) == ("mapd demo --seed 1", {"mistakes": 9})
    assert hashlib.sha256((folder / recorded.PROJECT).read_bytes()).hexdigest() == how["project_sha256"]
    monkeypatch.setenv("MAPD_HOME", str(tmp_path / "fresh"))
    engine = db.open_store(Settings())
    assert recorded.load(engine, Settings().home, by=owner("bob"), folder=folder)
    assert not recorded.load(engine, Settings().home, by=owner("bob"), folder=folder), "it isn't fresh any more"
    with db.reading(engine) as session:
        assert [exam.name for exam in queries.exams(session)] == names
        assert not [teacher.name for teacher in teachers.list_teachers(session) if teacher.disabled], (
            "they are simulated"
        )
    assert "Recorded demo, simulated teachers" in shown(open_page("pages/train/results.py", exam=_train()))


def _train() -> str:
    with db.reading(db.open_store(Settings())) as session:
        return next(e.uid for e in queries.exams(session) if e.split == "train")


def test_a_project_with_an_exam_is_left_alone(engine: sa.Engine, tmp_path: Path) -> None:
    with db.writing(engine) as session:
        exam = import_files(session, *samples.files(tmp_path)).exam
    assert not recorded.load(engine, tmp_path, by=owner("ann"))
    with db.reading(engine) as session:
        assert [e.uid for e in queries.exams(session)] == [exam]


def test_without_a_recording_the_project_stays_empty(engine: sa.Engine, tmp_path: Path) -> None:
    assert not recorded.load(engine, tmp_path, by=owner("ann"), folder=tmp_path / "nothing")
    with db.reading(engine) as session:
        assert recorded.is_fresh(session)
