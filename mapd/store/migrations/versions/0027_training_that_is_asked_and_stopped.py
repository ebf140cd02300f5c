"""What a student answers while it is trained; trainings that were stopped and kept, and those that went on.

Revision ID: 0027
Revises: 0026
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

ADDED: dict[str, Any] = {
    "stopped_at": sa.Integer(),
    "continues": sa.String(),
    "stop_requested_at": sa.DateTime(timezone=True),
}


def upgrade() -> None:
    """Add the columns, of which older finetunes have nothing, and the table of the answers."""
    for name, kind in ADDED.items():
        op.add_column("finetune", sa.Column(name, kind, nullable=True))
    op.create_table(
        "finetune_answer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("finetune_id", sa.Integer(), nullable=False),
        sa.Column("question_id", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("thought", sa.String(), nullable=True),
        sa.Column("finish", sa.String(), nullable=False),
        sa.Column("answer", sa.String(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('correct', 'incorrect', 'no_answer')", name=op.f("ck_finetune_answer_outcome_words")
        ),
        sa.ForeignKeyConstraint(["finetune_id"], ["finetune.id"], name=op.f("fk_finetune_answer_finetune_id")),
        sa.ForeignKeyConstraint(["question_id"], ["question.id"], name=op.f("fk_finetune_answer_question_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finetune_answer")),
        sa.UniqueConstraint(
            "finetune_id", "question_id", "step", name=op.f("uq_finetune_answer_finetune_id_question_id_step")
        ),
        sa.UniqueConstraint("uid", name=op.f("uq_finetune_answer_uid")),
    )
    for column in ("finetune_id", "question_id"):
        op.create_index(op.f(f"ix_finetune_answer_{column}"), "finetune_answer", [column])


def downgrade() -> None:
    """Take them away."""
    op.drop_table("finetune_answer")
    for name in ADDED:
        op.drop_column("finetune", name)
