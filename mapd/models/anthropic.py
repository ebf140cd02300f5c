"""A model behind Anthropic's messages.

AnthropicModel("claude-sonnet-4-5", key="sk-ant-…", limits=Limits(concurrency=16))
"""

from contextlib import AbstractAsyncContextManager
from types import ModuleType
from typing import Any, ClassVar

import anthropic
from pydantic import BaseModel

from mapd.models.base import HOMES, Request
from mapd.models.served import Reply, ServedModel, finish_of


class _Block(BaseModel):
    type: str
    text: str = ""


class _Usage(BaseModel):
    input_tokens: int | None = None
    output_tokens: int | None = None


class _Message(BaseModel):
    """What we read of a reply."""

    content: list[_Block]
    stop_reason: str | None = None
    usage: _Usage | None = None


class AnthropicModel(ServedModel):
    """Messages; what the house calls a system message stands apart there."""

    sdk: ClassVar[ModuleType] = anthropic
    home: ClassVar[str] = HOMES["anthropic"]

    def _client(self) -> AbstractAsyncContextManager[Any]:
        return anthropic.AsyncAnthropic(
            api_key=self._key or "none",
            base_url=self.base_url,
            max_retries=0,
            timeout=self._timeout(),
            http_client=self._http(),
            open_telemetry=False,
        )

    async def _send(self, client: Any, request: Request) -> bytes:
        drawn = request.sampling
        system = "\n\n".join(m.content for m in request.messages if m.role == "system")
        given = {"system": system or None, "temperature": drawn.temperature, "top_p": drawn.top_p}
        body = {
            "model": self.name,
            "max_tokens": drawn.max_tokens,
            "messages": [m._asdict() for m in request.messages if m.role != "system"],
        }
        body |= {name: value for name, value in given.items() if value is not None}
        return await self._post(client, "/v1/messages", body)

    def _read(self, body: bytes) -> Reply:
        reply = _Message.model_validate_json(body)
        text = "".join(block.text for block in reply.content if block.type == "text")
        refused, usage = reply.stop_reason == "refusal", reply.usage or _Usage()
        finish = finish_of(text, refused=refused, cut_off=reply.stop_reason == "max_tokens")
        return Reply(text, finish, usage.input_tokens, usage.output_tokens)
