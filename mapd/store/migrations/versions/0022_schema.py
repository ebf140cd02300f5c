"""The first migration: the schema of version 0.1.0, on SQLite and PostgreSQL.

It keeps the number of the last of those that it was made of, so that a database which stands there is at home here. A
database of a lower number is refused (db.py). Every later migration stays, for ever: tests/store/test_kept.py brings a
database of this one to the head.

Triggers keep the aggregate and the search up to date: each new row leaves a mark in `stale`, and its words in `words`,
in its own transaction. A later migration that copies one of their tables on SQLite (`batch_alter_table`) makes the
table's triggers again.

Revision ID: 0022
Revises:
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = None
branch_labels = None
depends_on = None

METADATA = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def column(
    kind: sa.types.TypeEngine[Any], name: str, parent: str = "", *, optional: bool = False, **options: Any
) -> sa.Column[Any]:
    """Return a column; `parent` is the column of another table that it refers to."""
    keys = [sa.ForeignKey(parent)] if parent else []
    return sa.Column(name, kind, *keys, nullable=optional, **options)


text, whole, real = partial(column, sa.String()), partial(column, sa.Integer()), partial(column, sa.Float())
truth, json = partial(column, sa.Boolean()), partial(column, sa.JSON())
moment = partial(column, sa.DateTime(timezone=True))


def key() -> sa.Column[Any]:
    """Return the local id, which never leaves the database."""
    return whole("id", primary_key=True)


def row() -> list[sa.Column[Any]]:
    """Return what most rows begin with."""
    return [key(), moment("created_at")]


def travelling() -> list[sa.Column[Any]]:
    """Return what a row begins with that archives carry."""
    return [*row(), text("uid", unique=True)]


def where(condition: str) -> Mapping[str, Any]:
    """Return the condition of an index, for both databases."""
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


sa.Table(
    "audit", METADATA, *row(), text("person", index=True), text("action", index=True), text("target"), json("detail")
)
sa.Table(
    "band",
    METADATA,
    key(),
    whole("exam_id"),
    text("name"),
    whole("low"),
    whole("high"),
    truth("waits"),
    whole("number"),
    sa.UniqueConstraint("exam_id", "name", "low", "high", "waits"),
)
sa.Table(
    "claim",
    METADATA,
    key(),
    text("key", unique=True),
    text("run", index=True),
    moment("until"),
    whole("exam_id", optional=True),
    real("usd"),
)
sa.Table("ended_sign_in", METADATA, key(), text("key", unique=True), moment("ended_at"))
sa.Table("fingerprint", METADATA, *row(), text("source", unique=True), text("sha256"))
sa.Table("guidelines", METADATA, *travelling(), text("text"), text("person"), text("origin", optional=True))
sa.Table(
    "job",
    METADATA,
    *travelling(),
    text("kind"),
    json("parameters"),
    text("status", index=True),
    whole("attempt", server_default="1"),
    whole("tries", server_default="0"),
    text("worker", optional=True),
    moment("beat_at", optional=True),
    text("stage", server_default=""),
    whole("done"),
    whole("total", optional=True),
    text("message"),
    real("seconds_left", optional=True),
    text("log", server_default=""),
    json("outcome"),
    text("error", optional=True),
    text("person"),
    moment("started_at", optional=True),
    moment("ended_at", optional=True),
    text("origin", optional=True),
    sa.CheckConstraint(
        "status IN ('queued', 'running', 'cancelling', 'cancelled', 'failed', 'done')", name="status_words"
    ),
)
sa.Table(
    "key_approval",
    METADATA,
    *row(),
    text("key_env"),
    text("server"),
    text("person"),
    sa.UniqueConstraint("key_env", "server"),
)
sa.Table(
    "passed",
    METADATA,
    key(),
    text("person"),
    whole("queued_id", index=True),
    whole("band_id"),
    truth("skipped", server_default=sa.false()),
    sa.UniqueConstraint("person", "queued_id"),
)
sa.Table(
    "policy",
    METADATA,
    *travelling(),
    text("name"),
    whole("version"),
    whole("threshold_hundredths"),
    whole("min_votes"),
    json("checks"),
    truth("leniency_adjusted"),
    text("person"),
    sa.UniqueConstraint("name", "version"),
)
sa.Table(
    "prompt",
    METADATA,
    text("sha256", primary_key=True),
    text("kind"),
    text("text"),
    sa.CheckConstraint("kind IN ('exam', 'feedback', 'rationale', 'review', 'imported')", name="kind_words"),
)
sa.Table(
    "question_set",
    METADATA,
    *travelling(),
    text("name", unique=True),
    text("source"),
    text("sha256", unique=True),
    truth("simulated"),
)
sa.Table(
    "queued",
    METADATA,
    key(),
    whole("band_id"),
    whole("place"),
    whole("position"),
    whole("attempt_id"),
    whole("question_id", index=True),
    whole("explanation_id", optional=True),
    sa.Index("ix_queued_band_place", "band_id", "place", "position", "attempt_id"),
)
sa.Table("rejection_reason", METADATA, *row(), text("code", unique=True), text("person"))
sa.Table("saved_mapping", METADATA, *travelling(), text("name", unique=True), text("text"), text("person"))
sa.Table("saved_view", METADATA, *travelling(), text("name", unique=True), json("address"), text("person"))
sa.Table("stale", METADATA, key(), whole("question_id", index=True), truth("voted"))
sa.Table(
    "standing",
    METADATA,
    key(),
    whole("exam_id"),
    whole("question_id", index=True),
    whole("attempt_id"),
    whole("explanation_id", optional=True),
    text("kind"),
    whole("position"),
    whole("author_id", optional=True),
    whole("mean"),
    whole("spread"),
    whole("votes"),
    whole("cut"),
    whole("committee_cut"),
    truth("undecided"),
    truth("committee_undecided"),
    text("people"),
    text("reason"),
    text("judged_by"),
    text("matches_gold"),
    text("equations_true"),
    text("shows_work"),
    whole("place_accepted"),
    whole("place_rejected"),
    sa.Index(
        "ix_standing_mean_order",
        "exam_id",
        "kind",
        "mean",
        "position",
        "attempt_id",
        "id",
        "cut",
        "committee_cut",
        "undecided",
        "committee_undecided",
        "people",
    ),
    sa.Index(
        "ix_standing_place_accepted_order",
        "exam_id",
        "kind",
        "place_accepted",
        "position",
        "attempt_id",
        "id",
        "cut",
        "committee_cut",
        "undecided",
        "committee_undecided",
        "people",
    ),
    sa.Index(
        "ix_standing_place_rejected_order",
        "exam_id",
        "kind",
        "place_rejected",
        "position",
        "attempt_id",
        "id",
        "cut",
        "committee_cut",
        "undecided",
        "committee_undecided",
        "people",
    ),
    sa.Index(
        "ix_standing_question_order",
        "exam_id",
        "kind",
        "position",
        "attempt_id",
        "id",
        "cut",
        "committee_cut",
        "undecided",
        "committee_undecided",
        "people",
    ),
)
sa.Table("standing_exam", METADATA, key(), text("rules"), json("leniency"), whole("votes"), whole("votes_since"))
sa.Table(
    "student",
    METADATA,
    *travelling(),
    text("name", unique=True),
    text("base"),
    text("revision", optional=True),
    text("template", optional=True),
    whole("shots", server_default="0"),
    whole("parent_id", "student.id", optional=True),
    text("snapshot_sha256", optional=True),
    text("adapter", optional=True),
    text("adapter_sha256", optional=True),
    whole("round"),
)
sa.Table(
    "teacher",
    METADATA,
    *travelling(),
    text("name", unique=True),
    text("kind"),
    text("model"),
    text("base_url", optional=True),
    text("key_env", optional=True),
    json("sampling"),
    json("limits"),
    json("price"),
    whole("keyed_max_tokens", optional=True),
    json("learned", server_default="{}"),
    json("headers", server_default="{}"),
    truth("simulated"),
    truth("disabled"),
    text("origin", optional=True),
    sa.CheckConstraint(
        "kind IN ('imported', 'person', 'openai', 'anthropic', 'local', 'simulated')", name="kind_words"
    ),
)
sa.Table("worker", METADATA, *row(), text("name", unique=True), moment("seen_at"), moment("ended_at", optional=True))
sa.Table(
    "exam",
    METADATA,
    *travelling(),
    text("name", unique=True),
    whole("student_id", "student.id", index=True),
    whole("set_id", "question_set.id", index=True),
    text("split"),
    whole("round"),
    json("decoding"),
    whole("seed", optional=True),
    text("graded_by"),
    text("policy"),
    whole("threshold_hundredths", optional=True),
    whole("judgements_wanted", server_default="1"),
    whole("practice", server_default="0"),
    whole("check_every", server_default="0"),
    whole("repeat_every", server_default="0"),
    text("sha256", optional=True, unique=True),
    sa.CheckConstraint("graded_by IN ('ours', 'import')", name="graded_by_words"),
    sa.CheckConstraint("split IN ('train', 'dev', 'test')", name="split_words"),
)
sa.Table(
    "question",
    METADATA,
    *travelling(),
    whole("set_id", "question_set.id", index=True),
    text("source_id"),
    whole("position"),
    text("split"),
    text("family", optional=True),
    text("task"),
    text("text"),
    text("context", optional=True),
    json("options"),
    text("gold"),
    text("gold_note", optional=True),
    sa.CheckConstraint("split IN ('train', 'dev', 'test')", name="split_words"),
    sa.CheckConstraint("task IN ('numeric', 'boolean', 'choice', 'text')", name="task_words"),
    sa.UniqueConstraint("set_id", "source_id"),
)
sa.Table(
    "access_token",
    METADATA,
    key(),
    text("key", unique=True),
    text("person", index=True),
    text("role"),
    whole("exam_id", "exam.id", index=True),
    text("sign_in"),
    moment("until"),
)
sa.Table(
    "attempt",
    METADATA,
    *travelling(),
    whole("exam_id", "exam.id", index=True),
    whole("question_id", "question.id", index=True),
    whole("sample"),
    text("text"),
    text("thought", optional=True),
    text("finish", optional=True),
    whole("tokens_in", optional=True),
    whole("tokens_out", optional=True),
    text("answer", optional=True),
    text("outcome"),
    text("our_answer", optional=True),
    text("our_outcome"),
    sa.CheckConstraint("our_outcome IN ('correct', 'incorrect', 'no_answer')", name="our_outcome_words"),
    sa.CheckConstraint("outcome IN ('correct', 'incorrect', 'no_answer')", name="outcome_words"),
    sa.UniqueConstraint("exam_id", "question_id", "sample"),
)
sa.Table(
    "call",
    METADATA,
    *travelling(),
    text("key", index=True),
    whole("try_number"),
    text("kind"),
    text("outcome"),
    whole("teacher_id", "teacher.id", optional=True, index=True),
    whole("job_id", "job.id", optional=True, index=True),
    whole("exam_id", "exam.id", optional=True, index=True),
    text("model"),
    text("reply"),
    text("thought", optional=True),
    text("error", optional=True),
    whole("tokens_in", optional=True),
    whole("tokens_out", optional=True),
    real("cost_usd", optional=True),
    real("latency_s", optional=True),
    text("origin", optional=True),
    sa.UniqueConstraint("key", "try_number"),
    sa.Index("uq_call_ok", "key", unique=True, **where("outcome = 'ok' AND origin IS NULL")),
)
sa.Table(
    "committee_member",
    METADATA,
    *travelling(),
    whole("exam_id", "exam.id"),
    whole("teacher_id", "teacher.id", index=True),
    sa.UniqueConstraint("exam_id", "teacher_id"),
)
sa.Table(
    "opening",
    METADATA,
    *travelling(),
    whole("set_id", "question_set.id", index=True),
    whole("exam_id", "exam.id", optional=True),
    text("person"),
    text("purpose"),
)
sa.Table(
    "snapshot",
    METADATA,
    *travelling(),
    text("sha256", unique=True),
    whole("exam_id", "exam.id", index=True),
    whole("pairs"),
    text("lines"),
    json("manifest"),
    text("person"),
)
sa.Table(
    "explanation",
    METADATA,
    *travelling(),
    text("kind"),
    whole("question_id", "question.id", index=True),
    whole("attempt_id", "attempt.id", optional=True, index=True),
    whole("author_id", "teacher.id", index=True),
    text("prompt_sha256", "prompt.sha256"),
    whole("sample"),
    whole("repairs_id", "explanation.id", optional=True, index=True),
    text("text"),
    text("thought", optional=True),
    sa.CheckConstraint("(kind = 'feedback') = (attempt_id IS NOT NULL)", name="attempt_of_feedback"),
    sa.CheckConstraint("kind IN ('feedback', 'rationale')", name="kind_words"),
    sa.Index(
        "uq_feedback", "attempt_id", "author_id", "prompt_sha256", "sample", unique=True, **where("kind = 'feedback'")
    ),
    sa.Index(
        "uq_rationale",
        "question_id",
        "author_id",
        "prompt_sha256",
        "sample",
        unique=True,
        **where("kind = 'rationale'"),
    ),
)
sa.Table(
    "finetune",
    METADATA,
    *travelling(),
    whole("parent_id", "student.id", index=True),
    whole("snapshot_id", "snapshot.id", index=True),
    whole("student_id", "student.id", optional=True),
    text("arm", optional=True),
    real("alpha"),
    whole("seed"),
    json("hyperparameters"),
    sa.CheckConstraint("alpha BETWEEN 0 AND 1", name="alpha_0_to_1"),
)
sa.Table(
    "lease",
    METADATA,
    key(),
    whole("attempt_id", "attempt.id"),
    text("person", index=True),
    moment("since"),
    moment("until"),
    sa.UniqueConstraint("attempt_id", "person"),
)
sa.Table(
    "dealt_card",
    METADATA,
    key(),
    text("card", unique=True),
    whole("exam_id", "exam.id", index=True),
    text("person"),
    text("kind"),
    whole("attempt_id", "attempt.id", index=True),
    whole("explanation_id", "explanation.id", index=True),
    sa.CheckConstraint("kind IN ('practice', 'check', 'repeat')", name="kind_words"),
    sa.UniqueConstraint("exam_id", "person", "kind", "explanation_id"),
)
sa.Table(
    "finetune_step",
    METADATA,
    whole("finetune_id", "finetune.id", primary_key=True),
    whole("step", primary_key=True),
    real("loss_feedback", optional=True),
    real("loss_rationale", optional=True),
    real("learning_rate"),
    real("tokens_per_s"),
    real("seconds"),
)
sa.Table(
    "judgement",
    METADATA,
    *travelling(),
    text("target"),
    whole("explanation_id", "explanation.id", optional=True, index=True),
    whole("attempt_id", "attempt.id", optional=True, index=True),
    whole("question_id", "question.id", optional=True, index=True),
    text("person", index=True),
    text("role", index=True),
    text("decision"),
    text("reason", optional=True),
    text("value", optional=True),
    text("note", optional=True),
    json("marks", server_default="[]"),
    whole("undoes_id", "judgement.id", optional=True),
    text("committee", optional=True),
    text("queue", optional=True),
    real("sampling_chance", optional=True),
    truth("revealed"),
    real("seconds", optional=True),
    text("token", unique=True),
    truth("counts", server_default=sa.true()),
    text("origin", optional=True),
    sa.CheckConstraint("decision IN ('accept', 'reject', 'skip', 'withdraw', 'correct')", name="decision_words"),
    sa.CheckConstraint(
        "target = CASE WHEN explanation_id IS NOT NULL AND attempt_id IS NULL AND question_id IS NULL AND target IN ('rationale', 'feedback') THEN target WHEN explanation_id IS NULL AND attempt_id IS NOT NULL AND question_id IS NULL THEN 'attempt' WHEN explanation_id IS NULL AND attempt_id IS NULL AND question_id IS NOT NULL THEN 'question' END",
        name="one_target",
    ),
    sa.CheckConstraint("role IN ('annotator', 'adjudicator')", name="role_words"),
    sa.CheckConstraint("target IN ('rationale', 'feedback', 'attempt', 'question')", name="target_words"),
    sa.Index("ix_judgement_brought", "person", **where("origin IS NOT NULL")),
    sa.Index("ix_judgement_created_at", "created_at"),
    sa.Index("uq_judgement_undone", "undoes_id", unique=True, **where("counts")),
)
sa.Table(
    "review",
    METADATA,
    *travelling(),
    whole("explanation_id", "explanation.id", index=True),
    whole("reviewer_id", "teacher.id", index=True),
    text("prompt_sha256", "prompt.sha256"),
    whole("sample"),
    whole("score", optional=True),
    text("raw_score", optional=True),
    text("status"),
    truth("saw_gold"),
    text("text"),
    text("thought", optional=True),
    sa.CheckConstraint("score BETWEEN 1 AND 5", name="score_1_to_5"),
    sa.CheckConstraint("(score IS NULL) = (status <> 'ok')", name="vote_or_reason"),
    sa.UniqueConstraint("explanation_id", "reviewer_id", "prompt_sha256", "sample"),
)
sa.Table(
    "seen",
    METADATA,
    key(),
    text("person"),
    whole("explanation_id", "explanation.id", index=True),
    sa.UniqueConstraint("person", "explanation_id"),
)


# --- Triggers ---------------------------------------------------------------------------------------------------------

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
# Characters that are searched; PostgreSQL takes no more than 1 MB.
LONGEST = 100_000
# PostgreSQL's words are split as SQLite's: at every sign ("8-5" has a 5, "$3.5" a 3 and a 5), without accents.
ACCENTS = r"[\u0300-\u036f]"
SIGNS = r"[\x01-\x2f\x3a-\x40\x5b-\x60\x7b-\xa9\xab-\xb1\xb4\xb6-\xb8\xbb\xbf\xd7\xf7\u2000-\u206f\u2190-\u2bff]+"


def upgrade() -> None:
    METADATA.create_all(op.get_bind(), checkfirst=False)
    if op.get_bind().dialect.name == "sqlite":
        op.execute("CREATE VIRTUAL TABLE words USING fts5(text, content='', tokenize='unicode61 remove_diacritics 2')")
        for table, (number, searched) in WORDS.items():
            words = f"4 + {number}, substr({searched}, 1, {LONGEST})"
            insert = f"INSERT INTO words (rowid, text) VALUES (NEW.id * {words.format(row='NEW')});"
            # SQLite's search forgets a text only where it is told the same text again.
            delete = f"INSERT INTO words (words, rowid, text) VALUES ('delete', OLD.id * {words.format(row='OLD')});"
            watch(table, insert, delete)
    else:
        op.execute("CREATE TABLE words (id BIGINT PRIMARY KEY, text TSVECTOR NOT NULL)")
        op.execute("CREATE INDEX ix_words_text ON words USING gin (text)")
        for table, (number, searched) in WORDS.items():
            plain = f"normalize(substr({searched.format(row='NEW')}, 1, {LONGEST}), NFD)"
            plain = f"regexp_replace(regexp_replace({plain}, '{ACCENTS}', '', 'g'), '{SIGNS}', ' ', 'g')"
            insert = f"INSERT INTO words (id, text) VALUES (NEW.id * 4 + {number}, to_tsvector('simple', {plain}));"
            watch(table, insert, f"DELETE FROM words WHERE id = OLD.id * 4 + {number};")
    for table, question in STALE.items():
        mark = f"INSERT INTO stale (question_id, voted) VALUES ({question}, {table == 'review'});"
        trigger(f"{table}_stale", table, "INSERT", mark)


def watch(table: str, insert: str, delete: str) -> None:
    """Make the triggers that keep the search up to date."""
    trigger(f"{table}_words", table, "INSERT", insert)
    trigger(f"{table}_words_gone", table, "DELETE", delete)


def trigger(name: str, table: str, event: str, act: str) -> None:
    """Make a trigger that acts after each row of the table that comes or goes."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"CREATE TRIGGER {name} AFTER {event} ON {table} BEGIN {act} END")
        return
    body = f"BEGIN {act} RETURN NULL; END"
    op.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$")
    op.execute(f"CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")
