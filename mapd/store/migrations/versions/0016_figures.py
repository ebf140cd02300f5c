"""a place that was skipped is told from one that was judged; an index to the acts of the audit.

The aggregate is derived again before it is read next: its rules have changed.

Revision ID: 0016
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("DELETE FROM passed")
    op.execute("UPDATE standing_exam SET rules = ''")
    op.add_column("passed", sa.Column("skipped", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    op.drop_column("passed", "skipped")
