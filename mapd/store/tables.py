"""One class a table. Rows are only added: a text never changes, a judgement never goes.

What can be derived isn't stored, but for one maintained aggregate (the last seven tables): without it the next item of
a queue took seconds at 100,000 mistakes (`benchmarks/review.py`). It can be thrown away at any time; it doesn't travel.

One real row of `explanation`, imported from the authors' SVAMP file:

    kind="rationale", question_id=1, attempt_id=None, author_id=2 (gemini), sample=0,
    text="290 bananas divided into 2 groups = 145 bananas in each group"

and the `review` of it by gpt: score=5, raw_score="5", status="ok", saw_gold=True, text="" (imports hold scores alone).
A `uid` stands on every row that travels: imports and archives derive it from the content, so the same row has the
same uid in every project.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from mapd.store.columns import Json, UtcDateTime, WordColumn


def now() -> datetime:
    """Return this moment, in UTC."""
    return datetime.now(UTC)


def new_uid() -> str:
    """Return a fresh 32-digit hex name for a row that is born here."""
    return uuid4().hex


# A column that belongs to this project: no archive carries it.
STAYS: Mapping[str, Any] = {"info": {"stays": True}}


def origin() -> Any:
    """Return the column that names the archive, or the file of verdicts, that a row came with; none of what is ours.

    By its sha256.
    """
    return Field(default=None, sa_column_kwargs=STAYS)


def one_of(column: str, *words: str) -> sa.CheckConstraint:
    """Return a CHECK that the column holds one of the words. SQLModel doesn't validate tables, so the database does."""
    check = sa.CheckConstraint(f"{column} IN ({', '.join(map(repr, words))})", name=f"{column}_words")

    @sa.event.listens_for(check, "after_parent_attach")
    def narrow(_: sa.CheckConstraint, table: sa.Table) -> None:
        table.c[column].type = WordColumn(words)

    return check


def unique_where(name: str, condition: str, *columns: str) -> sa.Index:
    """Return a unique index over the rows that meet the condition, on both databases."""
    where = sa.text(condition)
    return sa.Index(name, *columns, unique=True, sqlite_where=where, postgresql_where=where)


metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Table(SQLModel, registry=registry(metadata=metadata)):
    """All tables share a registry of their own: Streamlit's hot reload would otherwise define them twice."""


class Numbered(Table):
    """A row that is known by a number here."""

    id: int | None = Field(default=None, primary_key=True)


class Row(Numbered):
    """A row that says when it was made."""

    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class Travelling(Row):
    """A row that an archive carries from project to project."""

    uid: str = Field(default_factory=new_uid, unique=True)


class QuestionSet(Travelling, table=True):
    """An immutable set of questions; `sha256` is that of its content."""

    __tablename__ = "question_set"
    name: str = Field(unique=True)
    source: str
    sha256: str = Field(unique=True)
    simulated: bool = False


class Question(Travelling, table=True):
    """A question with its gold answer as given; a corrected gold is a judgement, never an edit."""

    __tablename__ = "question"
    set_id: int = Field(foreign_key="question_set.id", index=True)
    source_id: str
    position: int
    split: str
    family: str | None = None
    task: str
    text: str
    context: str | None = None
    options: list[str] = Field(default_factory=list, sa_type=Json(list))
    gold: str
    gold_note: str | None = None  # what came with the gold: StrategyQA's facts, GSM8K's worked solution
    __table_args__ = (
        sa.UniqueConstraint("set_id", "source_id"),
        one_of("split", "train", "dev", "test"),
        one_of("task", "numeric", "boolean", "choice", "text"),
    )


