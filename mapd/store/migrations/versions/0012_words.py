"""PostgreSQL searches words as SQLite does: split at every sign ("8-5" has a 5, "$3.5" a 3 and a 5), without accents.

Revision ID: 0012
Revises: 0011
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

WORDS = {  # as in 0004
    "explanation": (0, "{row}.text"),
    "question": (1, "{row}.text || ' ' || coalesce({row}.context, '')"),
    "attempt": (2, "{row}.text"),
}
LONGEST = 100_000
ACCENTS = r"[\u0300-\u036f]"
SIGNS = r"[\x01-\x2f\x3a-\x40\x5b-\x60\x7b-\xa9\xab-\xb1\xb4\xb6-\xb8\xbb\xbf\xd7\xf7\u2000-\u206f\u2190-\u2bff]+"


def upgrade() -> None:
    _search(
        "regexp_replace(regexp_replace(normalize({cut}, NFD), '" + ACCENTS + "', '', 'g'), '" + SIGNS + "', ' ', 'g')"
    )


def downgrade() -> None:
    _search("{cut}")


def _search(prepared: str) -> None:
    """Read what is searched so, also what is there already."""
    if op.get_bind().dialect.name == "sqlite":
        return
    op.execute("DELETE FROM words")
    for table, (number, text) in WORDS.items():

        def vector(row: str, text: str = text) -> str:
            cut = f"substr({text.format(row=row)}, 1, {LONGEST})"
            return f"to_tsvector('simple', {prepared.format(cut=cut)})"

        put = "INSERT INTO words (id, text)"
        act = f"{put} VALUES (NEW.id * 4 + {number}, {vector('NEW')});"
        body = f"BEGIN {act} RETURN NULL; END"
        op.execute(f"CREATE OR REPLACE FUNCTION {table}_words() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$")
        op.execute(f"{put} SELECT x.id * 4 + {number}, {vector('x')} FROM {table} x")
