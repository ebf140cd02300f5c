"""what came with an archive is marked, a key is tied to servers, and the bytes of models are known by their sha256.

Revision ID: 0013
Revises: 0012
"""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

MARKED = ("teacher", "job", "call", "guidelines")
STALE = (  # 0004's trigger, which goes with the table that SQLite copies
    "CREATE TRIGGER judgement_stale AFTER INSERT ON judgement BEGIN INSERT INTO stale (question_id, voted) VALUES"
    " (coalesce(NEW.question_id, (SELECT question_id FROM explanation WHERE id = NEW.explanation_id),"
    " (SELECT question_id FROM attempt WHERE id = NEW.attempt_id)), False); END"
)


def upgrade() -> None:
    for table in MARKED:
        op.add_column(table, sa.Column("origin", sa.String(), nullable=True))
    _index_ok("outcome = 'ok' AND origin IS NULL")
    op.add_column("student", sa.Column("adapter_sha256", sa.String(), nullable=True))
    op.create_table(
        "key_approval",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("key_env", "server", "person")),
        sa.UniqueConstraint("key_env", "server", name=op.f("uq_key_approval_key_env_server")),
    )
    op.create_table(
        "fingerprint",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("source", "sha256")),
        sa.UniqueConstraint("source", name=op.f("uq_fingerprint_source")),
    )
    with _undos_aside(), op.batch_alter_table("judgement") as batch:
        batch.add_column(sa.Column("counts", sa.Boolean(), nullable=False, server_default=sa.true()))
        batch.add_column(sa.Column("origin", sa.String(), nullable=True))
        batch.drop_constraint("uq_judgement_undoes_id", type_="unique")
    counts, from_archive = sa.text("counts"), sa.text("origin IS NOT NULL")
    op.create_index(
        "uq_judgement_undone", "judgement", ["undoes_id"], unique=True, sqlite_where=counts, postgresql_where=counts
    )
    op.create_index(
        "ix_judgement_brought", "judgement", ["person"], sqlite_where=from_archive, postgresql_where=from_archive
    )
    _watch_again()


def downgrade() -> None:
    op.drop_index("ix_judgement_brought", "judgement")
    op.drop_index("uq_judgement_undone", "judgement")
    op.execute("DELETE FROM judgement WHERE NOT counts")
    with _undos_aside(), op.batch_alter_table("judgement") as batch:
        batch.create_unique_constraint("uq_judgement_undoes_id", ["undoes_id"])
        batch.drop_column("origin")
        batch.drop_column("counts")
    _watch_again()
    op.drop_table("fingerprint")
    op.drop_table("key_approval")
    op.drop_column("student", "adapter_sha256")
    _index_ok("outcome = 'ok'")
    for table in MARKED:
        op.drop_column(table, "origin")


def _index_ok(condition: str) -> None:
    """Have at most one good reply a call, among those that meet the condition."""
    op.drop_index("uq_call_ok", "call")
    where = sa.text(condition)
    op.create_index("uq_call_ok", "call", ["key"], unique=True, sqlite_where=where, postgresql_where=where)


@contextmanager
def _undos_aside() -> Iterator[None]:
    """Keep apart which judgement undoes which while SQLite copies the table: the copy would refer to the old one."""
    if op.get_bind().dialect.name != "sqlite":
        yield
        return
    op.execute("CREATE TEMP TABLE undo AS SELECT id, undoes_id FROM judgement WHERE undoes_id IS NOT NULL")
    op.execute("UPDATE judgement SET undoes_id = NULL WHERE undoes_id IS NOT NULL")
    yield
    op.execute("UPDATE judgement SET undoes_id = undo.undoes_id FROM undo WHERE undo.id = judgement.id")
    op.execute("DROP TABLE undo")


def _watch_again() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(STALE)
