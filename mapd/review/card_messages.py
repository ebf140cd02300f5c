"""A card as the browser gets it: a mistake, its question, attempt and texts, with what may be known of each.

It begins with what all messages share: how long a text may be, how an id looks, and that nothing unknown is taken.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

LONGEST_NOTE, LONGEST_VALUE = 2_000, 200  # characters
MOST_DECISIONS, MOST_CARDS, MOST_ACTS = 50, 25, 50
# Characters of one text that are sent; the rest is counted.
LONGEST_TEXT = 20_000

Uid = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._:-]+$")]
Token = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{16,64}$")]
# Wider than a token, because acts that no browser made have names of their own.
ActName = Annotated[str, Field(pattern=r"^[\w.:-]{1,200}$")]
Seen = Annotated[str, Field(pattern=r"^(?:own|all):[A-Za-z0-9._:-]{0,64}$")]
Note = Annotated[str, Field(max_length=LONGEST_NOTE)]
JudgeMode = Literal["first", "assisted"]
TargetKind = Literal["rationale", "feedback", "attempt", "question"]
TextKind = Literal["rationale", "feedback"]
# What a feedback criticises is marked in both texts: there, or not there (`absent_step`).
RangeKind = Literal["hidden", "false_equation", "named_step", "marked_step", "criticised_step", "absent_step"]


class ApiMessage(BaseModel):
    """A message: nothing unknown is taken, nothing is changed once it is made."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Range(ApiMessage):
    """A part of a text: from, up to, what it is."""

    start: int
    end: int
    kind: RangeKind
    label: str


class Passage(ApiMessage):
    """A foreign text as it is stored. `cut`: so many more characters aren't sent."""

    text: str
    cut: int = 0
    ranges: list[Range] = Field(default=[])


class CardTeacher(ApiMessage):
    """Who wrote or reviewed. `place` is the teacher's among the project's (its colour); a person has none."""

    name: str
    place: int | None
    person: bool = False
    simulated: bool = False


class CardWord(ApiMessage):
    """What somebody says of something. `blind`: they judged first."""

    person: str
    decision: str
    reason: str | None = None
    value: str | None = None
    note: str | None = None
    role: str
    blind: bool
    at: datetime


class OwnWord(ApiMessage):
    """What this person says of something, and the act by which they did."""

    decision: str
    reason: str | None = None
    value: str | None = None
    note: str | None = None
    act: str


class CardCheck(ApiMessage):
    """What a check of a text says."""

    name: Literal["matches_gold", "equations_true", "shows_work", "step_exists", "at_first_false"]
    state: Literal["holds", "fails", "nothing"]
    words: str


class CardReview(ApiMessage):
    """One reviewer's vote; without a score `status` says why."""

    reviewer: CardTeacher
    score: int | None
    status: str
    raw: str | None
    counts: bool
    names_step: bool
    text: Passage | None
    thought: Passage | None


class CardCommittee(ApiMessage):
    """The committee's verdict on a text. `p`: P(right), where a fitted policy decides in place of the mean."""

    verdict: str
    mean: float | None
    p: float | None
    why: str


class Repaired(ApiMessage):
    """The text that a repair stands in for; whose it is."""

    uid: str | None
    author: str


class CardTarget(ApiMessage):
    """What every target has. `seen`: the latest judgement that this person sees on it, sent back with a decision."""

    uid: str
    seen: str
    adjudicate: bool = False
    said: OwnWord | None = None


class CoveredText(CardTarget):
    """A text of which nothing is told yet."""

    kind: TextKind
    number: int
    of: int
    covered: Literal[True] = True
    text: Passage
    words: int
    markup: bool
    mark: Literal["skipped"] | None = None


class OpenText(CardTarget):
    """A text with all that is known of it."""

    kind: TextKind
    number: int
    of: int
    covered: Literal[False] = False
    text: Passage
    thought: Passage | None
    words: int
    markup: bool
    mark: Literal["waits", "skipped", "judged", "overridden"] | None = None
    author: CardTeacher
    repairs: Repaired | None
    answer: str | None
    checks: list[CardCheck]
    limit: str | None
    reviews: list[CardReview]
    committee: CardCommittee
    people: list[CardWord]
    verdict: str
    overridden: bool
    conflict: bool
    why_here: str | None
    # Parts of the attempt's text: what this feedback criticises.
    steps: list[Range] = Field(default=[])


class CardQuestion(CardTarget):
    """The question with its gold answer. `gold_was`: as it was given, where people corrected it."""

    number: str
    task: str
    text: Passage
    context: Passage | None
    options: list[str]
    solution: Passage | None
    gold: str
    gold_was: str | None
    people: list[CardWord]


class CardAttempt(CardTarget):
    """The student's response."""

    text: Passage
    # What the student wrote before it. A blind card has none, because it may tell more.
    thought: Passage | None
    cut_off: bool
    answer: str | None
    outcome: str
    limit: str | None
    reread: bool
    # Our own reading, where it says that this is no mistake.
    doubt: str | None
    people: list[CardWord]


class Holder(ApiMessage):
    """Somebody who has a mistake in front of them."""

    person: str
    since: datetime


class Card(ApiMessage):
    """A mistake as a person gets it to judge."""

    id: str
    mistake: str
    queue: str
    judge: JudgeMode
    draw: int
    number: int | None
    all: int
    where: Literal["queue", "decided", "outside"]
    waits: bool
    about: Literal["texts", "attempt"]
    beside: Literal["practice"] | None
    blind: bool
    enter: str | None
    open: list[str]
    rest: dict[TextKind, list[str]]
    question: CardQuestion
    attempt: CardAttempt
    texts: list[CoveredText | OpenText]
    people_here: list[Holder]
    free: bool
    explained: CardWord | None
