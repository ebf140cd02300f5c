"""A provider on this machine that speaks both wire formats over real HTTP, counts, and fails as it is told to.

    with Provider(lambda asked: "500" if asked.tries == 1 else "ok") as provider:
        AsyncOpenAI(base_url=provider.url + "/v1", api_key="…")          # POST /v1/chat/completions
        AsyncAnthropic(base_url=provider.url, api_key="…")               # POST /v1/messages
    provider.asked, provider.most, provider.times        -> what it was asked, the most in flight, when
    Provider(gateway)        -> servers of many kinds, by the first part of the path: provider.url + "/thinks/v1"

As a process of its own: `python -m tests.provider --delay 0.2 [--failing 0.2 --seed 0]` prints its address and serves
until its standard input ends; GET /counts tells {"asked": …, "most": …}.
"""

import argparse
import asyncio
import hashlib
import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

FAULTS = ("429", "500", "hang", "reset", "truncated", "empty", "refusal")


@dataclass(frozen=True)
class Asked:
    """One request: its wire, its JSON, the key that came with it, and how often the same was asked by now."""

    path: str
    body: dict[str, Any]
    key: str
    tries: int
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The last message; of completions the prompt, which may be a list of tokens."""
        return str(self.body["messages"][-1]["content"] if "messages" in self.body else self.body.get("prompt"))


@dataclass(frozen=True)
class Streamed:
    """Server-sent events, each behind a pause; then the stream is closed in good order, is reset, or hangs."""

    events: Sequence[str]
    pause: float = 0.0
    end: str = "closed"  # or "reset", "hang"


Raw = tuple[int, dict[str, str], str]  # status, headers, body
Script = Callable[[Asked], str | Raw | Streamed]  # a word of `FAULTS` and of `_say`, or a raw answer


def well(asked: Asked) -> str:
    """Nothing fails."""
    return "ok"


def failing(share: float, seed: int = 0) -> Script:
    """That share of the requests fails at random, each time in another way."""
    draw = random.Random(seed)
    return lambda asked: draw.choice(FAULTS) if draw.random() < share else "ok"


def gateway(asked: Asked) -> str | Raw | Streamed:
    """Answer as the server that the path names: "/chunks/v1/chat/completions" as `chunks`."""
    return SERVERS[asked.path.split("/")[1]](asked)


def chunks(asked: Asked) -> Raw:
    """Write the content as a list: a thought, a text, and a kind that nobody knows."""
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Half is 9 … [1]"}]}
    return message({"content": [thought, {"type": "hologram"}, {"type": "text", "text": good_text(asked)}]})


def thinks(asked: Asked) -> Raw:
    """Write the thought into a field of its own."""
    return message({"content": good_text(asked), "reasoning_content": "Half is 9 … [1]"})


def writes_tags(asked: Asked) -> Raw:
    """Write the thought in front of the text, in tags."""
    return message({"content": f"<think>Half is 9 … [1]</think>\n{good_text(asked)}"})


def as_json(asked: Asked) -> str | Raw:
    """Judge in fenced JSON."""
    if not is_review(asked):
        return "ok"
    return message({"content": f'```json\n{{"score": {score(asked)}, "reasoning": "Read."}}\n```'})


def as_xml(asked: Asked) -> str | Raw:
    """Judge in XML."""
    if not is_review(asked):
        return "ok"
    return message({"content": f"<review>Read.</review><score>{score(asked)}</score>"})


def error_in_200(asked: Asked) -> str | Raw:
    """Say within HTTP 200, at each first try, that there are too many requests."""
    error = {"message": "Provider returned error", "code": 429, "metadata": {"raw": "Please retry in 0.01s"}}
    return (200, {}, json.dumps({"id": None, "choices": None, "error": error})) if asked.tries == 1 else "ok"


def wait_in_body(asked: Asked) -> str | Raw:
    """Tell the wait in the body alone, at each first try, in a list of errors."""
    error = {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Quota exceeded.\nPlease retry in 0.01s."}
    return (429, {}, json.dumps([{"error": error}])) if asked.tries == 1 else "ok"


def refuses_parameters(asked: Asked) -> str | Raw:
    """Take neither max_tokens nor a temperature nor a system role."""
    if "max_tokens" in asked.body:
        words = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'."
        return refusal(400, words, param="max_tokens", code="unsupported_parameter")
    if "temperature" in asked.body:
        return refusal(400, 'Invalid JSON payload received. Unknown name "temperature": Cannot find field.')
    if any(turn["role"] == "system" for turn in asked.body["messages"]):
        return refusal(400, "System role not supported")
    return "ok"


def bad_key(asked: Asked) -> Raw:
    """Let nobody in."""
    return refusal(401, "Incorrect API key provided.")


def message(fields: dict[str, Any], usage: dict[str, int] | None = None) -> Raw:
    """A reply of chat completions that holds this message."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", **fields}}
    body = {"choices": [choice], "usage": usage or {"prompt_tokens": 9, "completion_tokens": 3}}
    return 200, {}, json.dumps(body)


