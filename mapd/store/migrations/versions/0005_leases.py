"""who has which mistake in front of them, and how many people are to judge a text.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("exam", sa.Column("judgements_wanted", sa.Integer(), nullable=False, server_default="1"))
    op.create_table(
        "lease",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column(
            "attempt_id", sa.Integer(), sa.ForeignKey("attempt.id", name=op.f("fk_lease_attempt_id")), nullable=False
        ),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("attempt_id", "person", name=op.f("uq_lease_attempt_id_person")),
    )


def downgrade() -> None:
    op.drop_table("lease")
    op.drop_column("exam", "judgements_wanted")
