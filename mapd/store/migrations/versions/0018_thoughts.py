"""thoughts and how a reply ended; a student's commit on the hub; what a teacher's server refuses.

Revision ID: 0018
Revises: 0017
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

COLUMNS: dict[str, dict[str, type[sa.types.TypeEngine[Any]]]] = {
    "attempt": {"thought": sa.String, "finish": sa.String, "tokens_in": sa.Integer, "tokens_out": sa.Integer},
    "explanation": {"thought": sa.String},
    "review": {"thought": sa.String},
    "call": {"thought": sa.String},
    "student": {"revision": sa.String},
}


def upgrade() -> None:
    for table, columns in COLUMNS.items():
        for name, kind in columns.items():
            op.add_column(table, sa.Column(name, kind(), nullable=True))
    for name in ("learned", "headers"):
        op.add_column("teacher", sa.Column(name, sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    for name in ("headers", "learned"):
        op.drop_column("teacher", name)
    for table, columns in reversed(COLUMNS.items()):
        for name in reversed(columns):
            op.drop_column(table, name)
