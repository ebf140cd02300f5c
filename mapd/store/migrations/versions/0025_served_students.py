"""Students behind a server: its address, its key's variable, limits, tokenizer, and what was learned of it.

Revision ID: 0025
Revises: 0024
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

TEXTS = ("base_url", "key_env", "tokenizer", "origin")
JSONS = ("limits", "learned")


def upgrade() -> None:
    """Add the columns; a student that is there is on this machine, and has none of it."""
    for name in TEXTS:
        op.add_column("student", sa.Column(name, sa.String(), nullable=True))
    # A default for the rows that are there; the code names each value itself.
    for name in JSONS:
        op.add_column("student", sa.Column(name, sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("student", sa.Column("disabled", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Take the columns away."""
    for name in ("disabled", *JSONS, *TEXTS):
        op.drop_column("student", name)
