"""Databases that are damaged, cut off, another program's or without a table: one line with a cure that fits."""

import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import Session, select

from mapd import cli, doctor
from mapd.curation import live_set, snapshots
from mapd.errors import BadInput, Damaged
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import audit_log, damage, db, queries
from mapd.store import tables as t
from tests.pages.running import errors, open_page

ROOT = Path(__file__).parents[2]
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "pages").rglob("*.py"))
COMMANDS = (
    ("exam", "list"),
    ("students", "list"),
    ("teachers", "list"),
    ("jobs", "list"),
    ("curate", "show", "--exam", "1"),
    ("people", "show", "--exam", "1"),
    ("guidelines", "show"),
    ("archive", "export", "out.zip"),
    ("undo", "--exam", "1", "--by", "ann"),
)


def settle(home: Path) -> Path:
    """The database's file, all of it in one."""
    file = home / "mapd.db"
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    return file


def overwrite(file: Path, place: int, content: bytes) -> None:
    with file.open("r+b") as stream:
        stream.seek(place)
        stream.write(content)


def garble(file: Path) -> None:
    """Every page behind the first is noise."""
    size = file.stat().st_size
    overwrite(file, 4096, b"\x55" * (size - 4096))


def empty(file: Path) -> None:
    """An hour ago all of it was lost."""
    file.write_bytes(b"")
    moment = time.time() - 3600
    os.utime(file, (moment, moment))


def run_sql(*statements: str) -> Callable[[Path], None]:
    def change(file: Path) -> None:
        with sqlite3.connect(file) as connection:
            for statement in statements:
                connection.execute(statement)
        connection.close()

    return change


def replace(*statements: str) -> Callable[[Path], None]:
    def change(file: Path) -> None:
        file.unlink()
        run_sql(*statements)(file)

    return change


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a zeroed header": (lambda file: overwrite(file, 0, bytes(100)), "the file is no database"),
    "a text": (lambda file: file.write_text("this is no database " * 999), "the file is no database"),
    "half of it": (lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]), "is damaged"),
    "a page of it": (lambda file: file.write_bytes(file.read_bytes()[:4096]), "is damaged"),
    "noise": (garble, "is damaged"),
    "nothing": (empty, "the database is empty: "),
    "a table dropped": (run_sql("PRAGMA foreign_keys = OFF", "DROP TABLE attempt"), "the database lacks attempt: "),
    "a column dropped": (run_sql("ALTER TABLE exam DROP COLUMN seed"), "the database lacks exam.seed: "),
    "the search dropped": (run_sql("DROP TABLE words"), "the database lacks words: "),
    "another program's": (replace("CREATE TABLE notes (text)"), "tables and no version of ours"),
    "no version": (run_sql("DELETE FROM alembic_version"), "tables and no version of ours"),
    "the version dropped": (run_sql("DROP TABLE alembic_version"), "tables and no version of ours"),
}


@pytest.fixture(params=DAMAGE)
def damaged(request: pytest.FixtureRequest, full_home: Path) -> str:
    """What is said of a damaged project that was full before."""
    damage, line = DAMAGE[request.param]
    damage(settle(full_home))
    return line


def test_the_store_says_what_it_is_and_a_cure(damaged: str) -> None:
    with pytest.raises(Damaged, match=damaged) as refused:
        db.open_store(Settings())
    assert "\n" not in str(refused.value)
    assert any(cure in str(refused.value) for cure in (damage.COPY, "begin anew"))