class Student(Travelling, table=True):
    """A model that is taught. A finetuned student names its parent, snapshot and adapter; a served one its server."""

    __tablename__ = "student"
    name: str = Field(unique=True)
    base: str
    revision: str | None = None  # of a base on the hub: the commit, the same from its first use on
    # "plain": ours, for a base model that brings no chat template; "server": its server writes the prompt
    template: str | None = None
    shots: int = 0  # worked examples in front of each question
    parent_id: int | None = Field(default=None, foreign_key="student.id")
    # By name, not by key: snapshot -> exam -> student must not run in a circle.
    snapshot_sha256: str | None = None
    adapter: str | None = None
    adapter_sha256: str | None = None  # of its bytes, as they were written
    round: int = 0
    # Of a served one, as of a teacher: "http://127.0.0.1:8000/v1", and the name of its key's variable.
    base_url: str | None = None
    key_env: str | None = Field(default=None, sa_column_kwargs=STAYS)
    limits: dict[str, Any] = Field(default_factory=dict, sa_type=Json(dict))
    tokenizer: str | None = None  # whose tokenizer and chat template it has: "hub:org/name@607a…"
    learned: dict[str, Any] = Field(default_factory=dict, sa_type=Json(dict), sa_column_kwargs=STAYS)
    # A served one that came with an archive is asked once somebody here enables it.
    disabled: bool = Field(default=False, sa_column_kwargs=STAYS)
    origin: str | None = origin()


class SavedPolicy(Travelling, table=True):
    """A saved policy; saving or fitting a name again adds a version. The presets live in `policies.py`, not here."""

    __tablename__ = "policy"
    name: str
    version: int = 1
    threshold_hundredths: int
    min_votes: int = 1
    checks: list[str] = Field(default_factory=list, sa_type=Json(list))
    leniency_adjusted: bool = False
    # Of a fitted one what it decides by, and what it was fitted on (`probability.Fit`): its threshold is a probability.
    fit: dict[str, Any] = Field(default_factory=dict, sa_type=Json(dict))
    person: str
    __table_args__ = (sa.UniqueConstraint("name", "version"),)


class Exam(Travelling, table=True):
    """One student over one set of questions. `sha256` names the content of an import."""

    __tablename__ = "exam"
    name: str = Field(unique=True)
    student_id: int = Field(foreign_key="student.id", index=True)
    set_id: int = Field(foreign_key="question_set.id", index=True)
    split: str
    round: int = 0
    decoding: dict[str, Any] = Field(default_factory=dict, sa_type=Json(dict))
    seed: int | None = None
    graded_by: str
    # The exam's current policy: a preset's or a saved policy's name.
    policy: str = "paper"
    # Where a person moved it; none = the policy's own.
    threshold_hundredths: int | None = None
    # By so many people each text is to be judged.
    judgements_wanted: int = 1
    # Explained texts that each person judges before the first of their own.
    practice: int = 0
    # Texts, after which a person is given one that an adjudicator decided, or one of their own again; 0 = never.
    check_every: int = 0
    repeat_every: int = 0
    # A wrong answer is a mistake where so many of its question's samples are wrong.
    wrong_in: int = 1
    sha256: str | None = Field(default=None, unique=True)
    __table_args__ = (one_of("split", "train", "dev", "test"), one_of("graded_by", "ours", "import"))


class Attempt(Travelling, table=True):
    """One response of the student. `answer` and `outcome` decide; our own reading stands beside an imported one."""

    __tablename__ = "attempt"
    exam_id: int = Field(foreign_key="exam.id", index=True)
    question_id: int = Field(foreign_key="question.id", index=True)
    sample: int = 0
    text: str
    thought: str | None = None  # what a thinking model wrote before: never graded, scored, reviewed or taught
    # How the response ended ("ok", "cut_off", …); none where the source of an import doesn't say.
    finish: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    answer: str | None = None
    outcome: str
    our_answer: str | None = None
    our_outcome: str
    __table_args__ = (
        sa.UniqueConstraint("exam_id", "question_id", "sample"),
        one_of("outcome", "correct", "incorrect", "no_answer"),
        one_of("our_outcome", "correct", "incorrect", "no_answer"),
    )


