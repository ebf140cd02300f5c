"""an index to what an adjudicator said: practice and checks are drawn from it.

Revision ID: 0010
Revises: 0009
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_judgement_role", "judgement", ["role"])


def downgrade() -> None:
    op.drop_index("ix_judgement_role", "judgement")
