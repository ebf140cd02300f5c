"""The engine and its migrations, on both databases."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlmodel import Session, select

from mapd.errors import BadInput, Busy, Damaged
from mapd.settings import Settings
from mapd.store import db, removal
from mapd.store import tables as t
from tests.pages.test_busy import locked


def test_the_migrations_make_the_tables_of_the_code(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        ours = {"include_name": lambda name, kind, _: kind != "table" or not name.startswith("words")}  # the search's
        assert compare_metadata(MigrationContext.configure(connection, opts=ours), t.metadata) == []


def test_what_refers_to_the_large_tables_has_an_index() -> None:
    """Or each row that is deleted there has the database read a whole table for what may refer to it."""
    for table in t.metadata.sorted_tables:
        unique = [list(key.columns)[:1] for key in table.constraints if isinstance(key, sa.UniqueConstraint)]
        first = {column for found in (*unique, list(table.primary_key)[:1]) for column in found}
        first |= {next(iter(index.columns)) for index in table.indexes}
        large = ("question", "attempt", "explanation", "review", "judgement")
        slow = [name for name, parent in removal.references(table).items() if parent in large]
        assert [name for name in slow if table.c[name] not in first] == [], table.name


def test_opening_again_changes_nothing(engine: sa.Engine) -> None:
    with db.writing(engine) as session:
        session.add(t.Student(name="a", base="a"))
    db.migrate(engine)
    with db.reading(engine) as session:
        assert session.exec(select(t.Student.name)).all() == ["a"]


def test_a_newer_database_is_left_alone(engine: sa.Engine) -> None:
    with engine.execution_options(writes=True).begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(BadInput, match="newer version: 9999"):
        db.migrate(engine)


def _open(home: str) -> str:
    try:
        db.open_store(Settings(home=Path(home)))
    except BadInput as error:
        return str(error)
    return ""


def test_two_processes_may_start_first(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.map(_open, [str(tmp_path / "new")] * 4, chunksize=1) == [""] * 4


def test_sqlite_runs_in_wal_with_foreign_keys(home: Path) -> None:
    engine = db.open_store(Settings())
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1


def test_a_home_that_is_a_file_gets_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match=r"MAPD_HOME can't be written to: .*file"):
        db.open_store(Settings(home=tmp_path / "file"))


def test_a_file_that_is_no_database_gets_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "mapd.db").write_text("this is no database, " * 100)
    with pytest.raises(Damaged, match="the file is no database"):
        db.open_store(Settings(home=tmp_path))


def test_a_url_with_a_password_is_not_shown(tmp_path: Path) -> None:
    for url in ("postgresql://ann:hush@127.0.0.1:1/nowhere", "nonsense://ann:hush@x"):
        with pytest.raises(BadInput) as error:
            db.open_store(Settings(home=tmp_path, database_url=url), db.Patience(0))
        assert "MAPD_DATABASE_URL" in str(error.value)
        assert "hush" not in str(error.value)


def test_the_database_refuses_what_the_rules_forbid(session: Session) -> None:
    session.add(t.Prompt(sha256="x", kind="guess", text=""))
    with pytest.raises(sa.exc.IntegrityError):
        session.flush()
    session.rollback()


def test_times_come_back_aware(session: Session) -> None:
    session.add(t.Student(name="a", base="a"))
    session.flush()
    session.expire_all()
    assert session.exec(select(t.Student)).one().created_at.utcoffset() is not None


@pytest.mark.parametrize("character", ["\0", "\ud800"])
def test_a_text_that_postgresql_can_not_hold_is_refused_on_both(engine: sa.Engine, character: str) -> None:
    words = r"^text holds U\+[0D]\d00 at character 3, which can't be stored; take it out$"
    with pytest.raises(BadInput, match=words), db.writing(engine) as session:
        session.add(t.Guidelines(text=f"# A{character}", person="ann"))


def test_a_locked_database_is_read_and_says_that_nothing_was_saved(home: Path) -> None:
    engine = db.open_store(Settings(), db.Patience(0))
    with locked(home):
        assert db.open_store(Settings()), "opening takes no lock"
        with db.reading(engine) as session:
            assert session.exec(select(t.Student)).all() == []
        words = r"^the database is busy \(database is locked\): nothing was saved; try again$"
        with pytest.raises(Busy, match=words), db.writing(engine) as session:
            session.add(t.Student(name="a", base="a"))


def test_what_passes_is_waited_for_and_said(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db, "SILENT_WAIT_S", 0.01)
    lines = list[str]()
    engine = db.open_store(Settings(), db.Patience(60, lines.append))
    with ThreadPoolExecutor() as aside:
        with locked(home):
            other = aside.submit(db.transact, engine, lambda session: session.add(t.Student(name="a", base="a")))
            while not lines:
                assert not other.done()
        other.result(60)
    assert lines[0].startswith("waits for the database: database is locked, ")
    assert len(lines) < 10, "each wait twice as long as the last one"


def test_a_connection_that_is_lost_on_the_way_is_taken_up_again(engine: sa.Engine) -> None:
    """On PostgreSQL the server ends it, as at a restart; on SQLite the disk is full for a moment."""
    tries = 0

    def add(session: Session) -> None:
        nonlocal tries
        tries += 1
        session.add(t.Student(name="a", base="a"))
        session.flush()
        if tries == 1 and engine.dialect.name == "postgresql":
            ours = session.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
            with engine.connect() as other:
                other.execute(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": ours})
        elif tries == 1:
            connection = session.connection()
            connection.exec_driver_sql("PRAGMA max_page_count = 1")  # as large as it is now
            try:
                connection.execute(sa.insert(t.Guidelines), {"text": "a" * 500_000, "person": "ann"})
            finally:
                connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
        session.execute(sa.text("SELECT 1"))

    db.transact(engine, add)
    assert tries == 2
    with db.reading(engine) as session:
        assert session.exec(select(t.Student.name)).all() == ["a"]