class Teacher(Travelling, table=True):
    """An author of explanations. A key's variable is named, the key itself never stored."""

    __tablename__ = "teacher"
    name: str = Field(unique=True)
    kind: str
    model: str = ""
    base_url: str | None = None
    key_env: str | None = Field(default=None, sa_column_kwargs=STAYS)
    sampling: dict[str, Any] = Field(default_factory=dict, sa_type=Json(dict))
    limits: dict[str, Any] = Field(default_factory=dict, sa_type=Json(dict))
    price: dict[str, Any] = Field(default_factory=dict, sa_type=Json(dict))
    # What a key of the ledger holds as max_tokens; none of a teacher that came since it holds none (committee/plan.py)
    keyed_max_tokens: int | None = None
    # What its server refused and takes instead, learned from its first refusal: {"max_tokens": "max_completion_tokens"}
    learned: dict[str, Any] = Field(default_factory=dict, sa_type=Json(dict), sa_column_kwargs=STAYS)
    # Further headers, by the names of the variables that hold their values: {"x-team": "MAPD_TEAM"}
    headers: dict[str, Any] = Field(default_factory=dict, sa_type=Json(dict), sa_column_kwargs=STAYS)
    simulated: bool = False
    # One that came with an archive is disabled and names no key until somebody here enables it: `origin` ends then.
    disabled: bool = Field(default=False, sa_column_kwargs=STAYS)
    origin: str | None = origin()
    __table_args__ = (one_of("kind", "imported", "person", "openai", "anthropic", "local", "simulated"),)


class KeyApproval(Row, table=True):
    """A server that a person here lets a key be sent to: "MY_KEY", "https://llm.example.org"."""

    __tablename__ = "key_approval"
    key_env: str
    server: str
    person: str
    __table_args__ = (sa.UniqueConstraint("key_env", "server"),)


class Fingerprint(Row, table=True):
    """The sha256 of a model's files when they were first named here, by its source: "path:/models/mine"."""

    __tablename__ = "fingerprint"
    source: str = Field(unique=True)
    sha256: str


class CommitteeMember(Travelling, table=True):
    """A teacher whom an exam's committee named: its texts and votes count there (store/committees.py)."""

    __tablename__ = "committee_member"
    exam_id: int = Field(foreign_key="exam.id")
    teacher_id: int = Field(foreign_key="teacher.id", index=True)
    __table_args__ = (sa.UniqueConstraint("exam_id", "teacher_id"),)


class Prompt(Table, table=True):
    """A prompt as it was sent, kept by its hash. The empty text is an import's: the file didn't say."""

    __tablename__ = "prompt"
    sha256: str = Field(primary_key=True)
    kind: str
    text: str
    __table_args__ = (one_of("kind", "exam", "feedback", "rationale", "review", "imported"),)


class Explanation(Travelling, table=True):
    """A rationale (it answers the question, so rounds share it: no attempt) or a feedback (on one attempt)."""

    __tablename__ = "explanation"
    kind: str
    question_id: int = Field(foreign_key="question.id", index=True)
    attempt_id: int | None = Field(default=None, foreign_key="attempt.id", index=True)
    author_id: int = Field(foreign_key="teacher.id", index=True)
    prompt_sha256: str = Field(foreign_key="prompt.sha256")
    sample: int = 0
    repairs_id: int | None = Field(default=None, foreign_key="explanation.id", index=True)  # what it is a repair of
    text: str
    thought: str | None = None
    __table_args__ = (
        one_of("kind", "feedback", "rationale"),
        sa.CheckConstraint("(kind = 'feedback') = (attempt_id IS NOT NULL)", name="attempt_of_feedback"),
        unique_where("uq_rationale", "kind = 'rationale'", "question_id", "author_id", "prompt_sha256", "sample"),
        unique_where("uq_feedback", "kind = 'feedback'", "attempt_id", "author_id", "prompt_sha256", "sample"),
    )


class Review(Travelling, table=True):
    """One reviewer's vote on one explanation: 1-5, or none with the reason in `status`; what was read stays too."""

    __tablename__ = "review"
    explanation_id: int = Field(foreign_key="explanation.id", index=True)
    reviewer_id: int = Field(foreign_key="teacher.id", index=True)
    prompt_sha256: str = Field(foreign_key="prompt.sha256")
    sample: int = 0
    score: int | None = None
    raw_score: str | None = None
    status: str
    saw_gold: bool
    text: str = ""
    thought: str | None = None
    __table_args__ = (
        sa.UniqueConstraint("explanation_id", "reviewer_id", "prompt_sha256", "sample"),
        sa.CheckConstraint("score BETWEEN 1 AND 5", name="score_1_to_5"),
        sa.CheckConstraint("(score IS NULL) = (status <> 'ok')", name="vote_or_reason"),
    )


