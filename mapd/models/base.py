"""The one protocol of every model, student or teacher: requests stream in, completions come out as they finish.

    async for completion in model.generate(stream([Request("k1", (Message("user", "2 + 2?"),), Sampling())])):
        completion.key, completion.text           -> "k1", "2 + 2 = 4. Answer: 4"

A caller may add requests while answers come: a review as soon as its rationale is there.
"""

import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple, Protocol

from mapd import thoughts

# The address of each provider's own server.
HOMES: Mapping[str, str] = {"openai": "https://api.openai.com/v1", "anthropic": "https://api.anthropic.com"}
# Headers that a HTTP connection is made of.
CONNECTION_HEADERS = frozenset(
    "accept accept-encoding connection content-length content-type host transfer-encoding user-agent".split()
)
# Between two tellings of an unfinished answer: nobody reads faster, and each takes the whole text anew.
TELL_EVERY_S = 0.04


class Message(NamedTuple):
    """One turn of a dialogue; `role` is system, user or assistant."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a model draws its tokens. Temperature 0 is greedy; `seed` None leaves the draw to the model.

    A served model is told what is set: with `temperature` or `top_p` None it draws in its own way; some insist on that.
    """

    temperature: float | None = 0.0
    top_p: float | None = 1.0
    max_tokens: int = 512
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a served model is asked: calls in flight, tries a minute, and how long one try may take."""

    concurrency: int = 8
    per_minute: float | None = None
    timeout_s: float = 120.0


@dataclass(frozen=True, slots=True)
class Request:
    """One completion to make. `key` is the caller's own, given back with the completion."""

    key: str
    messages: tuple[Message, ...]
    sampling: Sampling


class Finish(StrEnum):
    """How a call ended. Only `ok`, `cut_off` and `unknown` carry text that was meant for us."""

    OK = "ok"
    CUT_OFF = "cut_off"  # it ran into max_tokens
    UNKNOWN = "unknown"  # it isn't known whether the text is whole
    EMPTY = "empty"
    REFUSED = "refused"
    FAILED = "failed"


class FaultKind(StrEnum):
    """Why a call failed, as far as that decides what to do about it."""

    KEY = "key"  # the server doesn't let this key in
    MODEL = "model"  # no such model, or no such address
    CREDIT = "credit"  # nothing is left to pay with
    QUOTA = "quota"  # of a day, or longer
    # A setting that the server refuses, and that can't be left out.
    PARAMETER = "parameter"
    CONNECTION = "connection"  # nobody listens there
    DOWN = "down"  # so many calls in a row failed
    # Too many requests, or an error of the server's own.
    BUSY = "busy"
    TIMEOUT = "timeout"
    UNREADABLE = "unreadable"  # what came is no reply
    OTHER = "other"

    @property
    def lasting(self) -> bool:
        """Return whether every further call will meet it, too."""
        return self not in (FaultKind.BUSY, FaultKind.TIMEOUT, FaultKind.UNREADABLE, FaultKind.OTHER)


@dataclass(frozen=True, slots=True)
class Completion:
    """The result of one request; a failure has its reason in `error`, never an exception of the stream."""

    key: str
    text: str
    finish: Finish
    error: str | None = None
    # The tokens of all tries that were billed.
    tokens_in: int | None = None
    tokens_out: int | None = None
    latency_s: float | None = None
    # What a thinking model wrote before its text.
    thought: str | None = None
    fault: FaultKind | None = None
    # Thought and text word for word as they came; none where `text` is all that came.
    reply: str | None = field(default=None, kw_only=True)


def split_thought(completion: Completion) -> Completion:
    """Return the completion with the thought split off its text. One that has been split comes back as it is.

    A reply that ended within its thought has no text: it was cut off, or where its provider calls it whole it is empty.
    """
    # It has been split already: a second time would look for tags in the answer itself.
    if completion.reply is not None:
        return completion
    text, thought = _split(completion.text, completion.thought)
    finish, error = completion.finish, completion.error
    if thought and not text.strip() and finish in (Finish.OK, Finish.EMPTY, Finish.CUT_OFF):
        finish = Finish.CUT_OFF if finish is Finish.CUT_OFF else Finish.EMPTY
        error = error or _without_answer(completion, thought, finish)
    reply = completion.text if text != completion.text else completion.reply
    return replace(completion, text=text, finish=finish, error=error, thought=thought or None, reply=reply)


def _split(text: str, thought: str | None) -> tuple[str, str]:
    """Return a text without its thought, and that thought behind what else was thought."""
    parts = thoughts.split(text)
    pieces = (thought, *((parts.text, parts.thought) if parts.is_open else (parts.thought,)))
    return "" if parts.is_open else parts.text, "\n\n".join(piece for piece in pieces if piece)


def _without_answer(completion: Completion, thought: str, finish: Finish) -> str:
    tokens = "" if completion.tokens_out is None else f", {completion.tokens_out:,} tokens"
    length = f"its thought ({len(thought.split()):,} words{tokens})"
    if finish is Finish.CUT_OFF:
        return f"it was cut off within {length}: raise max_tokens"
    return f"it ended within {length} and gave no answer: max_tokens may be too small, or its server reads it wrongly"


class Rendering(StrEnum):
    """Who writes a served student's prompt, the surest way first; the words stand in the exam."""

    TOKENS = "its own, sent as tokens"
    TOKENS_UNCOMPARED = "its own, sent as tokens (the server's vocabulary could not be compared)"
    SAME = "the server's, which is the same as its own"
    SAME_LENGTH = "the server's, which has as many tokens as its own"
    UNCHECKED = "the server's, which could not be compared with its own"


class PartialAnswer(NamedTuple):
    """What a model has written up to now, in how many tokens (behind a server: pieces), and in how long."""

    text: str = ""
    thought: str = ""
    tokens: int = 0
    seconds: float = 0.0


TellPart = Callable[[PartialAnswer], None]


def split_partial(text: str, thought: str = "", tokens: int = 0, seconds: float = 0.0) -> PartialAnswer:
    """Return an unfinished answer with the thought split off its text."""
    return PartialAnswer(*_split(text, thought), tokens, seconds)


class TellRate:
    """The rate at which one answer is told: at once, then every TELL_EVERY_S seconds."""

    def __init__(self) -> None:
        self._due_at = 0.0

    def is_due(self) -> bool:
        """Return whether the answer is to be told now."""
        now = time.monotonic()
        if now < self._due_at:
            return False
        self._due_at = now + TELL_EVERY_S
        return True


class Model(Protocol):
    """A model that can be asked. `name` says which it is, as its provider calls it."""

    name: str

    def generate(self, requests: AsyncIterable[Request]) -> AsyncIterator[Completion]:
        """Complete every request that it takes, in whatever order they finish; it ends when the requests have.

        Behind a lasting fault it takes no further one, and ends.
        """
        ...


class WatchedModel(Model, Protocol):
    """A model whose answer can be watched as it is written: a student, by transformers or behind a server."""

    async def answer(self, request: Request, tell: TellPart) -> Completion:
        """Complete one request, and tell now and then what there is of it. A thought is split off the text.

        Cancelled, it tells what came, and stops before the next token. What came before a fault is kept.
        """
        ...


async def stream(requests: Iterable[Request]) -> AsyncIterator[Request]:
    """Yield a list of requests as the stream that `generate` takes."""
    for request in requests:
        yield request
