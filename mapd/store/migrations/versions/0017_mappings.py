"""mappings of question files under a name.

Revision ID: 0017
Revises: 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "saved_mapping",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.UniqueConstraint("name", name=op.f("uq_saved_mapping_name")),
        sa.UniqueConstraint("uid", name=op.f("uq_saved_mapping_uid")),
    )


def downgrade() -> None:
    op.drop_table("saved_mapping")
