"""the house.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_person"), ["person"], unique=False)

    op.create_table(
        "job",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("outcome", sa.JSON(), nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'cancelling', 'cancelled', 'failed', 'done')",
            name=op.f("ck_job_status_words"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
        sa.UniqueConstraint("uid", name=op.f("uq_job_uid")),
    )
    with op.batch_alter_table("job", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_job_status"), ["status"], unique=False)

    op.create_table(
        "policy",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("threshold_hundredths", sa.Integer(), nullable=False),
        sa.Column("min_votes", sa.Integer(), nullable=False),
        sa.Column("checks", sa.JSON(), nullable=False),
        sa.Column("leniency_adjusted", sa.Boolean(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_policy_name_version")),
        sa.UniqueConstraint("uid", name=op.f("uq_policy_uid")),
    )
    op.create_table(
        "prompt",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('exam', 'feedback', 'rationale', 'review', 'imported')", name=op.f("ck_prompt_kind_words")
        ),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_prompt")),
    )
    op.create_table(
        "question_set",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_question_set")),
        sa.UniqueConstraint("name", name=op.f("uq_question_set_name")),
        sa.UniqueConstraint("sha256", name=op.f("uq_question_set_sha256")),
        sa.UniqueConstraint("uid", name=op.f("uq_question_set_uid")),
    )
    op.create_table(
        "student",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("base", sa.String(), nullable=False),
        sa.Column("parent_id", sa.Integer(), nullable=True),
        sa.Column("snapshot_sha256", sa.String(), nullable=True),
        sa.Column("adapter", sa.String(), nullable=True),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["parent_id"], ["student.id"], name=op.f("fk_student_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_student")),
        sa.UniqueConstraint("name", name=op.f("uq_student_name")),
        sa.UniqueConstraint("uid", name=op.f("uq_student_uid")),
    )
    op.create_table(
        "teacher",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("base_url", sa.String(), nullable=True),
        sa.Column("key_env", sa.String(), nullable=True),
        sa.Column("sampling", sa.JSON(), nullable=False),
        sa.Column("limits", sa.JSON(), nullable=False),
        sa.Column("price", sa.JSON(), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('imported', 'person', 'openai', 'anthropic', 'local', 'simulated')",
            name=op.f("ck_teacher_kind_words"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_teacher")),
        sa.UniqueConstraint("name", name=op.f("uq_teacher_name")),
        sa.UniqueConstraint("uid", name=op.f("uq_teacher_uid")),
    )
    op.create_table(
        "call",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("try_number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("teacher_id", sa.Integer(), nullable=True),
        sa.Column("job_id", sa.Integer(), nullable=True),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("reply", sa.String(), nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("tokens_in", sa.Integer(), nullable=True),
        sa.Column("tokens_out", sa.Integer(), nullable=True),
        sa.Column("cost_usd", sa.Float(), nullable=True),
        sa.Column("latency_s", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_call_job_id")),
        sa.ForeignKeyConstraint(["teacher_id"], ["teacher.id"], name=op.f("fk_call_teacher_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call")),
        sa.UniqueConstraint("key", "try_number", name=op.f("uq_call_key_try_number")),
        sa.UniqueConstraint("uid", name=op.f("uq_call_uid")),
    )
    with op.batch_alter_table("call", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_call_job_id"), ["job_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_call_key"), ["key"], unique=False)
        batch_op.create_index(batch_op.f("ix_call_teacher_id"), ["teacher_id"], unique=False)
        batch_op.create_index(
            "uq_call_ok",
            ["key"],
            unique=True,
            sqlite_where=sa.text("outcome = 'ok'"),
            postgresql_where=sa.text("outcome = 'ok'"),
        )

    op.create_table(
        "exam",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("student_id", sa.Integer(), nullable=False),
        sa.Column("set_id", sa.Integer(), nullable=False),
        sa.Column("split", sa.String(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("decoding", sa.JSON(), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=True),
        sa.Column("graded_by", sa.String(), nullable=False),
        sa.Column("policy", sa.String(), nullable=False),
        sa.Column("threshold_hundredths", sa.Integer(), nullable=True),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.CheckConstraint("graded_by IN ('ours', 'import')", name=op.f("ck_exam_graded_by_words")),
        sa.CheckConstraint("split IN ('train', 'dev', 'test')", name=op.f("ck_exam_split_words")),
        sa.ForeignKeyConstraint(["set_id"], ["question_set.id"], name=op.f("fk_exam_set_id")),
        sa.ForeignKeyConstraint(["student_id"], ["student.id"], name=op.f("fk_exam_student_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exam")),
        sa.UniqueConstraint("name", name=op.f("uq_exam_name")),
        sa.UniqueConstraint("sha256", name=op.f("uq_exam_sha256")),
        sa.UniqueConstraint("uid", name=op.f("uq_exam_uid")),
    )
    with op.batch_alter_table("exam", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_exam_set_id"), ["set_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_exam_student_id"), ["student_id"], unique=False)

    op.create_table(
        "question",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("set_id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("split", sa.String(), nullable=False),
        sa.Column("family", sa.String(), nullable=True),
        sa.Column("task", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("context", sa.String(), nullable=True),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("gold", sa.String(), nullable=False),
        sa.Column("gold_note", sa.String(), nullable=True),
        sa.CheckConstraint("split IN ('train', 'dev', 'test')", name=op.f("ck_question_split_words")),
        sa.CheckConstraint("task IN ('numeric', 'boolean', 'choice', 'text')", name=op.f("ck_question_task_words")),
        sa.ForeignKeyConstraint(["set_id"], ["question_set.id"], name=op.f("fk_question_set_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_question")),
        sa.UniqueConstraint("set_id", "source_id", name=op.f("uq_question_set_id_source_id")),
        sa.UniqueConstraint("uid", name=op.f("uq_question_uid")),
    )
    with op.batch_alter_table("question", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_question_set_id"), ["set_id"], unique=False)

    op.create_table(
        "attempt",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("exam_id", sa.Integer(), nullable=False),
        sa.Column("question_id", sa.Integer(), nullable=False),
        sa.Column("sample", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("answer", sa.String(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("our_answer", sa.String(), nullable=True),
        sa.Column("our_outcome", sa.String(), nullable=False),
        sa.CheckConstraint(
            "our_outcome IN ('correct', 'incorrect', 'no_answer')", name=op.f("ck_attempt_our_outcome_words")
        ),
        sa.CheckConstraint("outcome IN ('correct', 'incorrect', 'no_answer')", name=op.f("ck_attempt_outcome_words")),
        sa.ForeignKeyConstraint(["exam_id"], ["exam.id"], name=op.f("fk_attempt_exam_id")),
        sa.ForeignKeyConstraint(["question_id"], ["question.id"], name=op.f("fk_attempt_question_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt")),
        sa.UniqueConstraint("exam_id", "question_id", "sample", name=op.f("uq_attempt_exam_id_question_id_sample")),
        sa.UniqueConstraint("uid", name=op.f("uq_attempt_uid")),
    )
    with op.batch_alter_table("attempt", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_attempt_exam_id"), ["exam_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_attempt_question_id"), ["question_id"], unique=False)

    op.create_table(
        "opening",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("set_id", sa.Integer(), nullable=False),
        sa.Column("exam_id", sa.Integer(), nullable=True),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["exam_id"], ["exam.id"], name=op.f("fk_opening_exam_id")),
        sa.ForeignKeyConstraint(["set_id"], ["question_set.id"], name=op.f("fk_opening_set_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opening")),
        sa.UniqueConstraint("uid", name=op.f("uq_opening_uid")),
    )
    with op.batch_alter_table("opening", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_opening_set_id"), ["set_id"], unique=False)

    op.create_table(
        "snapshot",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("exam_id", sa.Integer(), nullable=False),
        sa.Column("pairs", sa.Integer(), nullable=False),
        sa.Column("lines", sa.String(), nullable=False),
        sa.Column("manifest", sa.JSON(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["exam_id"], ["exam.id"], name=op.f("fk_snapshot_exam_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snapshot")),
        sa.UniqueConstraint("sha256", name=op.f("uq_snapshot_sha256")),
        sa.UniqueConstraint("uid", name=op.f("uq_snapshot_uid")),
    )
    with op.batch_alter_table("snapshot", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_snapshot_exam_id"), ["exam_id"], unique=False)

    op.create_table(
        "explanation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("question_id", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.Integer(), nullable=True),
        sa.Column("author_id", sa.Integer(), nullable=False),
        sa.Column("prompt_sha256", sa.String(), nullable=False),
        sa.Column("sample", sa.Integer(), nullable=False),
        sa.Column("repairs_id", sa.Integer(), nullable=True),
        sa.Column("text", sa.String(), nullable=False),
        sa.CheckConstraint(
            "(kind = 'feedback') = (attempt_id IS NOT NULL)", name=op.f("ck_explanation_attempt_of_feedback")
        ),
        sa.CheckConstraint("kind IN ('feedback', 'rationale')", name=op.f("ck_explanation_kind_words")),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.id"], name=op.f("fk_explanation_attempt_id")),
        sa.ForeignKeyConstraint(["author_id"], ["teacher.id"], name=op.f("fk_explanation_author_id")),
        sa.ForeignKeyConstraint(["prompt_sha256"], ["prompt.sha256"], name=op.f("fk_explanation_prompt_sha256")),
        sa.ForeignKeyConstraint(["question_id"], ["question.id"], name=op.f("fk_explanation_question_id")),
        sa.ForeignKeyConstraint(["repairs_id"], ["explanation.id"], name=op.f("fk_explanation_repairs_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_explanation")),
        sa.UniqueConstraint("uid", name=op.f("uq_explanation_uid")),
    )
    with op.batch_alter_table("explanation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_explanation_attempt_id"), ["attempt_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_explanation_author_id"), ["author_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_explanation_question_id"), ["question_id"], unique=False)
        batch_op.create_index(
            "uq_feedback",
            ["attempt_id", "author_id", "prompt_sha256", "sample"],
            unique=True,
            sqlite_where=sa.text("kind = 'feedback'"),
            postgresql_where=sa.text("kind = 'feedback'"),
        )
        batch_op.create_index(
            "uq_rationale",
            ["question_id", "author_id", "prompt_sha256", "sample"],
            unique=True,
            sqlite_where=sa.text("kind = 'rationale'"),
            postgresql_where=sa.text("kind = 'rationale'"),
        )

    op.create_table(
        "finetune",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("parent_id", sa.Integer(), nullable=False),
        sa.Column("snapshot_id", sa.Integer(), nullable=False),
        sa.Column("student_id", sa.Integer(), nullable=True),
        sa.Column("arm", sa.String(), nullable=True),
        sa.Column("alpha", sa.Float(), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("hyperparameters", sa.JSON(), nullable=False),
        sa.CheckConstraint("alpha BETWEEN 0 AND 1", name=op.f("ck_finetune_alpha_0_to_1")),
        sa.ForeignKeyConstraint(["parent_id"], ["student.id"], name=op.f("fk_finetune_parent_id")),
        sa.ForeignKeyConstraint(["snapshot_id"], ["snapshot.id"], name=op.f("fk_finetune_snapshot_id")),
        sa.ForeignKeyConstraint(["student_id"], ["student.id"], name=op.f("fk_finetune_student_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finetune")),
        sa.UniqueConstraint("uid", name=op.f("uq_finetune_uid")),
    )
    with op.batch_alter_table("finetune", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_finetune_parent_id"), ["parent_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_finetune_snapshot_id"), ["snapshot_id"], unique=False)

    op.create_table(
        "finetune_step",
        sa.Column("finetune_id", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("loss_feedback", sa.Float(), nullable=True),
        sa.Column("loss_rationale", sa.Float(), nullable=True),
        sa.Column("learning_rate", sa.Float(), nullable=False),
        sa.Column("tokens_per_s", sa.Float(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["finetune_id"], ["finetune.id"], name=op.f("fk_finetune_step_finetune_id")),
        sa.PrimaryKeyConstraint("finetune_id", "step", name=op.f("pk_finetune_step")),
    )
    op.create_table(
        "judgement",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("explanation_id", sa.Integer(), nullable=True),
        sa.Column("attempt_id", sa.Integer(), nullable=True),
        sa.Column("question_id", sa.Integer(), nullable=True),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("decision", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("value", sa.String(), nullable=True),
        sa.Column("note", sa.String(), nullable=True),
        sa.Column("undoes_id", sa.Integer(), nullable=True),
        sa.Column("committee", sa.String(), nullable=True),
        sa.Column("queue", sa.String(), nullable=True),
        sa.Column("sampling_chance", sa.Float(), nullable=True),
        sa.Column("revealed", sa.Boolean(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("token", sa.String(), nullable=False),
        sa.CheckConstraint(
            "decision IN ('accept', 'reject', 'skip', 'withdraw', 'correct')", name=op.f("ck_judgement_decision_words")
        ),
        sa.CheckConstraint("role IN ('annotator', 'adjudicator')", name=op.f("ck_judgement_role_words")),
        sa.CheckConstraint(
            "target = CASE WHEN explanation_id IS NOT NULL AND attempt_id IS NULL AND question_id IS NULL AND target IN ('rationale', 'feedback') THEN target WHEN explanation_id IS NULL AND attempt_id IS NOT NULL AND question_id IS NULL THEN 'attempt' WHEN explanation_id IS NULL AND attempt_id IS NULL AND question_id IS NOT NULL THEN 'question' END",
            name=op.f("ck_judgement_one_target"),
        ),
        sa.CheckConstraint(
            "target IN ('rationale', 'feedback', 'attempt', 'question')", name=op.f("ck_judgement_target_words")
        ),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.id"], name=op.f("fk_judgement_attempt_id")),
        sa.ForeignKeyConstraint(["explanation_id"], ["explanation.id"], name=op.f("fk_judgement_explanation_id")),
        sa.ForeignKeyConstraint(["question_id"], ["question.id"], name=op.f("fk_judgement_question_id")),
        sa.ForeignKeyConstraint(["undoes_id"], ["judgement.id"], name=op.f("fk_judgement_undoes_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_judgement")),
        sa.UniqueConstraint("token", name=op.f("uq_judgement_token")),
        sa.UniqueConstraint("uid", name=op.f("uq_judgement_uid")),
        sa.UniqueConstraint("undoes_id", name=op.f("uq_judgement_undoes_id")),
    )
    with op.batch_alter_table("judgement", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_judgement_attempt_id"), ["attempt_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_judgement_explanation_id"), ["explanation_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_judgement_person"), ["person"], unique=False)
        batch_op.create_index(batch_op.f("ix_judgement_question_id"), ["question_id"], unique=False)

    op.create_table(
        "review",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("explanation_id", sa.Integer(), nullable=False),
        sa.Column("reviewer_id", sa.Integer(), nullable=False),
        sa.Column("prompt_sha256", sa.String(), nullable=False),
        sa.Column("sample", sa.Integer(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.Column("raw_score", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("saw_gold", sa.Boolean(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.CheckConstraint("(score IS NULL) = (status <> 'ok')", name=op.f("ck_review_vote_or_reason")),
        sa.CheckConstraint("score BETWEEN 1 AND 5", name=op.f("ck_review_score_1_to_5")),
        sa.ForeignKeyConstraint(["explanation_id"], ["explanation.id"], name=op.f("fk_review_explanation_id")),
        sa.ForeignKeyConstraint(["prompt_sha256"], ["prompt.sha256"], name=op.f("fk_review_prompt_sha256")),
        sa.ForeignKeyConstraint(["reviewer_id"], ["teacher.id"], name=op.f("fk_review_reviewer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review")),
        sa.UniqueConstraint(
            "explanation_id",
            "reviewer_id",
            "prompt_sha256",
            "sample",
            name=op.f("uq_review_explanation_id_reviewer_id_prompt_sha256_sample"),
        ),
        sa.UniqueConstraint("uid", name=op.f("uq_review_uid")),
    )
    with op.batch_alter_table("review", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_review_explanation_id"), ["explanation_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_review_reviewer_id"), ["reviewer_id"], unique=False)


def downgrade() -> None:
    raise NotImplementedError("the first schema has nothing below it: delete the database instead")
