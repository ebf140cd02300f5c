"""max_tokens leaves the ledger's key; the teachers that are there keep theirs in it.

Revision ID: 0021
Revises: 0020
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

TEACHER = sa.table(
    "teacher", sa.column("id", sa.Integer), sa.column("sampling", sa.JSON), sa.column("keyed_max_tokens", sa.Integer)
)


def upgrade() -> None:
    op.add_column("teacher", sa.Column("keyed_max_tokens", sa.Integer(), nullable=True))
    connection = op.get_bind()
    for id_, sampling in connection.execute(sa.select(TEACHER.c.id, TEACHER.c.sampling)).all():
        if isinstance(longest := (sampling or {}).get("max_tokens"), int):
            connection.execute(sa.update(TEACHER).where(TEACHER.c.id == id_).values(keyed_max_tokens=longest))


def downgrade() -> None:
    op.drop_column("teacher", "keyed_max_tokens")
