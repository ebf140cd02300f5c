"""A student behind a server: sent its own prompt as tokens, or by chat; and whether the server reads the same prompt.

    model = CompletionsModel("qwen-1.5b", tokenizer, base_url="http://127.0.0.1:8000/v1", limits=Limits(256))
    await find_rendering(model, tokenizer, messages)      -> Rendering.TOKENS

Tokens need no template and no tokenizer at the server, so a prompt is the one of training. vLLM, SGLang and llama.cpp
take them; Ollama takes texts alone, and wraps them into its own template, so its students are asked by chat.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, ClassVar

import httpx2

from mapd import thoughts
from mapd.errors import BadInput
from mapd.models import dialogue
from mapd.models.base import (
    Completion,
    FaultKind,
    Finish,
    Message,
    PartialAnswer,
    Rendering,
    Request,
    Sampling,
    TellPart,
    TellRate,
    split_partial,
    stream,
)
from mapd.models.openai import OpenAIModel
from mapd.models.replies import Reply
from mapd.models.reply_stream import STREAMED, ReplyPieces, receive

# What a server would take from the model's generation_config.json, or from a default of its own: an exam says how a
# student draws its tokens, and it is to be the same on this machine and behind any server.
PLAIN_SAMPLING: Mapping[str, Any] = {"top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0}


class ServedStudent(OpenAIModel):
    """What the two ways of asking share: an answer is read as a local model's is, without the blanks around it."""

    # The tag of a thought that the template opens stands in the prompt, not in the reply.
    opening = ""

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(name, **options)
        # By key, of requests that are watched: what came of the answer, and who is told.
        self._watched: dict[str, tuple[ReplyPieces, TellPart]] = {}

    async def answer(self, request: Request, tell: TellPart) -> Completion:
        """Complete one request, and tell now and then what there is of it; what came before a fault is kept."""
        pieces = ReplyPieces()
        self._watched[request.key] = pieces, tell
        try:
            (completion,) = [completion async for completion in self.generate(stream([request]))]
        except asyncio.CancelledError:
            if pieces.count:
                tell(self._partial(pieces))
            raise
        finally:
            del self._watched[request.key]
        if completion.finish is not Finish.FAILED or not pieces.count:
            return completion
        part = self._partial(pieces)
        return replace(completion, text=part.text, thought=part.thought or None, tokens_out=part.tokens)

    def _body(self, request: Request) -> dict[str, Any]:
        # Here, so that a server which refuses one of these fields is asked without it, as of any other.
        body = super()._body(request)
        return {**body, **STREAMED} if request.key in self._watched else body

    async def _post(self, client: Any, key: str, body: Mapping[str, Any]) -> httpx2.Response:
        if "stream" not in body:
            return await super()._post(client, key, body)
        (pieces, tell), rate = self._watched[key], TellRate()

        def tell_part() -> None:
            if rate.is_due():
                tell(self._partial(pieces))

        return await receive(client, self.path, body, self.limits.timeout_s, pieces, tell_part)

    def _partial(self, pieces: ReplyPieces) -> PartialAnswer:
        text = (self.opening + pieces.text if pieces.text else "").strip()
        seconds = time.perf_counter() - pieces.began
        return split_partial(self._hide_start(text), self._hide_start(pieces.thought), pieces.count, seconds)

    def _hide_start(self, text: str) -> str:
        """Return a text that may go on without the secrets in it, nor the start of one at its end."""
        text = self._hide(text)
        for secret in filter(None, (self._key, *self.headers.values())):
            length = next((count for count in range(len(secret) - 1, 2, -1) if text.endswith(secret[:count])), 0)
            text = text[: len(text) - length]
        return text

    def _read(self, content: Any) -> Reply:
        reply = super()._read(content)
        return reply._replace(text=reply.text.strip())


class CompletionsModel(ServedStudent):
    """Completions of a prompt in tokens, written by the student's own chat template."""

    path: ClassVar[str] = "/completions"

    def __init__(self, name: str, tokenizer: Any, **options: Any) -> None:
        super().__init__(name, fields=PLAIN_SAMPLING, **options)
        self.tokenizer = tokenizer
        self.thinks = thoughts.knows_thoughts(str(tokenizer.chat_template))
        self.opening = dialogue.template_form(tokenizer).thought
        self._end = dialogue.end_of_turn(tokenizer)
        # By key, of requests on their way.
        self._prompts: dict[str, list[int]] = {}

    async def generate(self, requests: AsyncIterable[Request]) -> AsyncGenerator[Completion, None]:
        """Complete every request; prompts are written ahead, in a thread: a template is rendered in another process."""

        async def prepare() -> AsyncIterator[Request]:
            async for request in requests:
                self._prompts[request.key] = await asyncio.to_thread(
                    dialogue.encode_prompt, request.messages, self.tokenizer
                )
                yield request

        async with aclosing(super().generate(prepare())) as completions:
            async for completion in completions:
                del self._prompts[completion.key]
                yield completion

    def _body(self, request: Request) -> dict[str, Any]:
        body = super()._body(request)
        del body["messages"]
        return body | {"prompt": self._prompts[request.key], "stop_token_ids": [self._end]}

    def _read(self, content: Any) -> Reply:
        reply = super()._read(_as_chat(content))
        return reply._replace(text=self.opening + reply.text) if reply.text else reply


