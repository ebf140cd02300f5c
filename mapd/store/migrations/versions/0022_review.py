"""tokens of triage's client, cards dealt beside the queue, since when a lease is held, the false step as marked, own reasons.

Revision ID: 0022
Revises: 0021
"""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("judgement") as table:
        table.add_column(sa.Column("marks", sa.JSON(), nullable=False, server_default="[]"))
    op.drop_table("lease")  # they run out in minutes, and since when they are held nobody knows
    _create_lease(sa.Column("since", sa.DateTime(timezone=True), nullable=False))
    op.create_index(op.f("ix_lease_person"), "lease", ["person"])
    op.create_table(
        "rejection_reason",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rejection_reason")),
        sa.UniqueConstraint("code", name=op.f("uq_rejection_reason_code")),
    )
    op.create_table(
        "access_token",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("exam_id", sa.Integer(), nullable=False),
        sa.Column("sign_in", sa.String(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["exam_id"], ["exam.id"], name=op.f("fk_access_token_exam_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_token")),
        sa.UniqueConstraint("key", name=op.f("uq_access_token_key")),
    )
    for column in ("person", "exam_id"):
        op.create_index(op.f(f"ix_access_token_{column}"), "access_token", [column])
    op.create_table(
        "dealt_card",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("card", sa.String(), nullable=False),
        sa.Column("exam_id", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("explanation_id", sa.Integer(), nullable=False),
        sa.CheckConstraint("kind IN ('practice', 'check', 'repeat')", name=op.f("ck_dealt_card_kind_words")),
        sa.ForeignKeyConstraint(["exam_id"], ["exam.id"], name=op.f("fk_dealt_card_exam_id")),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.id"], name=op.f("fk_dealt_card_attempt_id")),
        sa.ForeignKeyConstraint(["explanation_id"], ["explanation.id"], name=op.f("fk_dealt_card_explanation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dealt_card")),
        sa.UniqueConstraint("card", name=op.f("uq_dealt_card_card")),
        sa.UniqueConstraint(
            "exam_id", "person", "kind", "explanation_id", name=op.f("uq_dealt_card_exam_id_person_kind_explanation_id")
        ),
    )
    for column in ("exam_id", "attempt_id", "explanation_id"):
        op.create_index(op.f(f"ix_dealt_card_{column}"), "dealt_card", [column])


def downgrade() -> None:
    op.drop_table("dealt_card")
    op.drop_table("access_token")
    op.drop_table("rejection_reason")
    op.drop_table("lease")
    _create_lease()
    with op.batch_alter_table("judgement") as table:
        table.drop_column("marks")


def _create_lease(*more: sa.Column[datetime]) -> None:
    op.create_table(
        "lease",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        *more,
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.id"], name=op.f("fk_lease_attempt_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lease")),
        sa.UniqueConstraint("attempt_id", "person", name=op.f("uq_lease_attempt_id_person")),
    )
