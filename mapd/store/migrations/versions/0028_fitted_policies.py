"""Policies that were fitted: what they decide by, and what they were fitted on.

Revision ID: 0028
Revises: 0027
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; the policies that are there are on means."""
    op.add_column("policy", sa.Column("fit", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    """Take the column away."""
    op.drop_column("policy", "fit")
