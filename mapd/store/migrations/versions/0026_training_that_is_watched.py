"""What a finetune is planned as, and what each of its steps reports beside its losses.

Revision ID: 0026
Revises: 0025
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

PLANNED = ("planned_steps", "taught_pairs", "validation_pairs")
REPORTED = ("seconds_left", "gradient_norm", "memory_mb", "validation_feedback", "validation_rationale")


def upgrade() -> None:
    """Add the columns; finetunes that are there have nothing in them."""
    for name in PLANNED:
        op.add_column("finetune", sa.Column(name, sa.Integer(), nullable=True))
    for name in REPORTED:
        op.add_column("finetune_step", sa.Column(name, sa.Float(), nullable=True))


def downgrade() -> None:
    """Take the columns away."""
    for name in PLANNED:
        op.drop_column("finetune", name)
    for name in REPORTED:
        op.drop_column("finetune_step", name)
