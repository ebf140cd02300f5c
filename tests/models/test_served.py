"""Served models against a real HTTP server on this machine, through the official SDKs."""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tenacity import wait_none

from mapd import teacher_prices
from mapd.models import anthropic, openai, served
from mapd.models.base import Completion, Finish, Limits, Message, Request, Sampling, stream
from mapd.models.served import ServedModel
from mapd.store import tables as t
from tests import provider
from tests.provider import Asked, Provider

KEY = "sk-planted-0123456789"
WIRES = ("openai", "anthropic")


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served, "BACKOFF", wait_none())


def model(wire: str, server: Provider, tries: int = served.TRIES, **limits: Any) -> ServedModel:
    where: dict[str, Any] = {"key": KEY, "limits": Limits(**limits), "tries": tries}
    if wire == "openai":
        return openai.OpenAIModel("m-1", base_url=server.url + "/v1", **where)
    return anthropic.AnthropicModel("m-1", base_url=server.url, **where)


BARE = Sampling(None, None, 64)


def requests(count: int, sampling: Sampling = BARE) -> list[Request]:
    return [
        Request(f"k{n}", (Message("system", "Be brief."), Message("user", f"{n} + 1?")), sampling) for n in range(count)
    ]


def ask(asked: ServedModel, wanted: list[Request]) -> dict[str, Completion]:
    async def run() -> list[Completion]:
        return [completion async for completion in asked.generate(stream(wanted))]

    found = asyncio.run(run())
    assert len(found) == len(wanted)
    return {completion.key: completion for completion in found}


def ask_one(asked: ServedModel, sampling: Sampling = BARE) -> Completion:
    return ask(asked, requests(1, sampling))["k0"]


@pytest.mark.parametrize("wire", WIRES)
def test_a_reply_is_read_with_its_tokens_and_time(wire: str) -> None:
    with Provider() as server:
        said = ask_one(model(wire, server))
    assert said.text.startswith("It is so. Answer: ")
    assert (said.finish, said.error, said.tokens_in, said.tokens_out) == (Finish.OK, None, 9, 3)
    assert said.latency_s
    assert server.asked[0].key == KEY


@pytest.mark.parametrize("wire", WIRES)
def test_only_what_is_set_is_sent(wire: str) -> None:
    with Provider() as server:
        ask_one(model(wire, server))
        ask_one(model(wire, server), Sampling(0.7, 0.9, 32, None if wire == "anthropic" else 5))
    bare, full = (asked.body for asked in server.asked)
    drawn = {"temperature", "top_p", "seed", "max_tokens", "max_completion_tokens"}
    assert {name: bare[name] for name in drawn & set(bare)} == {"max_tokens": 64}
    seed = {} if wire == "anthropic" else {"seed": 5}
    sent = {"temperature": 0.7, "top_p": 0.9, "max_tokens": 32} | seed
    assert {name: full[name] for name in drawn & set(full)} == sent
    user = {"role": "user", "content": "0 + 1?"}
    if wire == "anthropic":
        assert (bare["system"], bare["messages"]) == ("Be brief.", [user])
    else:
        assert bare["messages"] == [{"role": "system", "content": "Be brief."}, user]


@pytest.mark.parametrize(
    ("base_url", "name"),
    [
        (None, "max_completion_tokens"),
        ("https://eu.api.openai.com/v1", "max_completion_tokens"),
        ("http://127.0.0.1:8000/v1", "max_tokens"),
        ("https://api.mistral.ai/v1", "max_tokens"),
    ],
)
def test_the_longest_reply_has_the_name_that_the_server_knows(base_url: str | None, name: str) -> None:
    assert openai.OpenAIModel("m", base_url=base_url, limits=Limits())._longest == name


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    ("word", "finish", "text"),
    [
        ("cut_off", Finish.CUT_OFF, "It i"),
        ("refusal", Finish.REFUSED, "I can't help."),
        ("empty", Finish.EMPTY, ""),
        (" \n", Finish.EMPTY, " \n"),
    ],
)
def test_how_a_reply_ended(wire: str, word: str, finish: Finish, text: str) -> None:
    with Provider(lambda _: word) as server:
        said = ask_one(model(wire, server))
    assert (said.finish, said.text) == (finish, text)
    assert len(server.asked) == 1  # each is a reply


