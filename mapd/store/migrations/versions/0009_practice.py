"""practice before a person's first text, hidden checks and repeats: off unless an exam wants them.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

COLUMNS = ("practice", "check_every", "repeat_every")


def upgrade() -> None:
    for name in COLUMNS:
        op.add_column("exam", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    for name in COLUMNS:
        op.drop_column("exam", name)
