"""The recorded demo: kept with a note of how it was made, loaded into a fresh project alone."""

import hashlib
import json
from pathlib import Path

import pytest
from sqlmodel import Session

from mapd.exchange import recorded
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import db, queries
from tests.pages.running import open_page, shown


def test_a_run_is_kept_and_comes_back(looped_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "demo"
    with db.writing(db.open_store(Settings())) as session:
        names = [exam.name for exam in queries.exams(session)]
        recorded.record(session, looped_home, "mapd demo --seed 1", {"mistakes": 9}, by=owner("ann"), folder=folder)
    how = json.loads((folder / recorded.HOW).read_text())
    assert (how["command"], how["result"]) == ("mapd demo --seed 1", {"mistakes": 9})
    assert hashlib.sha256((folder / recorded.PROJECT).read_bytes()).hexdigest() == how["project_sha256"]
    monkeypatch.setenv("MAPD_HOME", str(tmp_path / "fresh"))
    with db.writing(db.open_store(Settings())) as session:
        assert recorded.load(session, Settings().home, by=owner("bob"), folder=folder)
        assert not recorded.load(session, Settings().home, by=owner("bob"), folder=folder), "it isn't fresh any more"
        assert [exam.name for exam in queries.exams(session)] == names
    assert "Recorded demo, simulated teachers" in shown(open_page("pages/train/results.py", exam=_train()))


def _train() -> str:
    with db.reading(db.open_store(Settings())) as session:
        return next(e.uid for e in queries.exams(session) if e.split == "train")


def test_a_project_with_an_exam_is_left_alone(session: Session, exam: queries.ExamInfo, tmp_path: Path) -> None:
    assert not recorded.load(session, tmp_path, by=owner("ann"))
    assert [e.uid for e in queries.exams(session)] == [exam.uid]


def test_without_a_recording_the_project_stays_empty(session: Session, tmp_path: Path) -> None:
    assert not recorded.load(session, tmp_path, by=owner("ann"), folder=tmp_path / "nothing")
    assert recorded.is_fresh(session)