class Judgement(Travelling, table=True):
    """One person's decision on one target; insert-only. `undoes_id` cancels an earlier judgement (undo, redo)."""

    __tablename__ = "judgement"
    target: str
    explanation_id: int | None = Field(default=None, foreign_key="explanation.id", index=True)
    attempt_id: int | None = Field(default=None, foreign_key="attempt.id", index=True)
    question_id: int | None = Field(default=None, foreign_key="question.id", index=True)
    person: str = Field(index=True)
    role: str = Field("annotator", index=True)
    decision: str
    reason: str | None = None
    value: str | None = None
    note: str | None = None
    marks: list[list[int]] = Field(default_factory=list, sa_type=Json(list))  # of the false step: [[from, up to], …]
    undoes_id: int | None = Field(default=None, foreign_key="judgement.id")
    committee: str | None = None  # the committee's verdict at that moment, for the history
    queue: str | None = None
    sampling_chance: float | None = None
    revealed: bool = True
    seconds: float | None = None
    token: str = Field(default_factory=new_uid, unique=True)
    # One that came with an archive or a file counts only where the importer says so; the history shows it all the same.
    counts: bool = True
    origin: str | None = origin()
    __table_args__ = (
        unique_where("uq_judgement_undone", "counts", "undoes_id"),
        sa.Index(
            "ix_judgement_brought",
            "person",
            sqlite_where=sa.text("origin IS NOT NULL"),
            postgresql_where=sa.text("origin IS NOT NULL"),
        ),
        one_of("target", "rationale", "feedback", "attempt", "question"),
        one_of("role", "annotator", "adjudicator"),
        one_of("decision", "accept", "reject", "skip", "withdraw", "correct"),
        sa.CheckConstraint(
            "target = CASE WHEN explanation_id IS NOT NULL AND attempt_id IS NULL AND question_id IS NULL"
            " AND target IN ('rationale', 'feedback') THEN target"
            " WHEN explanation_id IS NULL AND attempt_id IS NOT NULL AND question_id IS NULL THEN 'attempt'"
            " WHEN explanation_id IS NULL AND attempt_id IS NULL AND question_id IS NOT NULL THEN 'question' END",
            name="one_target",
        ),
        sa.Index("ix_judgement_created_at", "created_at"),
    )


class Snapshot(Travelling, table=True):
    """A frozen curated set: its lines (JSONL) and manifest as they were, named by their sha256. Never changed."""

    __tablename__ = "snapshot"
    sha256: str = Field(unique=True)
    exam_id: int = Field(foreign_key="exam.id", index=True)
    pairs: int
    lines: str
    manifest: dict[str, Any] = Field(sa_type=Json(dict))
    person: str


class SnapshotExam(Travelling, table=True):
    """A further exam that a snapshot is of, beside the one that its row names."""

    __tablename__ = "snapshot_exam"
    snapshot_id: int = Field(foreign_key="snapshot.id")
    exam_id: int = Field(foreign_key="exam.id", index=True)
    __table_args__ = (sa.UniqueConstraint("snapshot_id", "exam_id"),)


class Finetune(Travelling, table=True):
    """One training of one student on one snapshot."""

    __tablename__ = "finetune"
    parent_id: int = Field(foreign_key="student.id", index=True)
    snapshot_id: int = Field(foreign_key="snapshot.id", index=True)
    student_id: int | None = Field(default=None, foreign_key="student.id")
    arm: str | None = None
    alpha: float
    seed: int
    hyperparameters: dict[str, Any] = Field(default_factory=dict, sa_type=Json(dict))
    # What it was planned as, once the student's tokenizer had read the snapshot; None of older ones.
    planned_steps: int | None = None
    taught_pairs: int | None = None
    validation_pairs: int | None = None
    # The step at which it was stopped, and its student kept; and the uid of the finetune that it went on from.
    stopped_at: int | None = None
    continues: str | None = None
    # When somebody asked for it to be stopped, and its student kept.
    stop_requested_at: datetime | None = Field(default=None, sa_type=UtcDateTime, sa_column_kwargs=STAYS)
    __table_args__ = (sa.CheckConstraint("alpha BETWEEN 0 AND 1", name="alpha_0_to_1"),)


