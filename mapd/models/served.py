"""The base of every served model: calls in flight up to a limit, tries and the waits between them, the key hidden.

    model = OpenAIModel("gpt-4o-mini", key="sk-…", limits=Limits(concurrency=32))
    the server says 429 twice   -> Completion("k1", "290 / 2 = 145", Finish.OK, latency_s=0.8)
    it says 500 five times      -> Completion("k1", "", Finish.FAILED, "tried 5 times, the last: HTTP 500: overloaded")
    it says 401                 -> Completion("k1", "", Finish.FAILED, "HTTP 401: Incorrect API key provided: [key]")

The official SDKs send; the retries are ours, so that each try passes the limits.
"""

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field, replace
from functools import cache
from types import ModuleType
from typing import Any, ClassVar

import httpx2
from aiolimiter import AsyncLimiter
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from mapd.models import forms
from mapd.models.base import CONNECTION_HEADERS, Completion, FaultKind, Finish, Limits, Request, split_thought
from mapd.models.gate import Gate
from mapd.models.refusals import QUOTA_WAIT_S, ServerRefusal, read_error, read_refusal
from mapd.models.replies import Reply, load

TRIES = 5
BACKOFF = wait_exponential_jitter(initial=1, max=30, jitter=1)
# The longest wait between two tries, whatever a server asks for.
LONGEST_WAIT_S = 60.0
CONNECT_S = 10.0
# Of one client: its pool looks at each of its connections before and behind each call.
CONNECTIONS = 16
# Calls that fail one behind the other: then the server is taken for down.
IN_A_ROW = 10
# Calls that a server refuses, or answers with what is no reply, before it took any: then none will succeed.
REFUSED_AT_FIRST = 3
LONGEST_ERROR = 300
# Characters of a header's value that is cut out of replies: a shorter one may be a word of the text.
SHORTEST_SECRET = 8
# The headers that a server gets which isn't the provider's own.
SENT = CONNECTION_HEADERS | {"anthropic-version"}

