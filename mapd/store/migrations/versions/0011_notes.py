"""notes: a skip with a note was but a note; now its reason says so, and what has none is a skip, with or without a note.

Revision ID: 0011
Revises: 0010
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("UPDATE judgement SET reason = 'note' WHERE decision = 'skip' AND note IS NOT NULL AND reason IS NULL")


def downgrade() -> None:
    op.execute("UPDATE judgement SET reason = NULL WHERE decision = 'skip' AND reason = 'note'")
