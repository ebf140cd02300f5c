"""What every served model shares: calls in flight up to a limit, tries and the waits between them, the key kept hidden.

    model = OpenAIModel("gpt-4o-mini", key="sk-…", limits=Limits(concurrency=32))
    the server says 429 twice   -> Completion("k1", "290 / 2 = 145", Finish.OK, latency_s=0.8)
    it says 500 five times      -> Completion("k1", "", Finish.FAILED, "tried 5 times, the last: HTTP 500: overloaded")
    it says 401                 -> Completion("k1", "", Finish.FAILED, "HTTP 401: Incorrect API key provided: [key]")

The official SDKs send and check what comes back; the retries are ours, so that each try passes the limits. The next
request is taken when a slot is free. Of a reply only what is read of it must be there: servers differ in the rest.
"""

import asyncio
import logging
import ssl
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from types import ModuleType
from typing import Any, ClassVar, NamedTuple

import httpx2
import pydantic
from aiolimiter import AsyncLimiter
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from mapd.models.base import Completion, Finish, Limits, Request, split_thought

TRIES = 5
BACKOFF = wait_exponential_jitter(initial=1, max=30, jitter=1)
LONGEST_WAIT_S = 60.0  # whatever a server asks for
CONNECT_S = 10.0
AGAIN = (408, 409, 429)  # and 5xx
LONGEST_ERROR = 300
SENT = frozenset(  # the headers that a server gets which isn't the provider's own
    (
        "accept",
        "accept-encoding",
        "anthropic-version",
        "connection",
        "content-length",
        "content-type",
        "host",
        "transfer-encoding",
        "user-agent",
    )
)

for _name in ("openai", "anthropic", "httpx2", "httpcore2"):  # what they log may hold headers, hence the key
    logging.getLogger(_name).setLevel(logging.CRITICAL)


class CallFault(Exception):  # noqa: N818 - what a try ended in; it never leaves this module
    """A try that gave no reply: what happened, whether to try `again`, and the wait that the server asks for."""

    def __init__(self, what: str, again: bool, wait_s: float | None = None) -> None:
        super().__init__(what)
        self.again, self.wait_s = again, wait_s


class Reply(NamedTuple):
    """What a provider's reply says."""

    text: str
    finish: Finish
    tokens_in: int | None = None
    tokens_out: int | None = None
    error: str | None = None
    thought: str | None = None  # where the provider gives it apart from the text


