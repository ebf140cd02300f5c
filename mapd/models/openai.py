"""A model behind OpenAI's chat completions: OpenAI itself, or any server that speaks them (`base_url`).

    OpenAIModel("gpt-4o-mini", key="sk-…", limits=Limits())
    OpenAIModel("smollm2:135m", base_url="http://127.0.0.1:11434/v1", limits=Limits(concurrency=2))     # Ollama

Gemini, Mistral, DeepInfra, OpenRouter, vLLM, llama.cpp and `transformers serve` are such servers.
"""

from contextlib import AbstractAsyncContextManager
from types import ModuleType
from typing import Any, ClassVar
from urllib.parse import urlsplit

import openai
from pydantic import BaseModel, Field

from mapd.models.base import HOMES, Request
from mapd.models.served import Reply, ServedModel, finish_of


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Completion(BaseModel):
    """What we read of a reply, and no more: servers differ in the rest."""

    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None


class OpenAIModel(ServedModel):
    """Chat completions."""

    sdk: ClassVar[ModuleType] = openai
    home: ClassVar[str] = HOMES["openai"]

    def _client(self) -> AbstractAsyncContextManager[Any]:
        return openai.AsyncOpenAI(
            api_key=self._key or "none",  # a local server asks for none, the SDK does
            base_url=self.base_url,
            max_retries=0,
            timeout=self._timeout(),
            http_client=self._http(),
        )

    async def _send(self, client: Any, request: Request) -> bytes:
        drawn = request.sampling
        given: dict[str, Any] = {
            "temperature": drawn.temperature,
            "top_p": drawn.top_p,
            self._longest: drawn.max_tokens,
            "seed": drawn.seed,
        }
        body = {"model": self.name, "messages": [message._asdict() for message in request.messages]}
        body |= {name: value for name, value in given.items() if value is not None}
        return await self._post(client, "/chat/completions", body)

    @property
    def _longest(self) -> str:
        """OpenAI's reasoning models refuse the old name, other servers don't know the new one."""
        host = urlsplit(self.base_url).hostname or ""
        return "max_completion_tokens" if host.endswith(("openai.com", "openai.azure.com")) else "max_tokens"

    def _read(self, body: bytes) -> Reply:
        reply = _Completion.model_validate_json(body)
        message, ended = reply.choices[0].message, reply.choices[0].finish_reason
        text = message.refusal or message.content or ""
        refused = bool(message.refusal) or ended == "content_filter"
        usage = reply.usage or _Usage()
        return Reply(
            text,
            finish_of(text, refused=refused, cut_off=ended == "length"),
            usage.prompt_tokens,
            usage.completion_tokens,
            "the provider's content filter stopped it" if ended == "content_filter" else None,
        )