def test_doctor_finds_it(damaged: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["mapd", "doctor"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    out, err = capsys.readouterr()
    assert (end.value.code, err.count("\n")) == (1, 1)
    assert "BAD  database" in out
    assert damaged.strip() in err


def test_every_command_says_it_in_one_line(
    damaged: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for words in COMMANDS:
        monkeypatch.setattr(sys, "argv", ["mapd", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capsys.readouterr()
        assert (end.value.code, out, err.count("\n")) == (1, "", 1), words
        assert damaged in err, words


def test_every_page_says_it_in_one_line(damaged: str) -> None:
    for path in PAGES:
        app = open_page(path)
        assert len(errors(app)) == 1, path
        assert damaged.split(":")[0] in errors(app)[0], path


# --- What comes up in the middle --------------------------------------------------------------------------------------


@pytest.fixture
def spoiled(engine: sa.Engine) -> Iterator[sa.Engine]:
    """A store to be spoiled: PostgreSQL's is made anew after it."""
    yield engine
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0000'"))


def test_a_table_that_goes_while_the_app_runs_is_one_line(spoiled: sa.Engine) -> None:
    engine = spoiled
    cascade = " CASCADE" if engine.dialect.name == "postgresql" else ""
    with engine.begin() as connection:
        connection.execute(sa.text(f"DROP TABLE finetune_step{cascade}"))
    for session_of in (db.reading, db.writing):
        with (
            session_of(engine) as session,
            pytest.raises(Damaged, match="the database lacks finetune_step: ") as refused,
        ):
            session.exec(select(t.FinetuneStep)).all()
        assert damage.COPY in str(refused.value)
        assert "\n" not in str(refused.value)
        assert "postgresql://" not in str(refused.value)
    with pytest.raises(Damaged, match="the database lacks finetune_step: "):
        db.open_store(Settings())


def test_a_column_that_goes_is_one_line(spoiled: sa.Engine) -> None:
    engine = spoiled
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE guidelines DROP COLUMN text"))
    with db.reading(engine) as session, pytest.raises(Damaged, match="the database lacks guidelines"):
        session.exec(select(t.Guidelines)).all()


def test_an_empty_file_that_is_just_being_made_is_a_new_project(home: Path) -> None:
    home.mkdir()
    (home / "mapd.db").touch()
    assert db.open_store(Settings())


# --- What doctor sees beside ------------------------------------------------------------------------------------------


def findings() -> dict[str, doctor.Finding]:
    return {finding.subject: finding for finding in doctor.examine(Settings())}


def test_a_whole_project_is_well(full_home: Path) -> None:
    assert [finding for finding in findings().values() if not finding.ok] == []


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ("DROP INDEX ix_attempt_question_id", "no index attempt ix_attempt_question_id"),
        ("DROP TRIGGER attempt_words", "no trigger attempt_words"),
        ("UPDATE attempt SET question_id = 999 WHERE id = 1", "a row of attempt refers to one that isn't there"),
    ],
)
def test_doctor_sees_what_nothing_stumbles_over(full_home: Path, change: str, line: str) -> None:
    run_sql("PRAGMA foreign_keys = OFF", change)(settle(full_home))
    assert line in findings()["database"].report
    assert not findings()["database"].ok


def test_doctor_sees_a_snapshot_a_student_and_a_queue(full_home: Path) -> None:
    def freeze(session: Session) -> None:
        exam = queries.exams(session)[0]
        frozen = snapshots.freeze(session, live_set.load_curated(session, exam.id), by=owner("ann"))
        frozen.lines = frozen.lines.replace("pens", "guns", 1)
        session.add(t.Student(name="tuned", base="package:x", adapter="finetunes/a/adapter", adapter_sha256="f" * 64))

    with db.writing(db.open_store(Settings())) as session:
        freeze(session)
    (full_home / "finetunes" / "a" / "adapter").mkdir(parents=True)
    finding_of = findings()
    assert "its lines are not those that its manifest names" in finding_of["snapshots"].report
    assert "tuned: the files of its adapter are not those" in finding_of["students"].report
    assert not any(finding_of[subject].ok for subject in ("snapshots", "students"))


def test_doctor_names_an_import_that_was_cut_off(full_home: Path) -> None:
    with db.writing(db.open_store(Settings())) as session:
        audit_log.audit(session, "ann", "begin archive import", f"archive {'a' * 64}", name="p.zip")
    assert "(p.zip)" in findings()["archives"].report
    assert "import the same file again" in findings()["archives"].cure


def test_a_file_that_may_not_be_written_has_its_own_cure(full_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def readonly(_: object) -> None:
        raise sa.exc.OperationalError("", {}, sqlite3.OperationalError("attempt to write a readonly database"))

    monkeypatch.setattr(db, "migrate", readonly)
    monkeypatch.setattr(db, "OPENING", dict.fromkeys(db.OPENING, 0.1))
    with pytest.raises(BadInput, match="make the file and its folder writable for you"):
        db.open_store(Settings())


# --- Values of another kind -------------------------------------------------------------------------------------------

SPOILED: dict[str, tuple[str, tuple[str, ...], str]] = {  # the change, a command that reads it, what doctor says
    "JSON": (
        "UPDATE question SET options = '[1'",
        ("curate", "show", "--exam", "1"),
        "question.options are no JSON list",
    ),
    "JSON of another shape": (
        """UPDATE question SET options = '{"A": "1"}'""",
        ("curate", "show", "--exam", "1"),
        "question.options are no JSON list",
    ),
    "JSON's null": (
        "UPDATE exam SET decoding = 'null'",
        ("archive", "export", "out.zip"),
        "exam.decoding are no JSON map",
    ),
    "a time": ("UPDATE exam SET created_at = 'yesterday'", ("exam", "list"), "exam.created_at are no time"),
    "UTF-8": ("UPDATE exam SET name = CAST(x'ff41' AS TEXT)", ("exam", "list"), "a text of exam is no UTF-8"),
    "a number": (
        "UPDATE exam SET threshold_hundredths = 'x'",
        ("exam", "list"),
        "exam.threshold_hundredths are no whole number",
    ),
    "a word": (
        "PRAGMA ignore_check_constraints = ON; UPDATE question SET task = 'x'",
        ("curate", "show", "--exam", "1"),
        "CHECK constraint failed in question",
    ),
    "bytes": ("UPDATE exam SET name = x'ff41'", ("archive", "export", "out.zip"), "exam.name are no text"),
    "bytes that are listed": (
        "UPDATE exam SET policy = x'ff41'",
        ("exam", "list", "--json"),
        "exam.policy are no text",
    ),
    "a truth": (
        "UPDATE teacher SET disabled = 'perhaps'",
        ("teachers", "list"),
        "teacher.disabled are no truth",
    ),
}


@pytest.mark.parametrize("case", SPOILED)
def test_a_value_of_another_kind_is_one_line_and_doctor_names_it(
    case: str, full_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    change, words, verdict = SPOILED[case]
    run_sql(*change.split("; "))(settle(full_home))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["mapd", *words])
    with pytest.raises(SystemExit) as end:
        cli.main()
    out, err = capsys.readouterr()
    assert (end.value.code, out, err.count("\n")) == (1, "", 1)
    assert "the database is damaged" in err
    assert damage.COPY in err
    assert err.strip().isprintable()
    assert verdict in findings()["database"].report
    assert not findings()["database"].ok


def test_json_of_another_shape_is_told_on_both_databases(engine: sa.Engine) -> None:
    with db.writing(engine) as session:
        session.execute(sa.insert(t.Audit).values(person="ann", action="x", target="y", detail=["a list"]))
    with db.reading(engine) as session, pytest.raises(Damaged, match="where a JSON map stands; restore it"):
        session.exec(select(t.Audit)).all()
    with engine.connect() as connection:
        assert list(damage.find_spoiled(connection)) == ["1 of audit.detail are no JSON map"]
