"""What the browser's client asks and is told: the requests and responses of api/, one model each.

    Decision(token="7f9c…", act="reject", kind="rationale", target="a1b2…", seen="all:", queue="smart", judge="first")
    DecisionAnswer(token="7f9c…", status="saved", act="7f9c…")

Places in a text are UTF-16 code units, as JavaScript counts. Rows go by their uids: no local id leaves the server.
A field of a text that may not be known yet isn't in the JSON at all (`CoveredText`).
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from mapd.curation import repairing
from mapd.curation.judging import MOST_MARKS
from mapd.curation.queues import DEFAULT

LONGEST_NOTE, LONGEST_VALUE, LONGEST_REPAIR = 2_000, 200, repairing.LONGEST  # characters
MOST_DECISIONS, MOST_CARDS, MOST_ACTS = 50, 25, 50
LONGEST_TEXT = 20_000  # characters of one text that are sent; the rest is counted

Uid = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._:-]+$")]
Token = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{16,64}$")]
ActName = Annotated[str, Field(pattern=r"^[\w.:-]{1,200}$")]  # an act of before had another token
Seen = Annotated[str, Field(pattern=r"^(?:own|all):[A-Za-z0-9._:-]{0,64}$")]
Note = Annotated[str, Field(max_length=LONGEST_NOTE)]
JudgeMode = Literal["first", "assisted"]
TargetKind = Literal["rationale", "feedback", "attempt", "question"]
TextKind = Literal["rationale", "feedback"]


class Message(BaseModel):
    """What all messages have in common: nothing unknown is taken, nothing is changed once it is made."""

    model_config = ConfigDict(extra="forbid", frozen=True)


# -- texts ------------------------------------------------------------------------------------------------------------


class Range(Message):
    """A part of a text: from, up to, what it is."""

    start: int
    end: int
    kind: Literal["hidden", "false_equation", "named_step", "marked_step"]
    label: str


class Passage(Message):
    """A foreign text as it is stored. `cut`: so many more characters aren't sent."""

    text: str
    cut: int = 0
    ranges: list[Range] = []


class CardTeacher(Message):
    """Who wrote or reviewed. `place` is the teacher's among the project's (its colour); a person has none."""

    name: str
    place: int | None
    person: bool = False
    simulated: bool = False


class CardWord(Message):
    """What somebody says of something. `blind`: they judged first."""

    person: str
    decision: str
    reason: str | None = None
    value: str | None = None
    note: str | None = None
    role: str
    blind: bool
    at: datetime


class OwnWord(Message):
    """What this person says of something, and the act by which they did."""

    decision: str
    reason: str | None = None
    value: str | None = None
    note: str | None = None
    act: str


class CardCheck(Message):
    """What a check of a text says."""

    name: Literal["matches_gold", "equations_true", "shows_work"]
    state: Literal["holds", "fails", "nothing"]
    words: str


class CardReview(Message):
    """One reviewer's vote; without a score `status` says why."""

    reviewer: CardTeacher
    score: int | None
    status: str
    raw: str | None
    counts: bool
    names_step: bool
    text: Passage | None
    thought: Passage | None


class CardCommittee(Message):
    """The committee's verdict on a text."""

    verdict: str
    mean: float | None
    why: str


class Repaired(Message):
    """The text that a repair stands in for; whose it is."""

    uid: str | None
    author: str


class CardTarget(Message):
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
    """The student's response. `doubt`: our own reading, where it says that this is no mistake.

    `thought` is what the student wrote before it; on a blind card there is none, because it may tell more.
    """

    text: Passage
    thought: Passage | None
    cut_off: bool
    answer: str | None
    outcome: str
    limit: str | None
    reread: bool
    doubt: str | None
    people: list[CardWord]


class Holder(Message):
    """Somebody who has a mistake in front of them."""

    person: str
    since: datetime


class Card(Message):
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


# -- window -----------------------------------------------------------------------------------------------------------