def refusal(status: int, words: str, **further: Any) -> Raw:
    """An error of chat completions."""
    return status, {}, json.dumps({"error": {"message": words, **further}})


def score(asked: Asked) -> int:
    """A score from what was asked."""
    return _number(asked) % 5 + 1


def good_text(asked: Asked) -> str:
    """What a teacher is to write: a review where it is asked for one."""
    return f"Read. [{score(asked)}]" if is_review(asked) else f"It is so. Answer: {_number(asked) % 10**9}"


def is_review(asked: Asked) -> bool:
    """Whether a review is asked for."""
    return "square brackets" in asked.text


def _number(asked: Asked) -> int:
    return int(hashlib.sha256((asked.path + asked.text).encode()).hexdigest(), 16)


@dataclass
class OutOfCredit:
    """A server whose account pays for so many calls."""

    calls: int
    paid: int = 0

    def __call__(self, asked: Asked) -> str | Raw:
        """Answer while there is credit."""
        if self.paid >= self.calls:
            return refusal(402, "Insufficient credits")
        self.paid += 1
        return "ok"


SERVERS: dict[str, Script] = {
    "chunks": chunks,
    "thinks": thinks,
    "tags": writes_tags,
    "json": as_json,
    "xml": as_xml,
    "error-in-200": error_in_200,
    "wait-in-body": wait_in_body,
    "refuses-parameters": refuses_parameters,
    "bad-key": bad_key,
    "well": well,
}


