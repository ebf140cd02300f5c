"""skips told from judgements; what is deleted leaves the search, too; indices for the audit's acts and for deletions.

The aggregate is derived again before it is read next: its rules have changed. A later migration that copies one of the
tables of WORDS on SQLite (batch_alter_table) has to make these triggers again, as those of 0004.

Revision ID: 0016
Revises: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

WORDS = {  # as in 0004
    "explanation": (0, "OLD.text"),
    "question": (1, "OLD.text || ' ' || coalesce(OLD.context, '')"),
    "attempt": (2, "OLD.text"),
}
LONGEST = 100_000
INDICES = (("audit", "action"), ("explanation", "repairs_id"), ("seen", "explanation_id"))


def upgrade() -> None:
    op.execute("DELETE FROM passed")
    op.execute("UPDATE standing_exam SET rules = ''")
    op.add_column("passed", sa.Column("skipped", sa.Boolean(), nullable=False, server_default=sa.false()))
    for table, column in INDICES:
        op.create_index(f"ix_{table}_{column}", table, [column])
    for table, (number, text) in WORDS.items():
        name = f"{table}_words_gone"
        if op.get_bind().dialect.name == "sqlite":
            put = f"INSERT INTO words (words, rowid, text) VALUES ('delete', OLD.id * 4 + {number}, {_cut(text)});"
            op.execute(f"CREATE TRIGGER {name} AFTER DELETE ON {table} BEGIN {put} END")
            continue
        act = f"DELETE FROM words WHERE id = OLD.id * 4 + {number};"
        body = f"BEGIN {act} RETURN NULL; END"
        op.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$")
        op.execute(f"CREATE TRIGGER {name} AFTER DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")


def _cut(text: str) -> str:
    return f"substr({text}, 1, {LONGEST})"


def downgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    for table in WORDS:
        op.execute(f"DROP TRIGGER {table}_words_gone" + ("" if sqlite else f" ON {table}"))
        if not sqlite:
            op.execute(f"DROP FUNCTION {table}_words_gone()")
    for table, column in INDICES:
        op.drop_index(f"ix_{table}_{column}", table)
    op.drop_column("passed", "skipped")