class FinetuneStep(Table, table=True):
    """The metrics of one optimizer step."""

    __tablename__ = "finetune_step"
    finetune_id: int = Field(foreign_key="finetune.id", primary_key=True)
    step: int = Field(primary_key=True)
    loss_feedback: float | None = None
    loss_rationale: float | None = None
    learning_rate: float
    tokens_per_s: float
    seconds: float
    seconds_left: float | None = None
    gradient_norm: float | None = None  # before it was clipped
    memory_mb: float | None = None  # the most that was held so far
    # Of the validation slice, behind the steps where it was computed.
    validation_feedback: float | None = None
    validation_rationale: float | None = None


class FinetuneAnswer(Travelling, table=True):
    """What a student answered to a held-out question while it was trained, behind a step; step 0 is before the first.

    It is no attempt: nothing is taught, and no exam counts it.
    """

    __tablename__ = "finetune_answer"
    finetune_id: int = Field(foreign_key="finetune.id", index=True)
    question_id: int = Field(foreign_key="question.id", index=True)
    step: int
    text: str
    thought: str | None = None
    finish: str
    answer: str | None = None
    outcome: str
    __table_args__ = (
        sa.UniqueConstraint("finetune_id", "question_id", "step"),
        one_of("outcome", "correct", "incorrect", "no_answer"),
    )


class Opening(Travelling, table=True):
    """An explicit opening of a sealed test split."""

    __tablename__ = "opening"
    set_id: int = Field(foreign_key="question_set.id", index=True)
    exam_id: int | None = Field(default=None, foreign_key="exam.id")
    person: str
    purpose: str = ""


class Job(Travelling, table=True):
    """One recorded execution, and the queue: a worker takes the oldest that waits."""

    __tablename__ = "job"
    kind: str
    parameters: dict[str, Any] = Field(default_factory=dict, sa_type=Json(dict))
    status: str = Field(default="queued", index=True)
    # It grows each time the job goes on: what still runs of an earlier attempt has no say any more.
    attempt: int = 1
    tries: int = Field(default=0, sa_column_kwargs=STAYS)  # of its process, since the work last came further
    worker: str | None = Field(default=None, sa_column_kwargs=STAYS)  # the one that has it
    beat_at: datetime | None = Field(default=None, sa_type=UtcDateTime, sa_column_kwargs=STAYS)  # its last sign of life
    stage: str = ""
    done: int = 0
    total: int | None = None
    message: str = ""  # its speed in words, "4.1 questions/s"
    seconds_left: float | None = None
    log: str = ""  # its last lines
    outcome: dict[str, Any] = Field(default_factory=dict, sa_type=Json(dict))
    error: str | None = None
    person: str
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    origin: str | None = origin()
    __table_args__ = (one_of("status", "queued", "running", "cancelling", "cancelled", "failed", "done"),)


class Worker(Row, table=True):
    """A process that takes jobs, and when it was last seen; one name a machine."""

    __tablename__ = "worker"
    name: str = Field(unique=True)
    seen_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Call(Travelling, table=True):
    """The ledger: one row a try. At most one try of a key is ok."""

    __tablename__ = "call"
    key: str = Field(index=True)
    try_number: int = 1
    kind: str
    outcome: str
    teacher_id: int | None = Field(default=None, foreign_key="teacher.id", index=True)
    job_id: int | None = Field(default=None, foreign_key="job.id", index=True)
    # The exam that the call was made, and paid, for.
    exam_id: int | None = Field(default=None, foreign_key="exam.id", index=True)
    model: str
    # What came back, word for word.
    reply: str = ""
    # What was split off the reply's text, and what its endpoint gave apart from it.
    thought: str | None = None
    error: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = None
    latency_s: float | None = None
    origin: str | None = origin()
    __table_args__ = (
        sa.UniqueConstraint("key", "try_number"),
        # A reply that came with an archive answers no call here.
        unique_where("uq_call_ok", "outcome = 'ok' AND origin IS NULL", "key"),
    )


