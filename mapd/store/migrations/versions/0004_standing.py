"""the aggregate behind queues, browse and threshold lab, and the search for words.

Triggers keep both up: each new row leaves a mark in `stale`, and its words in `words`, in its own transaction. A later
migration that copies one of their tables on SQLite (batch_alter_table) has to make its triggers again.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = ("standing", "band", "queued", "passed", "standing_exam", "stale")
STALE = {  # by table: the question that a new row is about
    "attempt": "NEW.question_id",
    "explanation": "NEW.question_id",
    "review": "(SELECT question_id FROM explanation WHERE id = NEW.explanation_id)",
    "judgement": "coalesce(NEW.question_id, (SELECT question_id FROM explanation WHERE id = NEW.explanation_id),"
    " (SELECT question_id FROM attempt WHERE id = NEW.attempt_id))",
}
WORDS = {  # by table: what is searched; a word's row is 4 * id + this number
    "explanation": (0, "{row}.text"),
    "question": (1, "{row}.text || ' ' || coalesce({row}.context, '')"),
    "attempt": (2, "{row}.text"),
}
LONGEST = 100_000  # characters that are searched; PostgreSQL takes no more than 1 MB


def upgrade() -> None:
    _tables()
    sqlite = op.get_bind().dialect.name == "sqlite"
    if sqlite:
        op.execute("CREATE VIRTUAL TABLE words USING fts5(text, content='', tokenize='unicode61 remove_diacritics 2')")
    else:
        op.execute("CREATE TABLE words (id BIGINT PRIMARY KEY, text TSVECTOR NOT NULL)")
        op.execute("CREATE INDEX ix_words_text ON words USING gin (text)")
    for table, question in STALE.items():
        voted = table == "review"
        _trigger(sqlite, table, "stale", f"INSERT INTO stale (question_id, voted) VALUES ({question}, {voted});")
    for table, (number, text) in WORDS.items():
        _trigger(sqlite, table, "words", f"{_put(sqlite)} VALUES (NEW.id * 4 + {number}, {_cut(sqlite, text, 'NEW')});")
        op.execute(f"{_put(sqlite)} SELECT x.id * 4 + {number}, {_cut(sqlite, text, 'x')} FROM {table} x")


def _put(sqlite: bool) -> str:
    return f"INSERT INTO words ({'rowid' if sqlite else 'id'}, text)"


def _cut(sqlite: bool, text: str, row: str) -> str:
    cut = f"substr({text.format(row=row)}, 1, {LONGEST})"
    return cut if sqlite else f"to_tsvector('simple', {cut})"


def _trigger(sqlite: bool, table: str, kind: str, act: str) -> None:
    name = f"{table}_{kind}"
    if sqlite:
        op.execute(f"CREATE TRIGGER {name} AFTER INSERT ON {table} BEGIN {act} END")
        return
    op.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {act} RETURN NULL; END $$")
    op.execute(f"CREATE TRIGGER {name} AFTER INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")


def _tables() -> None:
    op.create_table(
        "standing",
        sa.Column("id", sa.Integer(), primary_key=True),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("exam_id", "question_id", "attempt_id")),
        sa.Column("explanation_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("position", "author_id")),
        *(
            sa.Column(name, sa.Integer(), nullable=False)
            for name in ("mean", "spread", "votes", "cut", "committee_cut")
        ),
        *(sa.Column(name, sa.Boolean(), nullable=False) for name in ("undecided", "committee_undecided")),
        sa.Column("people", sa.String(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("matches_gold", "equations_true", "shows_work")),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("doubt_accepted", "doubt_rejected")),
    )
    op.create_index("ix_standing_question_id", "standing", ["question_id"])
    op.create_index("ix_standing_question_order", "standing", ["exam_id", "kind", "position", "attempt_id", "id"])
    op.create_index("ix_standing_mean_order", "standing", ["exam_id", "kind", "mean", "position", "attempt_id", "id"])
    op.create_table(
        "band",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("exam_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("low", "high")),
        sa.Column("waits", sa.Boolean(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.UniqueConstraint(
            "exam_id", "name", "low", "high", "waits", name=op.f("uq_band_exam_id_name_low_high_waits")
        ),
    )
    op.create_table(
        "queued",
        sa.Column("id", sa.Integer(), primary_key=True),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("band_id", "place", "position", "attempt_id")),
        sa.Column("question_id", sa.Integer(), nullable=False),
        sa.Column("explanation_id", sa.Integer(), nullable=True),
    )
    op.create_index("ix_queued_question_id", "queued", ["question_id"])
    op.create_index("ix_queued_band_place", "queued", ["band_id", "place", "position", "attempt_id"])
    op.create_table(
        "passed",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("queued_id", sa.Integer(), nullable=False),
        sa.Column("band_id", sa.Integer(), nullable=False),
        sa.UniqueConstraint("person", "queued_id", name=op.f("uq_passed_person_queued_id")),
    )
    op.create_index("ix_passed_queued_id", "passed", ["queued_id"])
    op.create_table(
        "standing_exam",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("rules", sa.String(), nullable=False),
        sa.Column("leniency", sa.JSON(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("votes", "votes_since")),
    )
    op.create_table(
        "stale",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("question_id", sa.Integer(), nullable=False),
        sa.Column("voted", sa.Boolean(), nullable=False),
    )
    op.create_index("ix_stale_question_id", "stale", ["question_id"])


def downgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    for kind, tables in (("stale", STALE), ("words", WORDS)):
        for table in tables:
            op.execute(f"DROP TRIGGER {table}_{kind}" + ("" if sqlite else f" ON {table}"))
            if not sqlite:
                op.execute(f"DROP FUNCTION {table}_{kind}()")
    op.execute("DROP TABLE words")
    for table in TABLES:
        op.drop_table(table)
