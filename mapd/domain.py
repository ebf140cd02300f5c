"""The words of the house as types (README, "Words"): what rules, stages and pages hand to each other. Pure.

One `Text` of an imported exam, as the rules and the pages see it:

    Text(id=3, kind="rationale", teacher="gemini", text="290 bananas divided into 2 groups = 145 bananas …",
         votes=(Vote("gpt", 5), Vote("mistral", 5)), …)
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from mapd.answers.grading import Task
from mapd.checks import CheckRecord
from mapd.errors import BadInput
from mapd.questions.options import show_answer

# The word of models.base.Finish.
CUT_OFF = "cut_off"
# The reason of a skip that skips nothing: it only carries a note.
NOTE = "note"
# Limits: false steps of one text; characters of a repair, and of what is searched for.
MOST_MARKS, LONGEST_REPAIR, LONGEST_SEARCH = 20, 20_000, 300


class Verdict(StrEnum):
    """Computed, never stored as truth."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNDECIDED = "undecided"


class Act(StrEnum):
    """What a person can decide of a target."""

    ACCEPT = "accept"
    REJECT = "reject"
    SKIP = "skip"
    WITHDRAW = "withdraw"
    CORRECT = "correct"


# What decides something: a skip and a withdrawal don't.
DECISIVE = (Act.ACCEPT, Act.REJECT, Act.CORRECT)


class TextReason(StrEnum):
    """Why a person rejects an explanation; one key each, in this order."""

    WRONG_ANSWER = "wrong_answer"
    FALSE_STEP = "false_step"
    RIGHT_BY_LUCK = "right_by_luck"
    NO_WORK = "no_work"
    CONTRADICTS_QUESTION = "contradicts_question"
    UNCLEAR = "unclear"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Judged:
    """One judgement as the rules see it. They are handed over oldest first: ids tell no time after a merge."""

    id: int
    person: str
    decision: Act
    reason: str | None = None
    value: str | None = None
    role: str = "annotator"
    undoes: int | None = None

    @property
    def only_notes(self) -> bool:
        """Return whether it decides nothing, not even to pass the target by."""
        return self.decision is Act.SKIP and self.reason == NOTE


@dataclass(frozen=True, slots=True)
class Ruling:
    """What people decided of one target: `decision` is None where nobody did, or where they differ (`conflict`)."""

    decision: Act | None = None
    value: str | None = None
    reason: str | None = None
    by: tuple[str, ...] = ()
    conflict: bool = False
    adjudicated: bool = False


@dataclass(frozen=True, slots=True)
class ExamInfo:
    """An exam with the names around it."""

    id: int
    uid: str
    name: str
    student: str
    question_set: str
    split: str
    round: int
    graded_by: str
    simulated: bool
    policy: str
    threshold: float | None
    judgements_per_text: int = 1  # judgements of each text, by so many people
    practice: int = 0  # explained texts before a person's first
    check_every: int = 0
    repeat_every: int = 0
    # A wrong answer is a mistake where so many of its question's samples are wrong.
    wrong_in: int = 1
    # Several answers to a question were asked for, which share its rationales.
    shares_rationales: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """A question as given."""

    id: int
    uid: str
    source_id: str
    position: int
    task: Task
    text: str
    context: str | None
    options: tuple[str, ...]
    gold: str
    gold_note: str | None
    family: str | None

    def show(self, answer: str) -> str:
        """Return an answer to it as people and models read it: of a choice "D. moss"."""
        return show_answer(answer, self.task, self.options)


@dataclass(frozen=True, slots=True)
class Response:
    """An attempt as recorded: its own answer and outcome, and our reading beside it."""

    id: int
    uid: str
    question_id: int
    sample: int
    text: str
    answer: str | None
    outcome: str
    our_answer: str | None
    our_outcome: str
    # How the response ended; None where the source of an import doesn't say.
    finish: str | None = None
    tokens_out: int | None = None
    thought: str | None = None  # where it was asked for

    @property
    def is_cut_off(self) -> bool:
        """Return whether the response ran into its exam's max_tokens."""
        return self.finish == CUT_OFF


@dataclass(frozen=True, slots=True)
class Vote:
    """One review: a score of 1-5, or None with the reason in `status`."""

    reviewer: str
    score: int | None
    status: str = "ok"
    raw: str | None = None
    saw_gold: bool = True
    text: str = ""
    thought: str | None = None  # where it was asked for