@dataclass
class Provider:
    """Serves in a thread of its own while its context is open."""

    script: Script = well
    delay: float = 0.0
    retry_after: str = "0"
    asked: list[Asked] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    most: int = 0
    most_at: Counter[str] = field(default_factory=Counter)  # by path
    flying: Counter[str] = field(default_factory=Counter)
    url: str = ""
    tries: Counter[bytes] = field(default_factory=Counter)

    async def serve(self) -> asyncio.Server:
        """Listen on a free port."""
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return server

    def __enter__(self) -> "Provider":
        self._loop, ready = asyncio.new_event_loop(), threading.Event()

        async def run() -> None:
            self._end = asyncio.Event()
            server = await self.serve()
            ready.set()
            await self._end.wait()
            server.close()

        self._thread = threading.Thread(target=self._run, args=(run,))
        self._thread.start()
        ready.wait()
        return self

    def _run(self, run: Callable[[], Any]) -> None:
        self._loop.run_until_complete(run())
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.01))
        self._loop.close()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: request after request."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                path = head[0].split()[1]
                if path == "/counts":
                    _answer(writer, 200, {}, json.dumps({"asked": len(self.times), "most": self.most}))
                    continue
                self.flying[path] += 1
                try:
                    going = await self._reply(path, headers, body, reader, writer)
                finally:
                    self.flying[path] -= 1
                if not going:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client went away
        finally:
            writer.close()

    async def _reply(
        self,
        path: str,
        headers: dict[str, str],
        body: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        """Whether the connection goes on."""
        self.times.append(time.monotonic())
        name = hashlib.sha256(path.encode() + body).digest()
        self.tries[name] += 1
        key = headers.get("authorization", "").removeprefix("Bearer ") or headers.get("x-api-key", "")
        asked = Asked(path, json.loads(body), key, self.tries[name], headers)
        self.asked.append(asked)
        said = self.script(asked)
        if said == "hang":
            await reader.read(1)  # until the client goes
            return False
        await asyncio.sleep(self.delay or 0.001)
        # Before one leaves they are the most. Who hung up doesn't count.
        self.most = max(self.most, self.flying.total())
        self.most_at[path] = max(self.most_at[path], self.flying[path])
        if said == "reset":
            writer.transport.abort()
            return False
        if isinstance(said, Streamed):
            return await _stream(reader, writer, said)
        if isinstance(said, tuple):
            _answer(writer, *said)
        elif said == "429":
            _answer(writer, 429, {"retry-after": self.retry_after}, '{"error": {"message": "slow down"}}')
        elif said == "500":
            _answer(writer, 500, {"retry-after": "0"}, '{"error": {"message": "overloaded"}}')
        else:
            text = _say(said, asked)
            _answer(writer, 200, {}, text[: len(text) // 2] if said == "truncated" else text)
        return True


def _answer(writer: asyncio.StreamWriter, status: int, headers: dict[str, str], body: str) -> None:
    lines = {"content-type": "application/json", "content-length": str(len(body.encode())), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    writer.write(f"HTTP/1.1 {status} Said\r\n{head}\r\n{body}".encode())


async def _stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, streamed: Streamed) -> bool:
    """Send the events as they come; whether the connection goes on."""
    writer.write(b"HTTP/1.1 200 Said\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    for event in streamed.events:
        await asyncio.sleep(streamed.pause)
        content = f"data: {event}\n\n".encode()
        writer.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
        await writer.drain()
    if streamed.end == "hang":
        await reader.read(1)  # until the client goes
    if streamed.end == "reset":
        writer.transport.abort()
    if streamed.end == "closed":
        writer.write(b"0\r\n\r\n")
    return streamed.end == "closed"


def _say(word: str, asked: Asked) -> str:
    """The reply in the wire format that was asked in; an unknown word is the text itself."""
    good = good_text(asked)
    text = {"ok": good, "truncated": good, "empty": "", "refusal": "I can't help.", "cut_off": "It i"}.get(word, word)
    if asked.path.endswith("/messages"):
        stop = {"refusal": "refusal", "cut_off": "max_tokens"}.get(word, "end_turn")
        said: dict[str, Any] = {
            "id": "m",
            "type": "message",
            "role": "assistant",
            "model": asked.body["model"],
            "content": [{"type": "text", "text": text}],
            "stop_reason": stop,
            "usage": {"input_tokens": 9, "output_tokens": 3},
        }
    else:
        prompt = asked.body.get("prompt")
        prompt_tokens = len(prompt) if isinstance(prompt, list) else 9
        refusal = {"content": None, "refusal": text} if word == "refusal" else {"content": text}
        said = {
            "id": "c",
            "object": "chat.completion",
            "created": 1,
            "model": asked.body["model"],
            "choices": [
                {
                    "index": 0,
                    "text": text,
                    "message": {"role": "assistant", **refusal},
                    "finish_reason": {"cut_off": "length", "filtered": "content_filter"}.get(word, "stop"),
                }
            ],
            "usage": {"prompt_tokens": prompt_tokens, "completion_tokens": 3, "total_tokens": prompt_tokens + 3},
        }
    return json.dumps(said)


@contextmanager
def in_a_process(delay: float) -> Iterator[str]:
    """The address of a provider in a process of its own, as benchmarks need one."""
    command = [sys.executable, "-m", "tests.provider", "--delay", str(delay)]
    root = Path(__file__).parents[1]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


def main() -> None:
    """Serve until standard input ends."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--delay", type=float, default=0.0)
    arguments.add_argument("--failing", type=float, default=0.0, help="this share fails at random")
    arguments.add_argument("--seed", type=int, default=0)
    given = arguments.parse_args()
    provider = Provider(failing(given.failing, given.seed) if given.failing else well, given.delay)

    async def run() -> None:
        async with await provider.serve():
            print(provider.url, flush=True)
            await asyncio.to_thread(sys.stdin.read)

    asyncio.run(run())


if __name__ == "__main__":
    main()
