"""A model behind Anthropic's messages.

AnthropicModel("claude-sonnet-4-5", key="sk-ant-…", limits=Limits(concurrency=16))
"""

from collections.abc import Mapping
from types import ModuleType
from typing import Any, ClassVar

import anthropic

from mapd.models.base import HOMES, FaultKind, Finish, Request
from mapd.models.replies import Reply, explain_silence, read_count, read_parts
from mapd.models.served import ServedModel

# Reasons to stop behind which a text is whole.
WHOLE = ("end_turn", "stop_sequence")
CUT_OFF = ("max_tokens", "model_context_window_exceeded")


class AnthropicModel(ServedModel):
    """Messages; what the house calls a system message stands apart there."""

    sdk: ClassVar[ModuleType] = anthropic
    client: ClassVar[type[Any]] = anthropic.AsyncAnthropic
    client_options: ClassVar[Mapping[str, Any]] = {"open_telemetry": False}
    home: ClassVar[str] = HOMES["anthropic"]
    path: ClassVar[str] = "/v1/messages"

    def _body(self, request: Request) -> dict[str, Any]:
        sampling = request.sampling
        system = "\n\n".join(m.content for m in request.messages if m.role == "system")
        return {
            "model": self.name,
            "max_tokens": sampling.max_tokens,
            "messages": [m._asdict() for m in request.messages if m.role != "system"],
            "system": system or None,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
        }

    def _read(self, content: Any) -> Reply:
        usage = content.get("usage") if isinstance(content, Mapping) else None
        tokens = _sent(usage), read_count(usage, "output_tokens")
        if not isinstance(content, Mapping) or not isinstance(content.get("content"), str | list):
            reason = "it is no JSON" if content is None else "it holds no content"
            return Reply("", Finish.FAILED, *tokens, error=reason, fault=FaultKind.UNREADABLE)
        parts = read_parts(content["content"])
        finish, error = _finish(content.get("stop_reason"), parts.text)
        if not parts.text.strip() and finish in (Finish.EMPTY, Finish.CUT_OFF):
            place = "thinking" if _thinks(content["content"]) else ""
            error = explain_silence(tokens[1], place, finish is Finish.CUT_OFF) or error
        return Reply(parts.text, finish, *tokens, error=error, thought=parts.thought or None)


def _finish(reason: Any, text: str) -> tuple[Finish, str | None]:
    """Return how a reply ended, by its server's reason, and what there is to say of it."""
    if reason == "refusal":
        return Finish.REFUSED, None
    if reason in CUT_OFF:
        return Finish.CUT_OFF, None
    if not text.strip():
        return Finish.EMPTY, "it called a tool instead of writing a text" if reason == "tool_use" else None
    if reason in WHOLE:
        return Finish.OK, None
    return Finish.UNKNOWN, f"it ended for {reason!r}" if reason else "the server gave no reason for its end"


def _sent(usage: Any) -> int | None:
    """Return the tokens that went in, those that a cache took or gave, too."""
    names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    counts = [count for name in names if (count := read_count(usage, name)) is not None]
    return sum(counts) if counts else None


def _thinks(blocks: Any) -> bool:
    kinds = (block.get("type") for block in blocks if isinstance(block, Mapping))
    return any(kind in ("thinking", "redacted_thinking") for kind in kinds)
