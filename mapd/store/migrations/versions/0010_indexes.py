"""indexes: to what an adjudicator said, and to what the orders of browse are filtered by most.

Revision ID: 0010
Revises: 0009
"""

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
    op.create_index("ix_judgement_role", "judgement", ["role"])
    _index(*ASKED_MOST)


def downgrade() -> None:
    op.drop_index("ix_judgement_role", "judgement")
    _index()
