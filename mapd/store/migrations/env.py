"""Alembic's entry: runs on the connection that `db.migrate` holds the lock on, or on the engine of the settings."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context

from mapd.settings import Settings
from mapd.store import db
from mapd.store.columns import Json, UtcDateTime
from mapd.store.tables import metadata


def plain_type(kind: str, item: Any, _: object) -> str | Literal[False]:
    """Write our types and SQLModel's as SQLAlchemy's own, so that a migration stands without today's classes."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, Json):
        return "sa.JSON()"
    if kind == "type" and type(item).__name__ in ("AutoString", "WordColumn"):
        return "sa.String()"
    return False


def run(connection: sa.Connection) -> None:
    """Run the migrations inside the caller's transaction."""
    context.configure(
        connection=connection, target_metadata=metadata, compare_type=True, render_as_batch=True, render_item=plain_type
    )
    with context.begin_transaction():
        context.run_migrations()


if (held := context.config.attributes.get("connection")) is not None:
    run(held)
else:  # a developer's `alembic -c mapd/store/migrations/alembic.ini …`, see CONTRIBUTING.md
    with db.connect(Settings().url).connect() as own:
        run(own)
