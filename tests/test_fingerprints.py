"""A model is the one that was named here: other bytes under its name are refused before anything is asked of it."""

import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import select

from mapd import cli, doctor, fingerprints, students, teacher_models, teachers
from mapd.errors import BadInput
from mapd.models import hub, loader, sandbox, weights
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t
from tests.finetune import tiny


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny.save(tmp_path / "model")


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders that were looked into, in no process of its own: that takes seconds."""
    folders: list[Path] = []
    monkeypatch.setattr(sandbox, "check", folders.append)
    return folders


def kept(engine: sa.Engine) -> dict[str, str]:
    with db.reading(engine) as session:
        return dict(session.exec(select(t.Fingerprint.source, t.Fingerprint.sha256)).all())


def test_a_folder_is_looked_into_once_and_hashed_each_time(
    engine: sa.Engine, home: Path, folder: Path, checks: list[Path]
) -> None:
    with db.writing(engine) as session:
        student = students.add(session, "tiny", path=folder, by=owner("ann"))
        teacher = teachers.add(session, "small", kind="local", model=str(folder), by=owner("ann"))
        session.expunge_all()
    assert kept(engine) == {f"path:{folder}": weights.fingerprint(folder)}
    assert len(checks) == 2
    (folder / "README.md").write_text("what no loader reads")
    assert students.open_model(engine, student, home)
    assert teacher_models.open_model(engine, teacher)
    assert len(checks) == 2, "it is known"
    config = folder / "config.json"
    config.write_text(config.read_text() + "\n")
    for ask in (lambda: students.open_model(engine, student, home), lambda: teacher_models.open_model(engine, teacher)):
        with pytest.raises(BadInput, match="others than when it was first named here") as refused:
            ask()
        assert "\n" not in str(refused.value)
    for add in (
        lambda session: students.add(session, "again", path=folder, by=owner("ann")),
        lambda session: students.add(session, "tiny", path=folder, by=owner("ann")),
        lambda session: teachers.add(session, "again", kind="local", model=str(folder), by=owner("ann")),
    ):
        with db.writing(engine) as session, pytest.raises(BadInput, match="under another name"):
            add(session)


@pytest.mark.parametrize(
    "file", ["model.safetensors", "tokenizer.json", "chat_template.jinja", "generation_config.json"]
)
def test_every_file_that_is_read_counts(folder: Path, file: str) -> None:
    before = weights.fingerprint(folder)
    (folder / file).write_bytes((folder / file).read_bytes() + b" ")
    assert weights.fingerprint(folder) != before
    (folder / file).unlink()
    assert weights.fingerprint(folder) != before


def test_what_the_hub_gives_is_what_it_gave(
    engine: sa.Engine, home: Path, folder: Path, checks: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "fetch", lambda *_: folder)
    for _ in range(2):
        assert fingerprints.folder_of(engine, "hub:org/name", home) == folder
    assert checks == [folder]
    (folder / "chat_template.jinja").write_text("another")
    with pytest.raises(BadInput, match="others than when it was first named here: hub:org/name"):
        fingerprints.folder_of(engine, "hub:org/name", home)


def test_the_packaged_model_is_as_it_was_made(
    engine: sa.Engine, home: Path, checks: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def convert(home: Path) -> Path:
        place = weights.converted_folder(home)
        return place if place.is_dir() else tiny.save(place)

    monkeypatch.setattr(loader, "convert", convert)
    place = fingerprints.folder_of(engine, weights.PACKAGED, home)
    assert fingerprints.folder_of(engine, weights.PACKAGED, home) == place
    (place / "chat_template.jinja").write_text("another")
    with pytest.raises(BadInput, match="remove the folder: it is made again"):
        fingerprints.folder_of(engine, weights.PACKAGED, home)
    for file in place.iterdir():
        file.unlink()
    place.rmdir()
    assert fingerprints.folder_of(engine, weights.PACKAGED, home) == place
    assert checks == []


def test_doctor_names_a_student_and_a_local_teacher_of_other_bytes(
    home: Path, folder: Path, checks: list[Path]
) -> None:
    engine = db.open_store(Settings())
    with db.writing(engine) as session:
        students.add(session, "tiny", path=folder, by=owner("ann"))
        teachers.add(session, "near", kind="local", model=str(folder), by=owner("ann"))
    assert checks
    subjects = ("students", "local teachers")
    assert all(finding.ok for finding in doctor.examine(Settings()) if finding.subject in subjects)
    (folder / "chat_template.jinja").write_text("{{ 'other' }}")
    faults = {finding.subject: finding.report for finding in doctor.examine(Settings()) if not finding.ok}
    assert "tiny: the model's files in" in faults["students"]
    assert "teacher near: the model's files in" in faults["local teachers"]


def test_the_command_says_it_in_one_line(
    home: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the process of its own that looks into a folder."""

    def run(*words: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["mapd", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return int(end.value.code or 0), capsys.readouterr().err

    assert run("students", "add", "tiny", "--path", folder) == (0, "")
    (folder / "config.json").write_text("[]")
    code, line = run("students", "add", "other", "--path", folder)
    assert (code, line.count("\n")) == (1, 1)
    assert "config.json holds no JSON object" in line
    with db.reading(db.open_store(Settings())) as session:
        assert [row.name for row in students.list_students(session)] == ["tiny"]