# Read once: it takes a tenth of a second.
_certificates = cache(httpx2.create_ssl_context)
# What these libraries log may hold headers, and so the key.
for _name in ("openai", "anthropic", "httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


class CallFault(Exception):  # noqa: N818 - what a try ended in; it never leaves `ServedModel._complete`
    """A try that gave no reply: what happened, of what kind it is, and whether to try `is_retried` behind `wait_s`.

    `refusal`: the server's answer, where there was one.
    """

    def __init__(
        self,
        message: str,
        fault: FaultKind,
        is_retried: bool = False,
        wait_s: float | None = None,
        refusal: ServerRefusal | None = None,
    ) -> None:
        super().__init__(message)
        self.fault, self.is_retried, self.wait_s, self.refusal = fault, is_retried, wait_s, refusal


@dataclass
class _Call:
    """One request on its way: its tries, what they were billed, and the shapes in which it was sent."""

    request: Request
    tries: int = 0
    unreadable: int = 0
    tokens_in: int | None = None
    tokens_out: int | None = None
    latency_s: float | None = None  # of the latest try
    shapes: set[frozenset[str]] = field(default_factory=set)

    def bill(self, tokens_in: int | None, tokens_out: int | None) -> None:
        """Add what a try was billed, as far as it is told."""
        if tokens_in is not None:
            self.tokens_in = (self.tokens_in or 0) + tokens_in
        if tokens_out is not None:
            self.tokens_out = (self.tokens_out or 0) + tokens_out


class ServedModel(ABC):
    """The protocol `Model` on a provider's API; a subclass says how one call is sent and read."""

    # The official one; they name their errors alike.
    sdk: ClassVar[ModuleType]
    client: ClassVar[type[Any]]
    client_options: ClassVar[Mapping[str, Any]] = {}
    home: ClassVar[str]  # where the provider itself is
    path: ClassVar[str]  # of a call
    # The fields of this API that have another name at some servers.
    swaps: ClassVar[Mapping[str, str]] = {}

    def __init__(
        self,
        name: str,
        *,
        base_url: str | None = None,
        key: str | None = None,
        limits: Limits,
        tries: int = TRIES,
        fields: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        form: forms.RequestForm | None = None,
        keep_form: Callable[[forms.RequestForm], None] = lambda _: None,
    ) -> None:
        """Make the model. `fields`, `headers`: what is sent beside the rest. `form`: what was learned of its server.

        `keep_form` is called, in a thread, with a form that the server has taken after it had refused another one.
        """
        self.name, self.base_url, self.limits, self.tries = name, base_url or self.home, limits, tries
        self.fields, self.headers = dict(fields or {}), {n.lower(): value for n, value in (headers or {}).items()}
        self.form = self._kept_form = dict(form or {})
        self._key, self._keep_form = key, keep_form
        # Whether the server has taken a call; whether it will take none any more.
        self._took_one = self._ended = False
        # Calls that failed, and calls that were refused, since one was answered.
        self._in_a_row = self._refused = 0
        # Until then, by the monotonic clock, the server asked to wait: no call is sent.
        self._resume_at = 0.0

    @abstractmethod
    def _body(self, request: Request) -> dict[str, Any]:
        """Return what is sent for a request in the usual form; what is None isn't sent."""

    @abstractmethod
    def _read(self, content: Any) -> Reply:
        """Read a reply's JSON; what is no reply has the fault `unreadable`, and the reason."""

    async def generate(self, requests: AsyncIterable[Request]) -> AsyncGenerator[Completion, None]:
        """Complete every request, as many at once as the limits allow; behind a lasting fault take none any more."""
        completions: asyncio.Queue[Completion | None] = asyncio.Queue()
        gate = Gate(requests, self._took_one)
        rate = self.limits.per_minute
        # One call per interval, evenly: a burst of a whole minute's calls would be twice the rate at first.
        limiter = AsyncLimiter(1, 60 / rate) if rate else None

        async def work(client: Any) -> None:
            try:
                while not self._ended and (request := await gate.take()) is not None:
                    completions.put_nowait(await self._complete(client, limiter, request, gate))
                    await self._keep_what_was_learned()
            finally:
                gate.free.set()
                completions.put_nowait(None)

        # The clients are of this event loop.
        async with AsyncExitStack() as stack:
            at_once = self.limits.concurrency
            sizes = [min(CONNECTIONS, at_once - start) for start in range(0, at_once, CONNECTIONS)]
            clients = [(await stack.enter_async_context(self._client(size)), size) for size in sizes]
            workers = [asyncio.create_task(work(client)) for client, size in clients for _ in range(size)]
            try:
                for _ in workers:
                    while (completion := await completions.get()) is not None:
                        yield completion
                # A fault of the caller's own stream is raised to the caller.
                await asyncio.gather(*workers)
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)

    async def ask_beside(self, path: str, body: Mapping[str, Any]) -> Any:
        """Return the JSON of a route that the server has beside its /v1; None where it has none, or fails."""
        address = f"{self.base_url.rstrip('/').removesuffix('/v1')}{path}"
        async with self._client(1) as client:
            try:
                async with asyncio.timeout(self.limits.timeout_s):
                    response = await client.post(address, cast_to=httpx2.Response, body=dict(body))
            except (TimeoutError, self.sdk.APIError):
                return None
        return load(_text(response))

    async def _complete(self, client: Any, limiter: AsyncLimiter | None, request: Request, gate: Gate) -> Completion:
        call = _Call(request)

        def is_tried_again(error: BaseException) -> bool:
            # A reply that can't be read was billed all the same, so it is tried once more at most.
            call.unreadable += isinstance(error, CallFault) and error.fault is FaultKind.UNREADABLE
            return isinstance(error, CallFault) and error.is_retried and not self._ended and call.unreadable < 2

        tries = AsyncRetrying(
            stop=stop_after_attempt(self.tries), wait=_wait, retry=retry_if_exception(is_tried_again), reraise=True
        )
        try:
            reply: Reply = await tries(self._try, client, limiter, call, gate)
        except CallFault as error:
            reply = self._failed(call, error)
        if self._ended:
            gate.shut()
        gate.free.set()
        counts = (call.tokens_in, call.tokens_out, call.latency_s, reply.thought or None, reply.fault)
        completion = Completion(request.key, reply.text, reply.finish, reply.error, *counts)
        return self._without_secrets(split_thought(completion))

    def _failed(self, call: _Call, error: CallFault) -> Reply:
        """Return what a call's last fault comes to, and note whether every further call will meet it."""
        reason = f"tried {call.tries} times, the last: {error}" if call.tries > 1 else str(error)
        if error.refusal is not None and error.refusal.is_filtered:
            return Reply("", Finish.REFUSED, error=reason)
        self._in_a_row += 1
        self._refused += error.fault in (FaultKind.OTHER, FaultKind.UNREADABLE) and not self._took_one
        call.latency_s, fault = None, error.fault
        if not fault.lasting and (self._in_a_row >= IN_A_ROW or self._refused >= REFUSED_AT_FIRST):
            fault, reason = FaultKind.DOWN, f"{self._in_a_row} calls in a row failed, the last: {error}"
        self._ended = self._ended or fault.lasting
        return Reply("", Finish.FAILED, error=reason, fault=fault)

    async def _try(self, client: Any, limiter: AsyncLimiter | None, call: _Call, gate: Gate) -> Reply:
        """Send it once, and at once again in another form where the server refuses its form."""
        call.tries += 1
        while True:
            form = dict(self.form)
            body = self._body_in(form, call.request)
            try:
                reply = await self._exchange(client, limiter, call, body)
            except CallFault as error:
                # Another form of the same request is no further try: the first was refused, not failed.
                if self._learn(call, error.refusal, body, form):
                    continue
                if error.fault in (FaultKind.BUSY, FaultKind.TIMEOUT, FaultKind.UNREADABLE):
                    # Such a fault says nothing of the form, and may last: the others need not wait for it.
                    gate.open()
                refusal = error.refusal
                if refusal is not None and error.fault is FaultKind.OTHER and forms.is_of_setting(refusal, body):
                    error.fault = FaultKind.PARAMETER
                raise
            self._took_one, self._in_a_row, self._refused = True, 0, 0
            gate.open()
            return reply

    def _learn(
        self, call: _Call, refusal: ServerRefusal | None, body: Mapping[str, Any], form: forms.RequestForm
    ) -> bool:
        """Note what a refusal teaches of the form; whether there is one in which the call wasn't sent yet."""
        # A shape that was sent once is not sent again: two lessons that undo each other would go on for ever.
        call.shapes.add(forms.describe_shape(body))
        if refusal is None or refusal.fault in (FaultKind.KEY, FaultKind.CREDIT, FaultKind.QUOTA):
            return False
        has_system = any(message.role == forms.SYSTEM for message in call.request.messages)
        lessons = forms.learn(refusal, body, form, swaps=self.swaps, has_system=has_system)
        learned = {**self.form, **lessons}
        if not lessons or forms.describe_shape(self._body_in(learned, call.request)) in call.shapes:
            return False
        self.form = learned
        return True

    def _body_in(self, form: forms.RequestForm, request: Request) -> dict[str, Any]:
        body = self._body(replace(request, messages=forms.place_system(request.messages, form)))
        return forms.adapt(self.fields | {name: value for name, value in body.items() if value is not None}, form)

    async def _keep_what_was_learned(self) -> None:
        if self._took_one and self.form != self._kept_form:
            self._kept_form = dict(self.form)
            await asyncio.to_thread(self._keep_form, self._kept_form)

    async def _exchange(self, client: Any, limiter: AsyncLimiter | None, call: _Call, body: Mapping[str, Any]) -> Reply:
        """Send a body and read the reply. All that an SDK raises, and all that can't be read, is a CallFault."""
        if limiter is not None:
            await limiter.acquire()
        while (wait := self._resume_at - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        started = time.perf_counter()
        try:
            response = await self._post(client, call.request.key, body)
        except (TimeoutError, self.sdk.APITimeoutError) as error:
            raise CallFault(
                f"no answer within {self.limits.timeout_s:g} s", FaultKind.TIMEOUT, is_retried=True
            ) from error
        except self.sdk.APIStatusError as error:
            response = error.response
            words, reason = _text(response), response.reason_phrase
            raise self._refused_by(read_refusal(response.status_code, response.headers, words, reason)) from error
        except self.sdk.APIConnectionError as error:
            cause = error.__cause__ or error
            fault = FaultKind.CONNECTION if isinstance(cause, httpx2.ConnectError) else FaultKind.BUSY
            message = f"the connection failed ({str(cause) or type(cause).__name__})"
            raise CallFault(message, fault, is_retried=True) from error
        finally:
            call.latency_s = round(time.perf_counter() - started, 4)
        return self._understand(call, response)

    async def _post(self, client: Any, _key: str, body: Mapping[str, Any]) -> httpx2.Response:
        """Send the body of the request of this key; return the whole response. Raises: what the SDK does."""
        async with asyncio.timeout(self.limits.timeout_s):
            # The SDK's typed methods go over each message three times.
            response: httpx2.Response = await client.post(self.path, cast_to=httpx2.Response, body=body)
        return response

    def _understand(self, call: _Call, response: httpx2.Response) -> Reply:
        """Read what came with HTTP 200: an error goes before all else in it, and what was billed is counted."""
        body = _text(response)
        content = load(body)
        reply = self._read(content)
        call.bill(reply.tokens_in, reply.tokens_out)
        if (refusal := read_error(content, response.headers)) is not None:
            raise self._refused_by(refusal, is_billed=bool(reply.tokens_out))
        if reply.fault is not FaultKind.UNREADABLE:
            return reply
        # A reply that tells its tokens is paid for: asking again would pay twice for the same fault.
        is_billed = reply.tokens_out is not None
        paid = f", and {reply.tokens_out:,} tokens are billed: it isn't asked again" if is_billed else ""
        start = f": {' '.join(body.split())[:60]}" if body.strip() else ""
        message = f"the reply can't be read ({reply.error}{start}){paid}"
        raise CallFault(message, FaultKind.UNREADABLE, is_retried=not is_billed)

    def _refused_by(self, refusal: ServerRefusal, *, is_billed: bool = False) -> CallFault:
        """Return a refusal as a try's fault. Where the server asks to wait, all calls do."""
        words, wait_s = refusal.in_words, refusal.wait_s
        if refusal.fault is FaultKind.QUOTA:
            wait = f"it asks to wait {wait_s:,.0f} s" if (wait_s or 0) > QUOTA_WAIT_S else "a quota of a day or longer"
            words += f" ({wait}: not tried again)"
        elif refusal.fault is FaultKind.BUSY and wait_s is not None:
            if wait_s > LONGEST_WAIT_S:
                words += f" (it asks to wait {wait_s:,.0f} s; {LONGEST_WAIT_S:.0f} s is the longest wait)"
            wait_s = min(wait_s, LONGEST_WAIT_S)
            # All calls wait, not this one alone: the limit is the account's.
            self._resume_at = max(self._resume_at, time.monotonic() + wait_s)
        return CallFault(words, refusal.fault, refusal.fault is FaultKind.BUSY and not is_billed, wait_s, refusal)

    def _client(self, at_once: int) -> AbstractAsyncContextManager[Any]:
        """Return the SDK's client, with a connection for each of so many calls in flight."""
        seconds = self.limits.timeout_s
        timeout = httpx2.Timeout(seconds, connect=min(CONNECT_S, seconds))
        # No redirects: the key is for the address that was given, and would go along to another one.
        http = httpx2.AsyncClient(
            limits=httpx2.Limits(max_connections=at_once, max_keepalive_connections=at_once),
            timeout=timeout,
            follow_redirects=False,
            verify=_certificates(),
            event_hooks={"request": [self._keep_headers]},
        )
        client: AbstractAsyncContextManager[Any] = self.client(
            api_key=self._key or "none",  # a local server asks for none, the SDK does
            base_url=self.base_url,
            max_retries=0,
            timeout=timeout,
            http_client=http,
            default_headers=self.headers,
            **self.client_options,
        )
        return client

    async def _keep_headers(self, request: httpx2.Request) -> None:
        # The SDK takes headers from the environment for its own provider: another server must not get them.
        # An organisation, a project, or what OPENAI_CUSTOM_HEADERS holds: any of them may be a secret.
        if request.url.host == httpx2.URL(self.home).host:
            return
        # The key's own header stays, whichever the SDK puts it into.
        credentials = (self._key, f"Bearer {self._key or 'none'}")
        for name, value in request.headers.items():
            is_ours = name in SENT or name in self.headers or name.startswith("x-stainless-")
            if not is_ours and value not in credentials:
                del request.headers[name]
        request.headers.setdefault("authorization", credentials[1])

    def _without_secrets(self, completion: Completion) -> Completion:
        # A server may send the key and the headers' values back: they end here.
        error = completion.error and " ".join(self._hide(completion.error, 1).split())[:LONGEST_ERROR]
        thought = completion.thought and self._hide(completion.thought)
        reply = completion.reply and self._hide(completion.reply)
        return replace(completion, text=self._hide(completion.text), error=error, thought=thought, reply=reply)

    def _hide(self, text: str, shortest: int = SHORTEST_SECRET) -> str:
        for secret in (self._key, *self.headers.values()):
            if secret and len(secret) >= shortest:
                text = text.replace(secret, "[key]")
        return text


def _wait(state: RetryCallState) -> float:
    fault = state.outcome.exception() if state.outcome else None
    wait_s = fault.wait_s if isinstance(fault, CallFault) else None
    return BACKOFF(state) if wait_s is None else wait_s


def _text(response: httpx2.Response) -> str:
    return response.content.decode("utf-8-sig", errors="replace")