class WindowQuery(Message):
    """Which cards: the queue's next, those behind or before a mistake, or one that a link names."""

    queue: str = DEFAULT
    judge: str | None = None
    draw: int = Field(default=1, ge=1, lt=10_000_000)
    number: int = Field(default=12, ge=1, le=MOST_CARDS)
    mistake: str | None = None
    text: str | None = None
    question: str | None = None
    after: Uid | None = None
    after_text: Uid | None = None
    before: Uid | None = None
    settled: bool = False
    has: list[Uid] = Field(default=[], max_length=200)
    ahead: int = Field(default=0, ge=0, le=10_000)
    guidelines: Uid | None = None
    filter: str = Field(default="", max_length=4_000)
    render: Uid | None = None
    theme: Literal["light", "dark"] = "light"


class QueueCounts(Message):
    """How many mistakes of a queue wait for this person, are decided, were skipped by them, of all."""

    name: str
    title: str | None
    waiting: int
    decided: int
    skipped: int
    all: int


class ClassReject(Message):
    """Why none of a class will do."""

    reason: str
    words: str


class QueueState(QueueCounts):
    """The queue that the cards are of. `own_judge`: its own way of judging."""

    judge: JudgeMode
    own_judge: JudgeMode
    draw: int
    by_lot: bool
    about: Literal["texts", "attempt"]
    again: bool
    class_: ClassReject | None = Field(default=None, serialization_alias="class")


class ExamName(Message):
    """The exam; so many people are to judge each text."""

    uid: str
    name: str
    wanted: int


class Missing(Message):
    """Why what a link names is no card."""

    code: Literal["corrected", "excluded", "unknown"]
    line: str


class Other(Message):
    """Somebody who has mistakes of this queue in front of them, since when."""

    person: str
    mistakes: int
    since: datetime


class GuidelinesVersion(Message):
    """The current guidelines, in markdown."""

    uid: str
    text: str
    person: str
    since: datetime


class Rendered(Message):
    """The document of a sandboxed frame."""

    uid: str
    document: str


class OfferedReason(Message):
    """A reason for a rejection, and the digit that stands for it."""

    code: str
    words: str
    key: str


class Window(Message):
    """A person's next cards, and what stands around them."""

    person: str
    role: str
    exam: ExamName
    queue: QueueState
    cards: list[Card]
    end: bool
    missing: Missing | None = None
    problems: list[str] = []
    others: list[Other] = []
    lacking: str | None = None
    guidelines: GuidelinesVersion | None = None
    rendered: Rendered | None = None
    reasons: dict[str, list[OfferedReason]]
    longest: dict[str, int]


# -- decisions --------------------------------------------------------------------------------------------------------


class DecisionAct(StrEnum):
    """What a decision does."""

    ACCEPT = "accept"
    REJECT = "reject"
    SKIP = "skip"
    NOTE = "note"
    CORRECT = "correct"
    WITHDRAW = "withdraw"
    REST = "rest"
    REPAIR = "repair"
    CLASS = "class"
    UNDO = "undo"


class StepMark(Message):
    """Where the false step stands."""

    start: int = Field(ge=0, le=LONGEST_TEXT * 2)
    end: int = Field(ge=0, le=LONGEST_TEXT * 2)


class SeenText(Message):
    """A text that Enter accepts, as it was shown."""

    uid: Uid
    seen: Seen
    after: ActName | None = None


class Decision(Message):
    """One act of a person, made on what their screen showed."""

    token: Token
    act: DecisionAct
    queue: str = Field(default=DEFAULT, max_length=60)
    judge: JudgeMode = "assisted"
    draw: int = Field(default=1, ge=1, lt=10_000_000)
    card: Uid | None = None
    mistake: Uid | None = None
    kind: TargetKind | None = None
    target: Uid | None = None
    seen: Seen | None = None
    after: ActName | None = None
    reason: str | None = Field(default=None, max_length=60)
    note: Note | None = None
    value: str | None = Field(default=None, max_length=LONGEST_REPAIR + 200)
    marks: list[StepMark] = Field(default=[], max_length=MOST_MARKS)
    texts: list[SeenText] = Field(default=[], max_length=100)
    undoes: ActName | None = None
    version: str | None = Field(default=None, max_length=64)
    seconds: float | None = Field(default=None, ge=0, le=86_400)
    offline: bool = False


