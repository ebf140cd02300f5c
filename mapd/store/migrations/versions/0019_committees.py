"""the teachers of an exam's committee: those whose texts and votes counted in it so far.

Revision ID: 0019
Revises: 0018
"""

import sqlalchemy as sa
from alembic import op

from mapd.store import committees

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    table = op.create_table(
        "committee_member",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("exam_id", sa.Integer(), nullable=False),
        sa.Column("teacher_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["exam_id"], ["exam.id"], name=op.f("fk_committee_member_exam_id")),
        sa.ForeignKeyConstraint(["teacher_id"], ["teacher.id"], name=op.f("fk_committee_member_teacher_id")),
        sa.UniqueConstraint("uid", name=op.f("uq_committee_member_uid")),
        sa.UniqueConstraint("exam_id", "teacher_id", name=op.f("uq_committee_member_exam_id_teacher_id")),
    )
    op.create_index(op.f("ix_committee_member_teacher_id"), "committee_member", ["teacher_id"])
    op.bulk_insert(table, committees.derive_members(op.get_bind()))


def downgrade() -> None:
    op.drop_table("committee_member")
