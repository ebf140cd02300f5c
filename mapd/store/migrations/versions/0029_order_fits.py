"""What orders the combined queue may be fitted on what people decided in the exam.

Revision ID: 0029
Revises: 0028
"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns: nothing is fitted yet."""
    op.add_column("standing_exam", sa.Column("order_fit", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("standing_exam", sa.Column("judged", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Take the columns away."""
    op.drop_column("standing_exam", "judged")
    op.drop_column("standing_exam", "order_fit")