class Decisions(Message):
    """Decisions in the order in which they were made."""

    decisions: list[Decision] = Field(min_length=1, max_length=MOST_DECISIONS)


class DecisionAnswer(Message):
    """What became of a decision. `decided` of `of`: where it takes several requests, how far it is."""

    token: str
    status: Literal["saved", "stale", "refused"]
    act: str | None = None
    line: str | None = None
    since: list[CardWord] = []
    decided: int = 1
    of: int = 1


class Answers(Message):
    """An answer to each decision, up to an act that isn’t whole yet; the cards as they may be seen now."""

    answers: list[DecisionAnswer]
    cards: dict[str, Card]
    gone: dict[str, Missing]
    queue: QueueCounts
    guidelines: str | None


# -- leases, counts, history ------------------------------------------------------------------------------------------


class LeaseWish(Message):
    """What is in front of a person, what comes next, what they leave."""

    front: Uid | None = None
    next: list[Uid] = Field(default=[], max_length=2)
    leave: list[Uid] = Field(default=[], max_length=50)
    shown: list[Uid] = Field(default=[], max_length=50)
    judge: JudgeMode = "assisted"
    queue: str = Field(default=DEFAULT, max_length=60)


class HeldLease(Message):
    """A mistake that this person has, until when."""

    mistake: str
    until: datetime


class RefusedLease(Message):
    """A mistake that others have, or that they decided meanwhile: then nobody has it."""

    mistake: str
    people: list[Holder]


class Leases(Message):
    """What was taken, what others have."""

    held: list[HeldLease]
    refused: list[RefusedLease]
    others: list[Other]
    seconds: int


class CountsQuery(Message):
    """Which queue's class is asked for, if any."""

    queue: str = DEFAULT
    judge: JudgeMode = "assisted"
    panel: bool = False


class ClassPanel(Message):
    """A class that can be decided at once: so many wait, so many one act takes."""

    texts: int
    takes: int
    version: str
    reject: ClassReject


class Counts(Message):
    """Every queue's counts."""

    queues: list[QueueCounts]
    others: list[Other]
    class_: ClassPanel | None = Field(default=None, serialization_alias="class")
    mine: int
    guidelines: str | None


class HistoryQuery(Message):
    """Of a card what was said; without one the person's last acts."""

    card: Uid | None = None
    mistake: Uid | None = None
    text: Uid | None = None
    judge: JudgeMode = "assisted"
    queue: str = DEFAULT
    acts: int = Field(default=10, ge=1, le=MOST_ACTS)


class PastWord(Message):
    """A judgement as it was made. `verb`: that it undid or redid one. `marks`: false steps marked in the text."""

    about: str
    person: str
    decision: str
    reason: str | None
    value: str | None
    note: str | None
    marks: int
    at: datetime
    verb: Literal["", "undone", "redone"]
    stands: bool
    role: str
    queue: str | None
    blind: bool
    committee: str | None
    archive: Literal["counts", "doesn’t count"] | None


class TakenBack(Message):
    """A repair that was undone."""

    by: str
    text: Passage


class PastAct(Message):
    """One act of this person. `marks`: false steps marked in the text."""

    act: str
    decision: str
    reason: str | None
    value: str | None
    note: str | None
    marks: int
    about: str
    number: int
    at: datetime
    mistake: str | None
    text: str | None
    question: str | None
    queue: str | None
    judge: JudgeMode
    undone: bool
    since: list[CardWord]


class History(Message):
    """What was said of a card, or the person's last acts, the newest first."""

    words: list[PastWord] = []
    taken_back: list[TakenBack] = []
    acts: list[PastAct] = []
    undo: str | None = None
    redo: str | None = None


class Fault(Message):
    """Why a request got no answer: one line, with its cure."""

    code: Literal["dead", "origin", "forbidden", "unknown", "bad_request", "too_large", "busy"]
    line: str


class Failure(Message):
    """The body of each response that isn't 200."""

    error: Fault