def test_a_content_filter_is_a_refusal() -> None:
    with Provider(lambda _: "filtered") as server:
        said = ask_one(model("openai", server))
    assert (said.finish, said.error) == (Finish.REFUSED, "the provider's content filter stopped it")


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("fault", ["429", "500", "hang", "reset"])
def test_what_may_pass_is_tried_again(wire: str, fault: str) -> None:
    with Provider(lambda asked: fault if asked.tries < 3 else "ok") as server:
        said = ask_one(model(wire, server, timeout_s=0.3))
    assert said.finish is Finish.OK
    assert len(server.asked) == 3


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    ("fault", "last"),
    [
        ("429", "HTTP 429: slow down"),
        ("500", "HTTP 500: overloaded"),
        ("hang", "no answer within 0.1 s"),
        ("reset", "the connection failed ("),
    ],
)
def test_after_five_tries_it_failed_and_says_why(wire: str, fault: str, last: str) -> None:
    with Provider(lambda _: fault) as server:
        said = ask_one(model(wire, server, timeout_s=0.1 if fault == "hang" else 10))
    assert said.finish is Finish.FAILED
    assert (said.error or "").startswith(f"tried 5 times, the last: {last}")
    assert "\n" not in (said.error or "")
    assert len(server.asked) == 5


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, '{"error": {"message": "temperature is\\nnot supported"}}', "HTTP 400: temperature is not supported"),
        (401, '{"error": {"message": "bad key"}}', "HTTP 401: bad key"),
        (403, '{"detail": "not yours"}', "HTTP 403: not yours"),
        (404, "<h1>nothing here</h1>", "HTTP 404: nothing here"),
        (307, "", "HTTP 307: Said"),
        (429, '{"error": {"message": "pay", "code": "insufficient_quota"}}', "HTTP 429: pay"),
    ],
)
def test_what_will_not_pass_fails_at_once(wire: str, status: int, body: str, error: str) -> None:
    headers = {"location": "http://127.0.0.1:9/v1"} if status == 307 else {}
    with Provider(lambda _: (status, headers, body)) as server:
        said = ask_one(model(wire, server))
    assert (said.finish, said.error) == (Finish.FAILED, error)
    assert len(server.asked) == 1


@pytest.mark.parametrize("body", ["{}", '{"choices": []}', '{"error": {"message": "no"}}', "[]", "<html>", ""])
def test_a_reply_that_is_none_is_tried_again(body: str) -> None:
    with Provider(lambda asked: (200, {}, body) if asked.tries == 1 else "ok") as server:
        assert ask_one(model("openai", server)).finish is Finish.OK
    assert len(server.asked) == 2


@pytest.mark.parametrize("wire", WIRES)
def test_what_cannot_be_read_is_paid_for_twice_at_most(wire: str) -> None:
    with Provider(lambda _: "truncated") as server:
        said = ask_one(model(wire, server))
    assert said.finish is Finish.FAILED
    assert (said.error or "").startswith("tried 2 times, the last: the reply can't be read (it is no JSON: {")
    assert len(server.asked) == 2


@pytest.mark.parametrize("wire", WIRES)
def test_what_cannot_be_read_and_tells_its_tokens_is_counted_and_not_paid_again(wire: str) -> None:
    usage = {"prompt_tokens": 30, "completion_tokens": 40, "input_tokens": 30, "output_tokens": 40}
    with Provider(lambda _: (200, {}, json.dumps({"id": "c", "usage": usage}))) as server:
        said = ask_one(model(wire, server))
    assert (said.finish, said.tokens_in, said.tokens_out) == (Finish.FAILED, 30, 40)
    assert "40 tokens are billed: it isn't asked again" in (said.error or "")
    assert len(server.asked) == 1


def test_nobody_listens() -> None:
    with Provider() as server:
        asked = model("openai", server, tries=1)
    said = ask_one(asked)
    assert said.finish is Finish.FAILED
    assert (said.error or "").startswith("the connection failed (")


# --- Waits and limits -------------------------------------------------------------------------------------------------


def test_it_waits_as_it_was_told() -> None:
    with Provider(lambda asked: "429" if asked.tries == 1 else "ok", retry_after="0.4") as server:
        ask_one(model("openai", server))
    first, second = server.times
    assert 0.4 <= second - first < 2


@pytest.mark.parametrize("wire", WIRES)
def test_so_many_are_in_flight_and_no_more(wire: str) -> None:
    with Provider(delay=0.02) as server:
        assert len(ask(model(wire, server, concurrency=7), requests(60))) == 60
    assert server.most == 7


def test_each_try_passes_the_limit_per_minute() -> None:
    with Provider(lambda asked: "429" if asked.tries == 1 else "ok") as server:
        ask(model("openai", server, per_minute=1200), requests(10))
    assert len(server.times) == 20
    assert server.times[-1] - server.times[0] > 0.75  # 50 ms apart as they leave; the first one may leave late


