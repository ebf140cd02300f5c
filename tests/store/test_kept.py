"""A project of each schema that was ever released comes to the head, on both databases, and its pages show it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlmodel import Session

from mapd import results
from mapd.curation import live_set
from mapd.doctor import examine
from mapd.errors import BadInput
from mapd.people import owner
from mapd.review import judging
from mapd.settings import Settings
from mapd.store import db, queries
from mapd.store import tables as t
from tests.pages.running import errors, open_page, shown

ROOT = Path(__file__).parents[2]
KEPT = sorted((ROOT / "tests" / "data").glob("project-*.jsonl"))
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "pages").rglob("*.py"))


def put(connection: sa.Connection, path: Path) -> None:
    """Make the tables as they were then, and put the rows there."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(db.MIGRATIONS))
    command.upgrade(config, path.stem.removeprefix("project-"))
    metadata = sa.MetaData()
    metadata.reflect(connection, only=lambda name, _: not name.startswith(("words", "alembic")))
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    # Each other row leaves a mark in `stale`, by a trigger: its own rows come last.
    for line in sorted(lines, key=lambda line: line["table"] == "stale"):
        table, row = metadata.tables[line["table"]], line["row"]
        if table.name == "stale":
            row.pop("id")
        connection.execute(sa.insert(table), {name: read(table.c[name].type, row[name]) for name in row})
    if connection.dialect.name == "postgresql":
        for table in (table for table in metadata.tables.values() if "id" in table.c):
            last = f"SELECT setval(pg_get_serial_sequence('\"{table.name}\"', 'id'), max(id)) FROM \"{table.name}\""
            connection.exec_driver_sql(last)


def read(kind: sa.types.TypeEngine[Any], value: Any) -> Any:
    """A value as its column takes it."""
    if isinstance(kind, sa.DateTime) and value is not None:
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    return bool(value) if isinstance(kind, sa.Boolean) else value


@pytest.fixture(params=KEPT, ids=lambda path: path.stem)
def kept(request: pytest.FixtureRequest, engine: sa.Engine) -> Iterator[sa.Engine]:
    """A store of that version, not brought to the head yet; PostgreSQL's is made anew after it."""
    with engine.execution_options(writes=True).begin() as connection:
        drop_all(connection)
        put(connection, request.param)
    yield engine
    with engine.execution_options(writes=True).begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0000'"))


def drop_all(connection: sa.Connection) -> None:
    """Leave an empty database."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("DROP SCHEMA public CASCADE; CREATE SCHEMA public"))
        return
    connection.execute(sa.text("DROP TABLE words"))
    for table in [*reversed(t.metadata.sorted_tables), sa.table("alembic_version")]:
        connection.execute(sa.text(f'DROP TABLE "{table.name}"'))


def test_a_project_of_this_version_is_kept() -> None:
    assert KEPT[-1].stem == f"project-{db.list_versions()[-1]}", "run: python -m tests.data.keep_project"
    assert db.list_versions()[0] == KEPT[0].stem.removeprefix("project-"), "the first one stays for ever"


@pytest.mark.parametrize("path", KEPT[-1:], ids=lambda path: path.stem)
def test_every_table_has_a_row_in_it(path: Path) -> None:
    tables = {json.loads(line)["table"] for line in path.read_text(encoding="utf-8").splitlines()}
    assert tables == set(t.metadata.tables)


def test_it_comes_to_the_head_and_is_whole(kept: sa.Engine) -> None:
    db.migrate(kept)
    assert [f.report for f in examine(Settings()) if f.subject == "database" and not f.ok] == []
    with db.reading(kept) as session:
        exams = queries.exams(session)
        assert len(exams) == 3
        curated = [live_set.load_curated(session, exam.id) for exam in exams]
        mistakes = [mistake for each in curated for mistake in each.mistakes]
        rationales = [rationale for each in curated for rationale in each.rationales]
        assert (len(mistakes), len(rationales)) == (23, 24)
        by_name = {exam.name: results.load(session, exam.uid) for exam in exams if exam.split == "dev"}
        assert len(results.compare(*by_name.values()).changes) > 0
    if kept.dialect.name == "sqlite":  # the pages' reads on both: test_both_databases
        every_page_shows_it(next(exam.uid for exam in exams if exam.split == "train"))
    with db.writing(kept) as session:
        judge(session, rationales[-1].text.id)


def judge(session: Session, rationale: int) -> None:
    """What is there can be worked with."""
    judging.judge(session, judging.Target("rationale", rationale), "accept", by=owner("ben"))


def every_page_shows_it(exam: str) -> None:
    for path in PAGES:
        app = open_page(path, exam=exam)
        assert errors(app) == [], path
        assert shown(app), path


@pytest.mark.parametrize("version", ["0001", "0012", "0021"])
def test_a_database_from_before_the_first_release_is_refused_in_one_line(engine: sa.Engine, version: str) -> None:
    with engine.execution_options(writes=True).begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = :v"), {"v": version})
    words = rf"^the database is of an older version: {version}, from before the first release; .*mapd archive export.*$"
    with pytest.raises(BadInput, match=words):
        db.migrate(engine)