class ChatModel(ServedStudent):
    """Chat completions, in which the server writes the prompt by its own template."""

    def __init__(self, name: str, **options: Any) -> None:
        # A template that can be told not to think is told so, as on this machine.
        super().__init__(name, fields={**PLAIN_SAMPLING, "chat_template_kwargs": dialogue.NO_THOUGHT}, **options)


def _as_chat(content: Any) -> Any:
    """Return a reply of completions as one of chat completions."""
    choices = content.get("choices") if isinstance(content, Mapping) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
        return content
    text = choices[0].get("text")
    return {**content, "choices": [{**choices[0], "message": {"content": text if isinstance(text, str) else ""}}]}


async def find_rendering(model: OpenAIModel, tokenizer: Any | None, messages: Sequence[Message]) -> Rendering:
    """Return who writes the prompt; for this it asks the server for one token, and how it reads these messages.

    Raises: BadInput where the server reads another prompt than the student's own, or doesn't take the call.
    """
    completion = await _ask_one_token(model, messages)
    if tokenizer is None:
        return Rendering.UNCHECKED
    tokens = dialogue.encode_prompt(messages, tokenizer)
    has_same_length = completion.tokens_in == len(tokens)
    if isinstance(model, CompletionsModel):
        return await _compare_vocabulary(model, tokenizer, messages, tokens, has_same_length=has_same_length)
    # The server's prompt is compared with the tokenizer's, as text or as tokens.
    text = dialogue.render(messages, tokenizer, {})
    written = await _fetch_prompt(model, messages)
    if isinstance(written, str) and not _is_same_text(written, text, tokenizer):
        raise BadInput(_differ(model, _difference(text, written)))
    if isinstance(written, list) and written != tokens:
        raise BadInput(_differ(model, f"it has {len(written):,} tokens there, {len(tokens):,} here"))
    if written is not None:
        return Rendering.SAME
    return Rendering.SAME_LENGTH if has_same_length else Rendering.UNCHECKED


async def _ask_one_token(model: OpenAIModel, messages: Sequence[Message]) -> Completion:
    request = Request("probe", tuple(messages), Sampling(max_tokens=1))
    (completion,) = [completion async for completion in model.generate(stream([request]))]
    if completion.finish is not Finish.FAILED:
        return completion
    reason = completion.error or "no reason was given"
    is_refused = completion.fault in (FaultKind.OTHER, FaultKind.PARAMETER, FaultKind.UNREADABLE, FaultKind.DOWN)
    if isinstance(model, CompletionsModel) and is_refused:
        raise BadInput(
            f"the server at {model.base_url} takes no prompt in tokens ({reason}); add the student with --chat"
        )
    raise BadInput(f"the model {model.name} can't be asked at {model.base_url} ({reason}); check the server")


async def _compare_vocabulary(
    model: OpenAIModel, tokenizer: Any, messages: Sequence[Message], tokens: Sequence[int], *, has_same_length: bool
) -> Rendering:
    """Return whether the server's tokenizer is the student's. Raises: BadInput where it is another one."""
    text = dialogue.render(messages, tokenizer, {})
    # One body for vLLM's and SGLang's route, and for llama.cpp's: each leaves the other's fields out.
    own_fields = {"model": model.name, "prompt": text, "add_special_tokens": False}
    content = await model.ask_beside(
        "/tokenize", own_fields | {"content": text, "add_special": False, "parse_special": True}
    )
    server_tokens = content.get("tokens") if isinstance(content, Mapping) else None
    if isinstance(server_tokens, list) and server_tokens:
        if list(server_tokens) == list(tokens):
            return Rendering.TOKENS
        raise BadInput(
            f"the tokenizer of the model {model.name} at {model.base_url} is another one than the student's: the same "
            f"prompt has {len(server_tokens):,} tokens there, {len(tokens):,} here; name its own with --tokenizer"
        )
    if not has_same_length:
        raise BadInput(
            f"the server at {model.base_url} puts something around a prompt of {len(tokens):,} tokens; add the student "
            "with --chat"
        )
    return Rendering.TOKENS_UNCOMPARED


async def _fetch_prompt(model: OpenAIModel, messages: Sequence[Message]) -> str | list[int] | None:
    """Return the prompt that the server makes of messages, as text or as tokens; None where it doesn't tell."""
    body = {"messages": [message._asdict() for message in messages], "chat_template_kwargs": dialogue.NO_THOUGHT}
    content = await model.ask_beside("/apply-template", body)
    if isinstance(content, Mapping) and isinstance(content.get("prompt"), str):
        return str(content["prompt"])
    content = await model.ask_beside("/tokenize", {"model": model.name, "add_generation_prompt": True, **body})
    tokens = content.get("tokens") if isinstance(content, Mapping) else None
    return tokens if isinstance(tokens, list) and tokens else None


def _is_same_text(written: str, text: str, tokenizer: Any) -> bool:
    # llama.cpp leaves the first token out of the text: it puts it there itself.
    first = tokenizer.bos_token or ""
    return written.removeprefix(first) == text.removeprefix(first)


def _difference(text: str, written: str) -> str:
    place = next(
        (i for i, (a, b) in enumerate(zip(text, written, strict=False)) if a != b), min(len(text), len(written))
    )
    end = place + 40
    return f"from character {place + 1:,} on it is {written[place:end]!r} there, {text[place:end]!r} here"


def _differ(model: OpenAIModel, difference: str) -> str:
    return (
        f"the server at {model.base_url} writes another prompt for {model.name} than the student's own template "
        f"({difference}); add the student without --chat, or serve it with that template"
    )