@dataclass(frozen=True, slots=True)
class Text:
    """An explanation with its votes."""

    id: int
    uid: str
    kind: str
    question_id: int
    attempt_id: int | None
    teacher: str
    teacher_kind: str
    simulated: bool
    prompt_sha256: str
    text: str
    repairs_id: int | None
    votes: tuple[Vote, ...]
    thought: str | None = None  # where it was asked for
    # Reviewers of an adaptive committee who gave no review: each is asked where it can change the verdict.
    to_ask: tuple[str, ...] = ()

    @property
    def by(self) -> str:
        """Return who wrote it, in words; of a repair, that it is one."""
        return self.teacher if self.repairs_id is None else f"repair by {self.teacher}"


@dataclass(frozen=True, slots=True)
class Material:
    """All that the curation of one exam rests on, but for people's judgements. It only ever grows."""

    exam: ExamInfo
    questions: dict[int, Item]
    attempts: tuple[Response, ...]
    texts: tuple[Text, ...]
    # Those who wrote or reviewed, in the order in which they were added; then all of the project, as `places` has them
    teachers: tuple[str, ...]
    places: Mapping[str, int | None] = field(default_factory=dict)
    # By text, what the checks said of it when it was derived; a text that has none is read.
    checks: Mapping[int, CheckRecord] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JudgementRow:
    """A judgement with its target, for the rules (`judged`) and for the history."""

    judged: Judged
    uid: str
    target: str
    target_id: int
    target_uid: str
    note: str | None
    committee: str | None
    created_at: datetime
    queue: str | None
    revealed: bool
    # What was done in one act has one, and is taken back in one.
    batch: str
    seconds: float | None = None  # it took
    counts: bool = True
    origin: str | None = None  # the archive, or the file, that it came with
    marks: tuple[tuple[int, int], ...] = ()  # the false step: from, up to


class RowKind(StrEnum):
    """What one row is."""

    MISTAKES = "mistakes"
    RATIONALES = "rationales"
    FEEDBACK = "feedback"
    QUESTIONS = "questions"


class Order(StrEnum):
    """The order of the rows; ties keep the order of the questions (of the highest mean, backwards)."""

    QUESTION = "question order"
    DOUBT = "most doubtful"
    LOWEST = "lowest mean"
    HIGHEST = "highest mean"
    WRONG = "wrong first"
    RIGHT = "right first"


# The orders of rows of questions, and of rows of texts.
OF_QUESTIONS = (Order.QUESTION, Order.WRONG, Order.RIGHT)
OF_TEXTS = (Order.QUESTION, Order.DOUBT, Order.LOWEST, Order.HIGHEST)
# Of a feedback alone: whether the step that it criticises is in the answer.
STEP_EXISTS = "step_exists"
CHECKS = ("matches_gold", "equations_true", "shows_work", STEP_EXISTS)
MOST_PARTS = 99
# What people said of a row, as a filter names it.
PEOPLE = ("not judged", "judged", "overridden", "conflict")


class Part(NamedTuple):
    """One of several parts of an exam's questions, about equally large: `Part.read("2/3")`, the second of three."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    @classmethod
    def read(cls, text: str) -> "Part":
        """Return the part that is written so. Raises: BadInput."""
        match = re.fullmatch(r"([1-9][0-9]?)/([1-9][0-9]?)", text.strip(), re.ASCII)
        if match is None or int(match[1]) > int(match[2]):
            raise BadInput(f"a part is written as 2/3, the second of three, of at most {MOST_PARTS}; not {text[:20]}")
        return cls(int(match[1]), int(match[2]))


@dataclass(frozen=True, slots=True)
class RowFilter:
    """What a row has to be; an empty filter fits every row. A mistake fits if one of its rationales does."""

    show: RowKind = RowKind.RATIONALES
    author_id: int | None = None
    verdict: str | None = None
    committee: str | None = None
    checks: Mapping[str, str] = field(default_factory=dict)
    people: str | None = None
    judged_by: str | None = None
    reason: str | None = None
    means: tuple[int, int] | None = None  # from, to, in hundredths
    # Accepted at the lower of two thresholds, and not at the higher.
    cuts: tuple[int, int] | None = None
    spread: int = 0
    task: str | None = None
    question: str | None = None  # its own number, as its file has it
    words: str = ""
    part: Part | None = None
    # Of texts that this person hasn't judged, what others said may not be asked.
    blind_person: str | None = None

    @property
    def about_texts(self) -> bool:
        """Return whether the filter asks anything that only a text can answer."""
        criteria = (self.verdict, self.committee, self.people, self.judged_by, self.reason)
        return any((*criteria, self.author_id, self.checks, self.means)) or self.cuts is not None or self.spread > 0

    @property
    def about_people(self) -> bool:
        """Return whether the filter asks what people said."""
        return any((self.people, self.judged_by, self.reason))