class ServedModel(ABC):
    """The protocol `Model` on a provider's API; a subclass says how one call is sent and read."""

    sdk: ClassVar[ModuleType]  # the official one; they name their errors alike
    home: ClassVar[str]  # where the provider itself is

    def __init__(
        self, name: str, *, base_url: str | None = None, key: str | None = None, limits: Limits, tries: int = TRIES
    ) -> None:
        self.name, self.base_url, self.limits, self.tries = name, base_url or self.home, limits, tries
        self._key = key

    @abstractmethod
    def _client(self) -> AbstractAsyncContextManager[Any]:
        """The SDK's client, of this event loop."""

    @abstractmethod
    async def _send(self, client: Any, request: Request) -> bytes:
        """One try: the reply's body."""

    @abstractmethod
    def _read(self, body: bytes) -> Reply:
        """Raises: pydantic.ValidationError where it is no reply."""

    async def generate(self, requests: AsyncIterable[Request]) -> AsyncIterator[Completion]:
        """Complete every request, as many at once as the limits allow."""
        done: asyncio.Queue[Completion | None] = asyncio.Queue()
        coming, turn = aiter(requests), asyncio.Lock()
        rate = self.limits.per_minute
        limiter = AsyncLimiter(1, 60 / rate) if rate else None  # evenly: a burst would be twice the rate at first

        async def work(client: Any) -> None:
            try:
                while True:
                    async with turn:
                        request = await anext(coming, None)
                    if request is None:
                        return
                    done.put_nowait(await self._complete(client, limiter, request))
            finally:
                done.put_nowait(None)

        async with self._client() as client:
            workers = [asyncio.create_task(work(client)) for _ in range(self.limits.concurrency)]
            try:
                for _ in workers:
                    while (completion := await done.get()) is not None:
                        yield completion
                await asyncio.gather(*workers)  # a fault of the caller's own stream is the caller's
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)

    async def _complete(self, client: Any, limiter: AsyncLimiter | None, request: Request) -> Completion:
        tries = AsyncRetrying(
            stop=stop_after_attempt(self.tries),
            wait=_wait,
            retry=retry_if_exception(lambda error: isinstance(error, CallFault) and error.again),
            reraise=True,
        )
        try:
            completion: Completion = await tries(self._try, client, limiter, request)
        except CallFault as fault:
            count = tries.statistics["attempt_number"]
            reason = f"tried {count} times, the last: {fault}" if count > 1 else str(fault)
            completion = Completion(request.key, "", Finish.FAILED, reason)
        return self._without_key(completion)

    async def _try(self, client: Any, limiter: AsyncLimiter | None, request: Request) -> Completion:
        """Send it once. All that an SDK raises, and all that can't be read, is said here as a CallFault."""
        if limiter is not None:
            await limiter.acquire()
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self.limits.timeout_s):
                reply = self._read(await self._send(client, request))
        except (TimeoutError, self.sdk.APITimeoutError) as error:
            raise CallFault(f"no answer within {self.limits.timeout_s:g} s", again=True) from error
        except self.sdk.APIStatusError as error:
            raise _refusal(error.response) from error
        except self.sdk.APIConnectionError as error:
            cause = error.__cause__ or error
            raise CallFault(f"the connection failed ({str(cause) or type(cause).__name__})", again=True) from error
        except pydantic.ValidationError as error:
            raise CallFault(f"the reply can't be read ({error.errors()[0]['msg']})", again=True) from error
        latency = round(time.perf_counter() - started, 4)
        completion = Completion(
            request.key,
            reply.text,
            reply.finish,
            reply.error,
            reply.tokens_in,
            reply.tokens_out,
            latency,
            reply.thought,
        )
        return split_thought(completion)

    async def _post(self, client: Any, path: str, body: Mapping[str, Any]) -> bytes:
        """The SDK's own way to what it has no words for: its typed methods go over each message three times."""
        response: httpx2.Response = await client.post(path, cast_to=httpx2.Response, body=body)
        return response.content

    def _http(self) -> httpx2.AsyncClient:
        """A connection for each call in flight. A redirect is an error: the key is for the address that was given."""
        at_once = self.limits.concurrency
        return httpx2.AsyncClient(
            limits=httpx2.Limits(max_connections=at_once, max_keepalive_connections=at_once),
            timeout=self._timeout(),
            follow_redirects=False,
            verify=_certificates(),
            event_hooks={"request": [self._keep_headers]},
        )

    async def _keep_headers(self, request: httpx2.Request) -> None:
        """Leave out what the SDK adds of its own provider's from the environment, where another server is asked.

        An organisation, a project, or the headers of OPENAI_CUSTOM_HEADERS, which may hold a secret.
        """
        if request.url.host == httpx2.URL(self.home).host:
            return
        credentials = (self._key, f"Bearer {self._key or 'none'}")  # whichever header the SDK puts them into
        for name, value in request.headers.items():
            if name not in SENT and not name.startswith("x-stainless-") and value not in credentials:
                del request.headers[name]
        request.headers.setdefault("authorization", credentials[1])

    def _timeout(self) -> httpx2.Timeout:
        seconds = self.limits.timeout_s
        return httpx2.Timeout(seconds, connect=min(CONNECT_S, seconds))

    def _without_key(self, completion: Completion) -> Completion:
        """A server may send the key back; here it ends."""
        hidden = self._hidden
        error = completion.error and " ".join(hidden(completion.error).split())[:LONGEST_ERROR]
        thought, reply = (
            completion.thought and hidden(completion.thought),
            completion.reply and hidden(completion.reply),
        )
        return replace(completion, text=hidden(completion.text), error=error, thought=thought, reply=reply)

    def _hidden(self, text: str) -> str:
        return text.replace(self._key, "[key]") if self._key else text


@cache
def _certificates() -> ssl.SSLContext:
    """Read once: a tenth of a second."""
    return httpx2.create_ssl_context()


def finish_of(text: str, *, refused: bool, cut_off: bool) -> Finish:
    """How a call ended, from what its provider says of it."""
    if refused:
        return Finish.REFUSED
    if cut_off:
        return Finish.CUT_OFF
    return Finish.OK if text.strip() else Finish.EMPTY


def _wait(state: RetryCallState) -> float:
    """What the server asked for, or longer with each try."""
    fault = state.outcome.exception() if state.outcome else None
    asked = fault.wait_s if isinstance(fault, CallFault) else None
    return BACKOFF(state) if asked is None else asked


def _refusal(response: httpx2.Response) -> CallFault:
    """A reply whose status is not 200. An account without credit answers 429 for ever: that is not tried again."""
    status, said = response.status_code, _said(response)
    again = (status in AGAIN or status >= 500) and "insufficient_quota" not in response.text
    return CallFault(f"HTTP {status}: {said}", again, _asked_wait(response.headers))


def _said(response: httpx2.Response) -> str:
    """The server's own words: of {"error": {"message": …}} the message, else all of it."""
    try:
        found = response.json()
    except ValueError:
        found = None
    for name in ("error", "message", "detail"):
        if isinstance(found, Mapping) and name in found:
            found = found[name]
    return found if isinstance(found, str) else response.text or response.reason_phrase


def _asked_wait(headers: Mapping[str, str]) -> float | None:
    """The seconds of `retry-after`: a number, or a date; None where there is none that can be read."""
    value = headers.get("retry-after", "")
    try:
        seconds = float(value)
    except ValueError:
        try:
            date = parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - datetime.now(UTC).timestamp()
    return min(max(seconds, 0.0), LONGEST_WAIT_S) if seconds == seconds else None  # "nan" is a number, too
