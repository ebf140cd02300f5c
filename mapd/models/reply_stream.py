"""A reply that comes in pieces (server-sent events): put together to the one that the server would have sent whole.

    pieces = ReplyPieces()
    pieces.add({"choices": [{"delta": {"content": "3 + 4"}}]})
    pieces.add({"choices": [{"delta": {"content": " = 7"}, "finish_reason": "stop"}]})
    pieces.whole        -> {"choices": [{"message": {"content": "3 + 4 = 7", …}, "finish_reason": "stop", …}]}

Pieces of chat completions and of completions are read alike. A server that doesn't stream sends the whole reply.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2
import openai

from mapd.errors import in_a_line
from mapd.models.base import FaultKind
from mapd.models.openai import THOUGHT_FIELDS
from mapd.models.replies import read_parts, read_thought
from mapd.models.served import CallFault

# Of one answer: a server may go on for ever, whatever it was asked for.
MOST_CHARACTERS = 400_000
# What the body of a streamed call has beside the rest. Some servers count the tokens only where they are asked to.
STREAMED: Mapping[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}


@dataclass
class ReplyPieces:
    """The pieces of a reply up to now; `count`: how many of them held text; `began`: when it was asked for."""

    text: str = ""
    thought: str = ""
    reason: str | None = None
    usage: Any = None
    count: int = 0
    began: float = field(default_factory=time.perf_counter)

    def add(self, piece: Any) -> None:
        """Take a piece in. One that holds nothing of a reply changes nothing."""
        if not isinstance(piece, Mapping):
            return
        self.usage = piece.get("usage") or self.usage
        choices = piece.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, Mapping):
            return
        delta = choice.get("delta") if isinstance(choice.get("delta"), Mapping) else {}
        assert isinstance(delta, Mapping)
        parts = read_parts(delta.get("content", choice.get("text")))
        thought = parts.thought or read_thought(delta, THOUGHT_FIELDS)[0]
        text = parts.text or parts.refusal
        self.text, self.thought = self.text + text, self.thought + thought
        self.count += bool(text or thought)
        self.reason = choice.get("finish_reason") or self.reason

    @property
    def whole(self) -> dict[str, Any]:
        """Return the reply as it would have come in one piece."""
        message = {"role": "assistant", "content": self.text, "reasoning_content": self.thought}
        choice = {"index": 0, "text": self.text, "message": message, "finish_reason": self.reason}
        return {"choices": [choice], "usage": self.usage}


async def receive(
    client: Any, path: str, body: Mapping[str, Any], timeout_s: float, pieces: ReplyPieces, tell: Callable[[], None]
) -> httpx2.Response:
    """Send the body, and take the reply in piece by piece; return the whole response. `tell` is called at each piece.

    `body`: it asks for a stream, as STREAMED does. `timeout_s`: the longest wait for the next piece.

    Raises: what the SDK raises until the first piece is there; from then on a CallFault: nothing is asked twice.
    """
    pieces.began = time.perf_counter()
    async with asyncio.timeout(timeout_s):
        stream = await client.post(path, cast_to=object, body=body, stream=True, stream_cls=openai.AsyncStream[object])
    response: httpx2.Response = stream.response
    if "text/event-stream" not in response.headers.get("content-type", ""):
        try:
            async with asyncio.timeout(timeout_s):
                await response.aread()
        except httpx2.HTTPError as error:
            raise CallFault(f"the connection failed ({in_a_line(error)})", FaultKind.BUSY, is_retried=True) from error
        return response
    events = aiter(stream)
    try:
        while True:
            async with asyncio.timeout(timeout_s):
                piece = await anext(events, None)
            if piece is None:
                break
            pieces.add(piece)
            tell()
            if len(pieces.text) + len(pieces.thought) > MOST_CHARACTERS:
                raise _break_off(pieces, "it went on for too long")
    except (TimeoutError, openai.APITimeoutError) as error:
        raise _break_off(pieces, f"nothing came for {timeout_s:g} s") from error
    # An error in the middle, a connection that broke, and what is no JSON.
    except (openai.APIError, httpx2.HTTPError, ValueError) as error:
        cause = error.__cause__ if isinstance(error, openai.APIConnectionError) else None
        raise _break_off(pieces, in_a_line(cause or error)) from error
    finally:
        await stream.close()
    return httpx2.Response(200, headers={"content-type": "application/json"}, content=json.dumps(pieces.whole))


def _break_off(pieces: ReplyPieces, reason: str) -> CallFault:
    came = f"after {pieces.count:,} pieces" if pieces.count else "before its first word"
    message = f"the answer broke off {came} ({reason}); ask again"
    return CallFault(message, FaultKind.OTHER)
