"""What the checks say of each text is written down when it is derived, so that an exam is decided without reading it.

Revision ID: 0030
Revises: 0029
"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table: it fills as the queue index is derived again."""
    op.create_table(
        "text_check",
        sa.Column("id", sa.Integer(), sa.ForeignKey("explanation.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("gold", sa.String(), nullable=False),
        sa.Column("checks", sa.String(), nullable=False),
    )


def downgrade() -> None:
    """Take the table away."""
    op.drop_table("text_check")