def test_a_request_is_taken_when_a_slot_is_free_and_the_stream_may_pause() -> None:
    taken, seen = list[str](), list[tuple[str, int]]()

    async def pausing() -> AsyncIterator[Request]:
        for number, request in enumerate(requests(6)):
            if number == 3:
                await asyncio.sleep(0.3)
            taken.append(request.key)
            yield request

    async def run(asked: ServedModel) -> None:
        async for completion in asked.generate(pausing()):
            seen.append((completion.key, len(taken)))

    with Provider(delay=0.02) as server:
        asyncio.run(run(model("openai", server, concurrency=2)))
    assert [key for key, _ in seen][:2] in (["k0", "k1"], ["k1", "k0"])
    assert all(count <= place + 1 + 2 for place, (_, count) in enumerate(seen))
    assert len(seen) == 6


def test_a_fault_of_the_callers_stream_is_the_callers() -> None:
    async def broken() -> AsyncIterator[Request]:
        yield requests(1)[0]
        raise LookupError("no more")

    async def run(asked: ServedModel) -> None:
        async for completion in asked.generate(broken()):
            found.append(completion.key)

    found = list[str]()
    with Provider(delay=0.05) as server, pytest.raises(LookupError, match="no more"):
        asyncio.run(run(model("openai", server, concurrency=4)))
    assert found == ["k0"]  # what was in flight came first


def test_leaving_cancels_what_is_in_flight() -> None:
    async def run(asked: ServedModel, server: Provider) -> None:
        replies = asked.generate(stream(requests(50)))
        assert (await anext(replies)).key
        await replies.aclose()  # type: ignore[attr-defined]
        await asyncio.sleep(0.1)
        assert server.flying.total() == 0

    def first_only(asked: Asked) -> str:
        return "ok" if len(server.asked) == 1 else "hang"

    with Provider(first_only) as server:
        asyncio.run(run(model("openai", server, concurrency=4), server))
    assert len(server.asked) <= 5


# --- The key ----------------------------------------------------------------------------------------------------------


def echoing(asked: Asked) -> str | tuple[int, dict[str, str], str]:
    """A hostile server: it sends the key back in whatever it says."""
    error = json.dumps({"error": {"message": f"{'x' * 290} Bearer {asked.key}, {asked.key}"}})
    said = (
        f"Your key is {asked.key}. [4]",
        (401, {}, error),
        (500, {"retry-after": "0"}, error),
        (404, {}, asked.key),
    )
    return said[int(asked.text[0]) % 4]


@pytest.mark.parametrize("wire", WIRES)
def test_the_key_ends_here(wire: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    with caplog.at_level(logging.DEBUG), Provider(echoing) as server:
        found = ask(model(wire, server), requests(4))
    assert {asked.key for asked in server.asked} == {KEY}
    assert found["k0"].text == "Your key is [key]. [4]"
    assert KEY[:12] not in repr(found) + caplog.text + "".join(capsys.readouterr())


# --- Many calls, a bad day --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wire", WIRES)
def test_on_a_bad_day_every_request_gets_its_outcome_and_the_limit_holds(wire: str) -> None:
    with Provider(provider.failing(0.4, seed=3), delay=0.005) as server:
        found = ask(model(wire, server, concurrency=16, timeout_s=0.5), requests(150))
    ended = Counter(completion.finish for completion in found.values())
    assert ended[Finish.OK] > 100
    assert ended.total() == 150
    assert all((c.error is None) == (c.finish is not Finish.FAILED) for c in found.values())
    assert server.most <= 16
    assert len(server.asked) > 150


# --- Prices -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "price"),
    [
        (("openai", None, "gpt-4o-mini", 1000, 500), 0.00045),
        (("openai", "https://api.mistral.ai/v1", "mistral-small-latest", 1000, 500), 0.00045),
        (("anthropic", None, "claude-sonnet-4-5", 1000, 500), 0.0105),
        (("openai", "http://127.0.0.1:8000/v1", "gpt-4o-mini", 1000, 500), None),
        (("openai", None, "no-such-model", 1000, 500), None),
        (("openai", None, "gpt-4o-mini", None, 500), None),
        (("local", None, "gpt-4o-mini", 1000, 500), None),
    ],
)
def test_a_price_is_known_or_none(given: Any, price: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*_: Any, **__: Any) -> None:
        raise AssertionError("a price is looked up on this machine")

    monkeypatch.setattr("socket.socket.connect", no_network)
    kind, base_url, model, *tokens = given
    teacher = t.Teacher(name="mini", kind=kind, base_url=base_url, model=model)
    assert teacher_prices.cost_usd(teacher, *tokens) == pytest.approx(price)