class Claim(Numbered, table=True):
    """A piece of work that one run does, so that no other run does it too. It expires, by the database's clock."""

    __tablename__ = "claim"
    # The ledger's key of a call that is sent, or "exam UID", "finetune UID".
    key: str = Field(unique=True)
    run: str = Field(index=True)
    until: datetime = Field(sa_type=UtcDateTime)
    exam_id: int | None = None
    # What a call may cost at most: a budget of its exam counts it until the reply is in the ledger.
    usd: float = 0.0


class Guidelines(Travelling, table=True):
    """How people are to judge, as markdown. A new version is a new row: which one was current, its time tells."""

    __tablename__ = "guidelines"
    text: str
    person: str
    origin: str | None = origin()


class RejectionReason(Row, table=True):
    """A reason for a rejection that this project has beside the usual ones: "wrong_units", shown as "wrong units"."""

    __tablename__ = "rejection_reason"
    code: str = Field(unique=True)
    person: str


class SavedView(Travelling, table=True):
    """Filters of the browse page under a name: {"verdict": "accepted", "gold": "fails"}."""

    __tablename__ = "saved_view"
    name: str = Field(unique=True)
    address: dict[str, Any] = Field(default_factory=dict, sa_type=Json(dict))
    person: str


class SavedMapping(Travelling, table=True):
    """Which field of a question file is what, under a name: "question=Body+Question,answer=Answer"."""

    __tablename__ = "saved_mapping"
    name: str = Field(unique=True)
    text: str
    person: str


class Lease(Numbered, table=True):
    """A mistake that a person has in front of them, renewed while it is shown: the queues give it to nobody else."""

    __tablename__ = "lease"
    attempt_id: int = Field(foreign_key="attempt.id")
    person: str = Field(index=True)
    since: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    until: datetime = Field(sa_type=UtcDateTime)
    __table_args__ = (sa.UniqueConstraint("attempt_id", "person"),)


class Exposure(Numbered, table=True):
    """A text that a person was shown with verdict, scores and checks: what they say of it later isn't judged first."""

    __tablename__ = "seen"
    person: str
    explanation_id: int = Field(foreign_key="explanation.id", index=True)
    __table_args__ = (sa.UniqueConstraint("person", "explanation_id"),)


class EndedSignIn(Numbered, table=True):
    """A sign-in that was ended by signing out, by the hash of what its provider said: its cookie opens nothing."""

    __tablename__ = "ended_sign_in"
    key: str = Field(unique=True)
    ended_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class AccessToken(Numbered, table=True):
    """What the triage page handed to its client, by its hash: it speaks for one person, in one role, on one exam."""

    __tablename__ = "access_token"
    key: str = Field(unique=True)
    person: str = Field(index=True)
    role: str
    exam_id: int = Field(foreign_key="exam.id", index=True)
    sign_in: str  # the sign-in's hash (store/sign_ins.py); empty where nobody signs in
    until: datetime = Field(sa_type=UtcDateTime)


class DealtCard(Numbered, table=True):
    """A card that a person was dealt beside the queue. Its name alone says so: a check looks like any other card."""

    __tablename__ = "dealt_card"
    card: str = Field(default_factory=new_uid, unique=True)
    exam_id: int = Field(foreign_key="exam.id", index=True)
    person: str
    kind: str
    attempt_id: int = Field(foreign_key="attempt.id", index=True)
    explanation_id: int = Field(foreign_key="explanation.id", index=True)
    __table_args__ = (
        one_of("kind", "practice", "check", "repeat"),
        sa.UniqueConstraint("exam_id", "person", "kind", "explanation_id"),
    )


class Audit(Row, table=True):
    """Who did what, and when: a row for every act."""

    __tablename__ = "audit"
    person: str = Field(index=True)
    action: str = Field(index=True)
    target: str
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=Json(dict))


# --- The queue index: what review/queue_index/index_writer.py makes of the rows above -----------------------------


NO_MEAN = 9999
STANDING_ORDERS: Mapping[str, Sequence[str]] = {
    "question": (),
    "mean": ("mean",),
    "place_accepted": ("place_accepted",),
    "place_rejected": ("place_rejected",),
}
# What the verdict and people are told by: an index that has it finds the few of many rows without reading the others.
FILTER_COLUMNS = ("cut", "committee_cut", "undecided", "committee_undecided", "people")


