"""the exam that a call was made for: what its budget counts.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Inline, and no batch: SQLite would copy the whole ledger.
    exam = sa.Column("exam_id", sa.Integer(), sa.ForeignKey("exam.id", name=op.f("fk_call_exam_id")), nullable=True)
    op.add_column("call", exam, inline_references=True)
    op.create_index(op.f("ix_call_exam_id"), "call", ["exam_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_call_exam_id"), "call")
    with op.batch_alter_table("call", schema=None) as batch_op:
        batch_op.drop_column("exam_id")
