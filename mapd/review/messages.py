"""The requests and responses of api/, one model each (a card's parts: card_messages.py).

    Decision(token="7f9c…", act="reject", kind="rationale", target="a1b2…", seen="all:", queue="smart", judge="first")
    DecisionAnswer(token="7f9c…", status="saved", act="7f9c…")

Places in a text are UTF-16 code units, as JavaScript counts. Rows go by their uids: no local id leaves the server.
A field of a text that may not be known yet isn't in the JSON at all (`CoveredText`).
"""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from mapd.domain import LONGEST_REPAIR, MOST_MARKS
from mapd.review import card_messages
from mapd.review.queues import DEFAULT

# -- window -----------------------------------------------------------------------------------------------------------


class WindowQuery(card_messages.ApiMessage):
    """Which cards: the queue's next, those behind or before a mistake, or one that a link names."""

    queue: str = DEFAULT
    judge: str | None = None
    draw: int = Field(default=1, ge=1, lt=10_000_000)
    number: int = Field(default=12, ge=1, le=card_messages.MOST_CARDS)
    mistake: str | None = None
    text: str | None = None
    question: str | None = None
    after: card_messages.Uid | None = None
    after_text: card_messages.Uid | None = None
    before: card_messages.Uid | None = None
    settled: bool = False
    has: list[card_messages.Uid] = Field(default=[], max_length=200)
    ahead: int = Field(default=0, ge=0, le=10_000)
    guidelines: card_messages.Uid | None = None
    filter: str = Field(default="", max_length=4_000)
    render: card_messages.Uid | None = None
    theme: Literal["light", "dark"] = "light"


class QueueCounts(card_messages.ApiMessage):
    """How many mistakes of a queue wait for this person, are decided, were skipped by them, of all."""

    name: str
    title: str | None
    waiting: int
    decided: int
    skipped: int
    all: int


class ClassReject(card_messages.ApiMessage):
    """Why none of a class will do."""

    reason: str
    words: str


class QueueState(QueueCounts):
    """The queue that the cards are of. `own_judge`: its own way of judging; `order`: the fit behind it."""

    judge: card_messages.JudgeMode
    own_judge: card_messages.JudgeMode
    draw: int
    by_lot: bool
    about: Literal["texts", "attempt"]
    again: bool
    order: str | None = None
    class_: ClassReject | None = Field(default=None, serialization_alias="class")


class ExamName(card_messages.ApiMessage):
    """The exam; so many people are to judge each text."""

    uid: str
    name: str
    wanted: int


class Missing(card_messages.ApiMessage):
    """Why what a link names is no card."""

    code: Literal["corrected", "excluded", "unknown"]
    line: str


class OtherPerson(card_messages.ApiMessage):
    """Somebody who has mistakes of this queue in front of them, since when."""

    person: str
    mistakes: int
    since: datetime


class GuidelinesVersion(card_messages.ApiMessage):
    """The current guidelines, in markdown."""

    uid: str
    text: str
    person: str
    since: datetime


class Rendered(card_messages.ApiMessage):
    """The document of a sandboxed frame."""

    uid: str
    document: str


class OfferedReason(card_messages.ApiMessage):
    """A reason for a rejection, and the digit that stands for it."""

    code: str
    words: str
    key: str


class Window(card_messages.ApiMessage):
    """A person's next cards, and what stands around them."""

    person: str
    role: str
    exam: ExamName
    queue: QueueState
    cards: list[card_messages.Card]
    end: bool
    missing: Missing | None = None
    problems: list[str] = Field(default=[])
    others: list[OtherPerson] = Field(default=[])
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


class StepMark(card_messages.ApiMessage):
    """Where the false step stands."""

    start: int = Field(ge=0, le=card_messages.LONGEST_TEXT * 2)
    end: int = Field(ge=0, le=card_messages.LONGEST_TEXT * 2)


class SeenText(card_messages.ApiMessage):
    """A text that Enter accepts, as it was shown."""

    uid: card_messages.Uid
    seen: card_messages.Seen
    after: card_messages.ActName | None = None


