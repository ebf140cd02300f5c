"""who does which piece of work; how often a job's process was started for nothing; the latest judgement's time.

Revision ID: 0014
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "claim",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("exam_id", sa.Integer(), nullable=True),
        sa.Column("usd", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_claim")),
        sa.UniqueConstraint("key", name=op.f("uq_claim_key")),
    )
    op.create_index("ix_claim_run", "claim", ["run"])
    op.add_column("job", sa.Column("tries", sa.Integer(), nullable=False, server_default="0"))
    op.create_index("ix_judgement_created_at", "judgement", ["created_at"])


def downgrade() -> None:
    op.drop_index("ix_judgement_created_at", "judgement")
    op.drop_column("job", "tries")
    op.drop_table("claim")
