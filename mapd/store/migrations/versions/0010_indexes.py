"""what each person has seen; indexes to what an adjudicator said, and to what browse is filtered by most.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ORDERS = {
    "question": (),
    "mean": ("mean",),
    "place_accepted": ("place_accepted",),
    "place_rejected": ("place_rejected",),
}
ASKED_MOST = ("cut", "committee_cut", "undecided", "committee_undecided", "people")


def _index(*more: str) -> None:
    for name, lead in ORDERS.items():
        op.drop_index(f"ix_standing_{name}_order", "standing")
        columns = ["exam_id", "kind", *lead, "position", "attempt_id", "id", *more]
        op.create_index(f"ix_standing_{name}_order", "standing", columns)


def upgrade() -> None:
    op.create_table(
        "seen",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("explanation_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["explanation_id"], ["explanation.id"], name=op.f("fk_seen_explanation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seen")),
        sa.UniqueConstraint("person", "explanation_id", name=op.f("uq_seen_person_explanation_id")),
    )
    op.create_index("ix_judgement_role", "judgement", ["role"])
    _index(*ASKED_MOST)


def downgrade() -> None:
    op.drop_table("seen")
    op.drop_index("ix_judgement_role", "judgement")
    _index()
