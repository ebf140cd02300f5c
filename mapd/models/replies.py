"""What a reply holds, whatever its server adds, leaves out or writes in another way. Pure.

    read_parts([{"type": "thinking", "thinking": [{"type": "text", "text": "Half is 9 …"}]},
                {"type": "text", "text": "9 + 9 = 18. Answer: 18"}])
    -> ContentParts(text="9 + 9 = 18. Answer: 18", thought="Half is 9 …", refusal="")

A part of a kind that isn't known is left out: it is no error.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from mapd.characters import storable
from mapd.models.base import FaultKind, Finish

THOUGHTS = ("thinking", "reasoning", "reasoning_content", "thought", "summary")  # parts, and fields of a part


class Reply(NamedTuple):
    """What a provider's reply says."""

    text: str
    finish: Finish
    tokens_in: int | None = None
    tokens_out: int | None = None
    error: str | None = None
    thought: str | None = None
    fault: FaultKind | None = None


class ContentParts(NamedTuple):
    """The parts of a message's content, by kind."""

    text: str
    thought: str
    refusal: str


def load(body: str) -> Any:
    """Return a body's JSON; None where it is none, or is nested too deeply to be one."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def read_parts(content: Any) -> ContentParts:
    """Return the content's parts, each kind joined: a text, or a list of chunks."""
    if isinstance(content, str):
        return ContentParts(storable(content), "", "")
    text, thought, refusal = [], [], []
    for part in content if isinstance(content, list) else [content]:
        kind = part.get("type") if isinstance(part, Mapping) else None
        if isinstance(part, str):
            text.append(part)
        elif not isinstance(part, Mapping):
            continue
        elif isinstance(kind, str) and kind.startswith(THOUGHTS):
            thought.append(_plain_text(part))
        elif kind == "refusal":
            refusal.append(_plain_text(part.get("refusal")))
        elif kind in ("text", "output_text", None):
            text.append(_plain_text(part.get("text")))
    return ContentParts(storable("".join(text)), storable("".join(thought)), storable("".join(refusal)))


def read_thought(message: Mapping[str, Any], fields: tuple[str, ...]) -> tuple[str, str]:
    """Return the thought that stands in fields of its own, and the first of them that holds one."""
    for name in fields:
        thought = storable(_plain_text(message.get(name)))
        if thought.strip():
            return thought, name
    return "", ""


def read_count(usage: Any, *names: str) -> int | None:
    """Return the first of these counts that a reply tells."""
    values = (usage.get(name) for name in names) if isinstance(usage, Mapping) else iter(())
    return next(
        (int(v) for v in values if isinstance(v, int | float) and not isinstance(v, bool) and 0 <= v < 1e12), None
    )


def explain_silence(tokens: int | None, place: str, cut_off: bool) -> str | None:
    """Return why a reply holds no text though its model wrote: "12 tokens went into reasoning_content: …"."""
    if not place:
        return "it was cut off before its first word: raise max_tokens" if cut_off else None
    count = f"{tokens:,} tokens" if tokens is not None else "all tokens"
    cure = "raise max_tokens" if cut_off else "the server's reasoning parser, or max_tokens too small"
    return f"{count} went into {place}: {cure}"


def _plain_text(value: Any, depth: int = 0) -> str:
    if isinstance(value, str):
        return value
    if depth > 8:
        return ""
    if isinstance(value, list):
        return "".join(_plain_text(part, depth + 1) for part in value)
    if isinstance(value, Mapping):
        names = ("text", "value", *THOUGHTS, "content")
        return next((text for name in names if (text := _plain_text(value.get(name), depth + 1))), "")
    return ""
