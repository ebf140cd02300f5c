"""a student whose model brings no chat template, and the worked examples that it is shown.

Revision ID: 0020
Revises: 0019
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("student", sa.Column("template", sa.String(), nullable=True))
    op.add_column("student", sa.Column("shots", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("student", "shots")
    op.drop_column("student", "template")
