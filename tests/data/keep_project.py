"""Write a small project of today's schema, with rows in every table, that later versions must read for ever.

    python -m tests.data.keep_project        # -> tests/data/project-0026.jsonl

    {"table": "band", "row": {"id": 1, "exam_id": 1, "name": "mistakes", "low": 100, …}}

Run it once a migration is new. The older files stay as they are: tests/store/test_kept.py brings each to the head.
"""

import json
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from mapd.curation import live_set
from mapd.people import owner
from mapd.review import judging
from mapd.settings import Settings
from mapd.store import db, queries
from mapd.store import tables as t
from mapd.store.columns import Json, UtcDateTime, WordColumn
from tests import looped

FOLDER = Path(__file__).parent
# What a column of a kind holds where no stage filled its table.
VALUES: dict[type, Any] = {int: 1, float: 0.5, bool: True}
MOMENT = datetime(2026, 11, 29, tzinfo=UTC)


def make_row(session: Session, table: sa.Table) -> dict[str, Any]:
    """Return a plain row of a table, which refers to the first row of each other table."""
    values: dict[str, Any] = {}
    for column in table.c:
        if column.primary_key and not column.foreign_keys:
            continue
        if column.foreign_keys:
            target = next(iter(column.foreign_keys)).column
            values[column.name] = session.execute(sa.select(target).order_by(target).limit(1)).scalar_one()
        elif isinstance(column.type, WordColumn):
            values[column.name] = column.type.words[0]
        elif isinstance(column.type, Json):
            values[column.name] = column.type.shape()
        elif isinstance(column.type, UtcDateTime):
            values[column.name] = MOMENT
        else:
            values[column.name] = VALUES.get(column.type.python_type, "kept")
    return values


def fill(engine: sa.Engine) -> None:
    """Go once round the loop, judge two rationales, and put a row into each table that is empty still."""
    looped.go_round(engine)
    with db.writing(engine) as session:
        sets = [live_set.load_curated(session, exam.id) for exam in queries.exams(session)]
        rationales = [rationale for curated in sets for rationale in curated.rationales]
        for rationale, decision in zip(rationales, ("accept", "reject"), strict=False):
            target = judging.Target("rationale", rationale.text.id)
            judging.judge(
                session, target, decision, by=owner("ann"), reason="unclear" if decision == "reject" else None
            )
    with db.writing(engine) as session:
        for table in t.metadata.sorted_tables:
            if session.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first() is None:
                session.execute(sa.insert(table), make_row(session, table))


def main() -> None:
    """Write the rows of all tables, each behind those that it refers to."""
    with tempfile.TemporaryDirectory() as folder:
        engine = db.open_store(Settings(home=Path(folder), database_url=None))
        fill(engine)
        metadata = sa.MetaData()
        metadata.reflect(engine, only=lambda name, _: not name.startswith(("words", "alembic")))
        path = FOLDER / f"project-{db.list_versions()[-1]}.jsonl"
        with engine.connect() as connection, path.open("w", encoding="utf-8") as file:
            for table in metadata.sorted_tables:
                for row in connection.execute(sa.select(table).order_by(*table.primary_key)).mappings():
                    line = json.dumps({"table": table.name, "row": dict(row)}, ensure_ascii=False, default=str)
                    file.write(line + "\n")
        engine.dispose()
    sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
