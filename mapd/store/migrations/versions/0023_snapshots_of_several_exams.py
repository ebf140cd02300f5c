"""Snapshots of several exams: which exams one is of beside the one that its row names.

Revision ID: 0023
Revises: 0022
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; a snapshot that is there is of one exam, and has no row in it."""
    op.create_table(
        "snapshot_exam",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("snapshot_id", sa.Integer(), nullable=False),
        sa.Column("exam_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["exam_id"], ["exam.id"], name="fk_snapshot_exam_exam_id"),
        sa.ForeignKeyConstraint(["snapshot_id"], ["snapshot.id"], name="fk_snapshot_exam_snapshot_id"),
        sa.PrimaryKeyConstraint("id", name="pk_snapshot_exam"),
        sa.UniqueConstraint("snapshot_id", "exam_id", name="uq_snapshot_exam_snapshot_id_exam_id"),
        sa.UniqueConstraint("uid", name="uq_snapshot_exam_uid"),
    )
    op.create_index("ix_snapshot_exam_exam_id", "snapshot_exam", ["exam_id"])


def downgrade() -> None:
    """Take the table away."""
    op.drop_table("snapshot_exam")
