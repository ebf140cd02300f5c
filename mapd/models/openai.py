"""A model behind OpenAI's chat completions: OpenAI itself, or any server that speaks them (`base_url`).

    OpenAIModel("gpt-4o-mini", key="sk-…", limits=Limits())
    OpenAIModel("smollm2:135m", base_url="http://127.0.0.1:11434/v1", limits=Limits(concurrency=2))     # Ollama

Gemini, Mistral, DeepInfra, OpenRouter, vLLM, llama.cpp and `transformers serve` are such servers.
"""

from collections.abc import Mapping
from types import ModuleType
from typing import Any, ClassVar
from urllib.parse import urlsplit

import openai

from mapd.models.base import HOMES, FaultKind, Finish, Request
from mapd.models.replies import Reply, explain_silence, read_count, read_parts, read_thought
from mapd.models.served import ServedModel

# Reasons to end behind which a text is whole.
WHOLE = ("stop", "eos", "eos_token", "end_turn", "stop_sequence", "complete")
CUT_OFF = ("length", "max_tokens", "model_length", "max_length", "max_output_tokens", "model_context_window_exceeded")
# Prefixes of the reasons that say that a filter of contents ended it.
FILTERED = tuple(
    "content_filter safety recitation refusal blocklist prohibited_content spii guardrail sensitive".split()
)
THOUGHT_FIELDS = tuple("reasoning_content reasoning reasoning_text thinking thought thoughts reasoning_details".split())


class OpenAIModel(ServedModel):
    """Chat completions."""

    sdk: ClassVar[ModuleType] = openai
    client: ClassVar[type[Any]] = openai.AsyncOpenAI
    home: ClassVar[str] = HOMES["openai"]
    path: ClassVar[str] = "/chat/completions"
    swaps: ClassVar[Mapping[str, str]] = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}

    def _body(self, request: Request) -> dict[str, Any]:
        sampling = request.sampling
        return {
            "model": self.name,
            "messages": [message._asdict() for message in request.messages],
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            self._longest: sampling.max_tokens,
            "seed": sampling.seed,
        }

    @property
    def _longest(self) -> str:
        # OpenAI's reasoning models refuse the old name of max_tokens, others don't know the new one.
        host = urlsplit(self.base_url).hostname or ""
        usual = "max_completion_tokens" if host.endswith(("openai.com", "openai.azure.com")) else "max_tokens"
        return self.form.get("max_tokens") or usual

    def _read(self, content: Any) -> Reply:
        usage = content.get("usage") if isinstance(content, Mapping) else None
        tokens = _tokens(usage)
        choices = content.get("choices") if isinstance(content, Mapping) else None
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, Mapping):
            reason = "it is no JSON" if content is None else "it holds no choices"
            return Reply("", Finish.FAILED, *tokens, error=reason, fault=FaultKind.UNREADABLE)
        message = choice.get("message")
        message = message if isinstance(message, Mapping) else {}
        parts = read_parts(message.get("content"))
        refusal = read_parts(message.get("refusal")).text or parts.refusal
        thought, place = (parts.thought, "thinking") if parts.thought else read_thought(message, THOUGHT_FIELDS)
        hidden = read_count(_details(usage), "reasoning_tokens") or None
        text = refusal or parts.text
        called = message.get("tool_calls") or message.get("function_call")
        finish, error = _finish(choice.get("finish_reason"), text, is_refusal=bool(refusal), called=bool(called))
        if not text.strip() and finish in (Finish.EMPTY, Finish.CUT_OFF):
            place = place or ("reasoning" if hidden else "")
            error = explain_silence(hidden or tokens[1], place, finish is Finish.CUT_OFF) or error
        return Reply(text, finish, *tokens, error=error, thought=thought or None)


def _finish(reason: Any, text: str, *, is_refusal: bool, called: bool) -> tuple[Finish, str | None]:
    """Return how a reply ended, by its server's reason, and what there is to say of it."""
    word = str(reason or "").lower().removeprefix("finishreason.")
    end = f"it ended for {word!r}" if word else "the server gave no reason for its end"
    if word.startswith(FILTERED):
        return Finish.REFUSED, "the provider's content filter stopped it"
    if is_refusal:
        return Finish.REFUSED, None
    if word in CUT_OFF:
        return Finish.CUT_OFF, None
    if not text.strip():
        is_told = word and word not in WHOLE
        return Finish.EMPTY, "it called a tool instead of writing a text" if called else end if is_told else None
    if word in WHOLE:
        return Finish.OK, None
    return Finish.UNKNOWN, end


def _tokens(usage: Any) -> tuple[int | None, int | None]:
    # Some servers count a thought in the total alone.
    sent = read_count(usage, "prompt_tokens", "input_tokens")
    written = read_count(usage, "completion_tokens", "output_tokens")
    total = read_count(usage, "total_tokens")
    if total is not None and sent is not None:
        written = max(written or 0, total - sent)
    return sent, written


def _details(usage: Any) -> Any:
    if not isinstance(usage, Mapping):
        return None
    return usage.get("completion_tokens_details") or usage.get("output_tokens_details") or usage
