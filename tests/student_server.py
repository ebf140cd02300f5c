"""Servers of a student as vLLM, SGLang, llama.cpp and Ollama are seen from outside: a script for tests/provider.py.

    with Provider(StudentServer(tokenizer, "vllm")) as provider:
        POST /v1/completions {"prompt": [1, 5, …]}, POST /v1/chat/completions, POST /tokenize, POST /apply-template

An answer follows from the prompt alone, by whichever way it came.
"""

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any

from mapd.models import dialogue
from mapd.models.base import Message
from tests.provider import Asked, Raw, Streamed, refusal

NOT_FOUND = refusal(404, "Not Found")


@dataclass
class StudentServer:
    """One server. `kind`: vllm, sglang, llama.cpp or ollama; `failing`: how many calls of each prompt fail at first."""

    tokenizer: Any
    kind: str = "vllm"
    failing: int = 0
    # A field that it doesn't take.
    refused: str = ""
    # It writes a word at a time to who asks for that; `end` and `fault` come behind so many pieces.
    streams: bool = True
    pieces: int | None = None
    end: str = "closed"
    fault: str = ""
    pause: float = 0.0
    text: str = ""  # said instead of an answer that follows from the prompt
    answered: list[str] = field(default_factory=list)

    def __call__(self, asked: Asked) -> str | Raw | Streamed:
        """Answer one request."""
        route = getattr(self, {"/tokenize": "_tokenize", "/apply-template": "_apply"}.get(asked.path, "_complete"))
        answer: str | Raw | Streamed = route(asked)
        return answer

    def _tokenize(self, asked: Asked) -> Raw:
        if self.kind == "ollama" or ("messages" in asked.body and self.kind != "vllm"):
            return NOT_FOUND
        text = self._render(asked) if "messages" in asked.body else asked.body["prompt"]
        return 200, {}, json.dumps({"tokens": dialogue.encode_text(text, self.tokenizer, special=True)})

    def _apply(self, asked: Asked) -> Raw:
        return (200, {}, json.dumps({"prompt": self._render(asked)})) if self.kind == "llama.cpp" else NOT_FOUND

    def _render(self, asked: Asked) -> str:
        messages = [Message(turn["role"], turn["content"]) for turn in asked.body["messages"]]
        return dialogue.render(messages, self.tokenizer, {})

    def _complete(self, asked: Asked) -> str | Raw | Streamed:
        if asked.tries <= self.failing:
            return "500"
        if self.refused in asked.body:
            return refusal(400, f"Unrecognized request argument supplied: {self.refused}", param=self.refused)
        is_chat = asked.path.endswith("/chat/completions")
        if not is_chat and self.kind == "ollama":
            return refusal(400, "json: cannot unmarshal array into Go struct field .prompt of type string")
        prompt = asked.body.get("prompt")
        tokens = dialogue.encode_text(self._render(asked), self.tokenizer, special=True) if is_chat else prompt
        assert isinstance(tokens, list)
        number = int(hashlib.sha256(f"{tokens} {asked.body.get('seed')}".encode()).hexdigest(), 16) % 40
        text = self.text or f"It is so.\nAnswer: {number}"
        if asked.body["max_tokens"] > 1:
            self.answered.append(str(tokens))
        choice = {"index": 0, "finish_reason": "stop", "text": text, "message": {"role": "assistant", "content": text}}
        usage = {"prompt_tokens": len(tokens), "completion_tokens": len(text)}
        if asked.body.get("stream") and self.streams:
            return self._stream(text, usage, is_chat=is_chat)
        return 200, {}, json.dumps({"choices": [choice], "usage": usage})

    def _stream(self, text: str, usage: dict[str, int], *, is_chat: bool) -> Streamed:
        words = re.findall(r"\S+\s*", text)[: self.pieces]
        bodies = [{"delta": {"content": word}} if is_chat else {"text": word} for word in words]
        events = [json.dumps({"choices": [{"index": 0, "finish_reason": None, **body}]}) for body in bodies]
        if self.fault:
            events.append(self.fault)
        elif self.end == "closed":
            last = {"index": 0, "finish_reason": "stop", "text": "", "delta": {}}
            events += [json.dumps({"choices": [last]}), json.dumps({"choices": [], "usage": usage}), "[DONE]"]
        return Streamed(events, self.pause, self.end)
