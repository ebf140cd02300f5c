"""In how many samples a question is to be wrong for its wrong answers to be mistakes.

Revision ID: 0024
Revises: 0023
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; in the exams that are there each wrong answer is a mistake, as it was."""
    op.add_column("exam", sa.Column("wrong_in", sa.Integer(), nullable=False, server_default="1"))


def downgrade() -> None:
    """Take the column away."""
    op.drop_column("exam", "wrong_in")