class Decision(card_messages.ApiMessage):
    """One act of a person, made on what their screen showed."""

    token: card_messages.Token
    act: DecisionAct
    queue: str = Field(default=DEFAULT, max_length=60)
    judge: card_messages.JudgeMode = "assisted"
    draw: int = Field(default=1, ge=1, lt=10_000_000)
    card: card_messages.Uid | None = None
    mistake: card_messages.Uid | None = None
    kind: card_messages.TargetKind | None = None
    target: card_messages.Uid | None = None
    seen: card_messages.Seen | None = None
    after: card_messages.ActName | None = None
    reason: str | None = Field(default=None, max_length=60)
    note: card_messages.Note | None = None
    value: str | None = Field(default=None, max_length=LONGEST_REPAIR + 200)
    marks: list[StepMark] = Field(default=[], max_length=MOST_MARKS)
    texts: list[SeenText] = Field(default=[], max_length=100)
    undoes: card_messages.ActName | None = None
    version: str | None = Field(default=None, max_length=64)
    seconds: float | None = Field(default=None, ge=0, le=86_400)
    offline: bool = False


class Decisions(card_messages.ApiMessage):
    """Decisions in the order in which they were made."""

    decisions: list[Decision] = Field(min_length=1, max_length=card_messages.MOST_DECISIONS)


class DecisionAnswer(card_messages.ApiMessage):
    """What became of a decision. `decided` of `of`: where it takes several requests, how far it is."""

    token: str
    status: Literal["saved", "stale", "refused"]
    act: str | None = None
    line: str | None = None
    since: list[card_messages.CardWord] = Field(default=[])
    decided: int = 1
    of: int = 1


class Answers(card_messages.ApiMessage):
    """An answer to each decision, up to an act that isn’t whole yet; the cards as they may be seen now."""

    answers: list[DecisionAnswer]
    cards: dict[str, card_messages.Card]
    gone: dict[str, Missing]
    queue: QueueCounts
    guidelines: str | None


# -- leases, counts, history ------------------------------------------------------------------------------------------


class LeaseWish(card_messages.ApiMessage):
    """What is in front of a person, what comes next, what they leave."""

    front: card_messages.Uid | None = None
    next: list[card_messages.Uid] = Field(default=[], max_length=2)
    leave: list[card_messages.Uid] = Field(default=[], max_length=50)
    shown: list[card_messages.Uid] = Field(default=[], max_length=50)
    judge: card_messages.JudgeMode = "assisted"
    queue: str = Field(default=DEFAULT, max_length=60)


class HeldLease(card_messages.ApiMessage):
    """A mistake that this person has, until when."""

    mistake: str
    until: datetime


class RefusedLease(card_messages.ApiMessage):
    """A mistake that others have, or that they decided meanwhile: then nobody has it."""

    mistake: str
    people: list[card_messages.Holder]


class Leases(card_messages.ApiMessage):
    """What was taken, what others have."""

    held: list[HeldLease]
    refused: list[RefusedLease]
    others: list[OtherPerson]
    seconds: int


class CountsQuery(card_messages.ApiMessage):
    """Which queue's class is asked for, if any."""

    queue: str = DEFAULT
    judge: card_messages.JudgeMode = "assisted"
    panel: bool = False


class ClassPanel(card_messages.ApiMessage):
    """A class that can be decided at once: so many wait, so many one act takes."""

    texts: int
    takes: int
    version: str
    reject: ClassReject


class Counts(card_messages.ApiMessage):
    """Every queue's counts."""

    queues: list[QueueCounts]
    others: list[OtherPerson]
    class_: ClassPanel | None = Field(default=None, serialization_alias="class")
    mine: int
    guidelines: str | None


class HistoryQuery(card_messages.ApiMessage):
    """Of a card what was said; without one the person's last acts."""

    card: card_messages.Uid | None = None
    mistake: card_messages.Uid | None = None
    text: card_messages.Uid | None = None
    judge: card_messages.JudgeMode = "assisted"
    queue: str = DEFAULT
    acts: int = Field(default=10, ge=1, le=card_messages.MOST_ACTS)


class PastWord(card_messages.ApiMessage):
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


class UndoneRepair(card_messages.ApiMessage):
    """A repair that was undone."""

    by: str
    text: card_messages.Passage


class PastAct(card_messages.ApiMessage):
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
    judge: card_messages.JudgeMode
    undone: bool
    since: list[card_messages.CardWord]


class History(card_messages.ApiMessage):
    """What was said of a card, or the person's last acts, the newest first."""

    words: list[PastWord] = Field(default=[])
    taken_back: list[UndoneRepair] = Field(default=[])
    acts: list[PastAct] = Field(default=[])
    undo: str | None = None
    redo: str | None = None


class ApiError(card_messages.ApiMessage):
    """Why a request got no answer: one line, with its cure."""

    code: Literal["dead", "origin", "forbidden", "unknown", "bad_request", "too_large", "busy"]
    line: str


class ApiErrorBody(card_messages.ApiMessage):
    """The body of each response that isn't 200."""

    error: ApiError