class Standing(Numbered, table=True):
    """A row of browse, as checks, committee and people say. Means and cuts are hundredths, rounded up."""

    __tablename__ = "standing"
    exam_id: int
    question_id: int = Field(index=True)
    attempt_id: int  # a question's: its first mistake, else its first attempt
    explanation_id: int | None = None
    # Most are texts of mistakes (rationale, feedback); a mistake without a rationale has its own row (mistake), and
    # so has each question that the exam asked (question).
    kind: str
    position: int
    author_id: int | None = None
    # NO_MEAN where nobody voted. A mean is above a threshold of whole hundredths exactly where it is so rounded up.
    mean: int
    spread: int
    votes: int
    # What counts is "accepted" at every threshold below this one; next the same of the committee alone.
    cut: int
    committee_cut: int
    # At every threshold: too few votes, or people differ.
    undecided: bool
    committee_undecided: bool
    people: str  # what people say of it; of a question, or of an answer to it
    reason: str  # why they rejected it
    judged_by: str  # whose word on it is in force, each between line breaks
    matches_gold: str  # a question: whether the student's answer does, as people say
    equations_true: str
    # A feedback shows no work: whether the step that it criticises is in the answer (check_columns.py).
    shows_work: str
    # Minus its doubt in thousandths, where the committee accepts it, so that the most doubtful sorts first; 1 where
    # there is no text. A question: minus the share of the student's answers that are wrong.
    place_accepted: int
    # The same where the committee rejects it. A question: minus the share that are right.
    place_rejected: int
    __table_args__ = tuple(
        sa.Index(f"ix_standing_{name}_order", "exam_id", "kind", *lead, "position", "attempt_id", "id", *FILTER_COLUMNS)
        for name, lead in STANDING_ORDERS.items()
    )


class TextCheck(Table, table=True):
    """What the checks say of an explanation beside a gold answer, by the version of the checks: derived from it."""

    __tablename__ = "text_check"
    id: int = Field(primary_key=True, foreign_key="explanation.id", ondelete="CASCADE")  # the explanation's
    version: int
    gold: str  # as corrected by people
    checks: str  # JSON, by name: a further check needs no column


class QueueBand(Numbered, table=True):
    """How many rows of a queue (or of a count) are there at every threshold from `low` up to below `high`."""

    __tablename__ = "band"
    exam_id: int
    name: str
    low: int
    high: int
    waits: bool
    number: int = 0
    __table_args__ = (sa.UniqueConstraint("exam_id", "name", "low", "high", "waits"),)


class QueueEntry(Numbered, table=True):
    """A mistake's place in one band of a queue: `place` is minus its doubt in thousandths, so that it sorts first."""

    __tablename__ = "queued"
    band_id: int
    place: int
    position: int
    attempt_id: int
    question_id: int = Field(index=True)
    explanation_id: int | None = None  # the text to enter at
    __table_args__ = (sa.Index("ix_queued_band_place", "band_id", "place", "position", "attempt_id"),)


class QueueSkip(Numbered, table=True):
    """A place that waits for others, but not for this person, who judged or skipped what waits there."""

    __tablename__ = "passed"
    person: str
    queued_id: int = Field(index=True)
    band_id: int
    skipped: bool  # some of it: it is not decided
    __table_args__ = (sa.UniqueConstraint("person", "queued_id"),)


class StandingExam(Table, table=True):
    """An exam that the aggregate holds, and the rules that it was derived by: by others it is derived again."""

    __tablename__ = "standing_exam"
    id: int | None = Field(default=None, primary_key=True)  # the exam's
    rules: str
    leniency: dict[str, str] = Field(default_factory=dict, sa_type=Json(dict))  # by reviewer, exact: "7/12"
    votes: int  # that it was measured over
    votes_since: int = 0
    # A fit on what people decided here, and whether it orders the combined queue (review/order_refit.py); {} before the
    # first one. `judged`: the rationales that people had decided then.
    order_fit: dict[str, Any] = Field(default_factory=dict, sa_type=Json(dict))
    judged: int = 0


class DirtyQuestion(Numbered, table=True):
    """A question with a new row about it (triggers write it in the row's own transaction), not yet derived again."""

    __tablename__ = "stale"
    question_id: int = Field(index=True)
    voted: bool  # the row is a review
