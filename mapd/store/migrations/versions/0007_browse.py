"""browse reads mistakes without a text and questions from the aggregate too, and its most doubtful texts by an index.

The aggregate is thrown away: it is derived again before it is read next.

Revision ID: 0007
Revises: 0006
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

LEADS = ("mean", "place_accepted", "place_rejected")


def upgrade() -> None:
    _drop()
    op.create_table(
        "standing",
        *_first(),
        sa.Column("explanation_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("author_id", sa.Integer(), nullable=True),
        *_middle(),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("people", "reason", "judged_by")),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("matches_gold", "equations_true", "shows_work")),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("place_accepted", "place_rejected")),
    )
    _index(LEADS)


def downgrade() -> None:
    _drop()
    op.create_table(
        "standing",
        *_first(),
        sa.Column("explanation_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("position", "author_id")),
        *_middle(),
        sa.Column("people", sa.String(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("matches_gold", "equations_true", "shows_work")),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("doubt_accepted", "doubt_rejected")),
    )
    _index(LEADS[:1])


def _first() -> list[sa.Column[Any]]:
    columns = [sa.Column(name, sa.Integer(), nullable=False) for name in ("exam_id", "question_id", "attempt_id")]
    return [sa.Column("id", sa.Integer(), primary_key=True), *columns]


def _middle() -> list[sa.Column[Any]]:
    numbers = ("mean", "spread", "votes", "cut", "committee_cut")
    return [
        *(sa.Column(name, sa.Integer(), nullable=False) for name in numbers),
        *(sa.Column(name, sa.Boolean(), nullable=False) for name in ("undecided", "committee_undecided")),
    ]


def _index(leads: tuple[str, ...]) -> None:
    op.create_index("ix_standing_question_id", "standing", ["question_id"])
    op.create_index("ix_standing_question_order", "standing", ["exam_id", "kind", "position", "attempt_id", "id"])
    for lead in leads:
        columns = ["exam_id", "kind", lead, "position", "attempt_id", "id"]
        op.create_index(f"ix_standing_{lead}_order", "standing", columns)


def _drop() -> None:
    for table in ("passed", "queued", "band", "standing_exam"):
        op.execute(f"DELETE FROM {table}")
    op.drop_table("standing")
