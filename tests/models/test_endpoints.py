"""Replies and refusals as real servers send them (cases of area C), over HTTP, each with its right value."""

import asyncio
import json
from typing import Any

import pytest
from tenacity import wait_none

from mapd.models import served
from mapd.models.anthropic import AnthropicModel
from mapd.models.base import Completion, FaultKind, Finish, Limits, Message, Request, Sampling, stream
from mapd.models.openai import OpenAIModel
from tests.models.test_served import ask, ask_one, model, requests
from tests.provider import Asked, Provider

WIRES = ("openai", "anthropic")
USAGE = {"prompt_tokens": 30, "completion_tokens": 40}


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served, "BACKOFF", wait_none())


def reply(message: dict[str, Any], finish: Any = "stop", usage: Any = USAGE, **further: Any) -> str:
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", **message}}
    return json.dumps({"choices": [choice], "usage": usage, **further})


def block_reply(blocks: list[dict[str, Any]], stop: Any = "end_turn", usage: Any = None) -> str:
    usage = usage or {"input_tokens": 30, "output_tokens": 40}
    return json.dumps({"type": "message", "content": blocks, "stop_reason": stop, "usage": usage})


def answer(wire: str, body: str) -> Completion:
    """The completion that a reply comes to, after one request."""
    with Provider(lambda _: (200, {}, body)) as server:
        completion = ask_one(model(wire, server))
    assert len(server.asked) == 1, "each request is billed"
    return completion


TEXT = "9 + 9 = 18. Answer: 18"


@pytest.mark.parametrize(
    ("message", "thought"),
    [
        (
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "Half is 9 …"}]},
                    {"type": "text", "text": TEXT},
                ]
            },
            "Half is 9 …",
        ),
        ({"content": [{"type": "text", "text": TEXT[:7]}, {"type": "text", "text": TEXT[7:]}]}, None),
        ({"content": [{"type": "hologram", "data": [1]}, 7, None, {"type": "text", "text": TEXT}]}, None),
        ({"content": [{"type": "output_text", "text": TEXT, "annotations": []}]}, None),
        ({"content": TEXT, "reasoning_content": "Half is 9 …"}, "Half is 9 …"),
        ({"content": TEXT, "reasoning": "Half is 9 …"}, "Half is 9 …"),
        ({"content": TEXT, "thinking": "Half is 9 …"}, "Half is 9 …"),
        ({"content": TEXT, "reasoning_details": [{"type": "reasoning.text", "text": "Half is 9 …"}]}, "Half is 9 …"),
        ({"content": TEXT, "reasoning_details": [{"type": "reasoning.summary", "summary": "Half."}]}, "Half."),
        ({"content": TEXT, "reasoning_details": [{"type": "reasoning.encrypted", "data": "x9"}]}, None),
        ({"content": TEXT, "reasoning": None, "audio": None, "annotations": [], "tool_calls": None}, None),
    ],
)
def test_a_text_is_read_and_its_thought_apart(message: dict[str, Any], thought: str | None) -> None:
    completion = answer("openai", reply(message))
    assert (completion.text, completion.thought, completion.finish) == (TEXT, thought, Finish.OK)
    assert (completion.tokens_in, completion.tokens_out, completion.error) == (30, 40, None)


def test_blocks_of_thoughts_stand_apart() -> None:
    blocks = [
        {"type": "thinking", "thinking": "Half is 9 …", "signature": "abc"},
        {"type": "redacted_thinking", "data": "x9"},
        {"type": "text", "text": TEXT},
    ]
    completion = answer("anthropic", block_reply(blocks))
    assert (completion.text, completion.thought, completion.finish) == (TEXT, "Half is 9 …", Finish.OK)


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
@pytest.mark.parametrize("content", [None, "", [], "missing"])
def test_a_thought_without_a_text_is_empty_and_says_why(field: str, content: Any) -> None:
    message = {field: TEXT} | ({} if content == "missing" else {"content": content})
    usage = {"prompt_tokens": 30, "completion_tokens": 12}
    completion = answer("openai", reply(message, usage=usage))
    assert (completion.finish, completion.text, completion.thought) == (Finish.EMPTY, "", TEXT)
    reason = f"12 tokens went into {field}: the server's reasoning parser, or max_tokens too small"
    assert completion.error == reason
    cut_off = answer("openai", reply(message, "length", usage))
    assert (cut_off.finish, cut_off.error) == (Finish.CUT_OFF, f"12 tokens went into {field}: raise max_tokens")


def test_thoughts_that_are_not_shown_are_named_too() -> None:
    usage = USAGE | {"completion_tokens_details": {"reasoning_tokens": 40}}
    completion = answer("openai", reply({"content": ""}, "length", usage))
    assert (completion.finish, completion.error) == (Finish.CUT_OFF, "40 tokens went into reasoning: raise max_tokens")
    blocks = [{"type": "redacted_thinking", "data": "x9"}]
    completion = answer("anthropic", block_reply(blocks, "max_tokens"))
    assert (completion.finish, completion.error) == (Finish.CUT_OFF, "40 tokens went into thinking: raise max_tokens")


@pytest.mark.parametrize(
    ("finish_reason", "content", "finish"),
    [
        ("stop", TEXT, Finish.OK),
        ("STOP", TEXT, Finish.OK),
        ("eos_token", TEXT, Finish.OK),
        ("FinishReason.STOP", TEXT, Finish.OK),
        ("length", TEXT, Finish.CUT_OFF),
        ("MAX_TOKENS", TEXT, Finish.CUT_OFF),
        ("model_length", TEXT, Finish.CUT_OFF),
        ("model_context_window_exceeded", TEXT, Finish.CUT_OFF),
        (None, TEXT, Finish.UNKNOWN),
        ("insufficient_system_resource", TEXT, Finish.UNKNOWN),
        ("tool_calls", TEXT, Finish.UNKNOWN),
        (7, TEXT, Finish.UNKNOWN),
        ("content_filter", None, Finish.REFUSED),
        ("content_filter: PROHIBITED_CONTENT", None, Finish.REFUSED),
        ("sensitive", None, Finish.REFUSED),
        (None, None, Finish.EMPTY),
        ("stop", None, Finish.EMPTY),
    ],
)
def test_the_reason_to_end_is_known_as_whole_or_not(finish_reason: Any, content: Any, finish: Finish) -> None:
    completion = answer("openai", reply({"content": content}, finish_reason))
    assert completion.finish is finish
    assert (completion.error is None) == (finish in (Finish.OK, Finish.CUT_OFF, Finish.EMPTY))


@pytest.mark.parametrize(
    ("stop", "finish"),
    [
        ("end_turn", Finish.OK),
        ("stop_sequence", Finish.OK),
        ("max_tokens", Finish.CUT_OFF),
        ("model_context_window_exceeded", Finish.CUT_OFF),
        ("refusal", Finish.REFUSED),
        ("pause_turn", Finish.UNKNOWN),
        (None, Finish.UNKNOWN),
    ],
)
def test_the_reason_to_stop_is_known_as_whole_or_not(stop: Any, finish: Finish) -> None:
    assert answer("anthropic", block_reply([{"type": "text", "text": TEXT}], stop)).finish is finish


def test_a_tool_call_is_no_text() -> None:
    completion = answer("openai", reply({"content": None, "tool_calls": [{"id": "1"}]}, "tool_calls"))
    assert (completion.finish, completion.error) == (Finish.EMPTY, "it called a tool instead of writing a text")
    completion = answer("openai", reply({"content": None}, "MALFORMED_FUNCTION_CALL"))
    assert (completion.finish, completion.error) == (Finish.EMPTY, "it ended for 'malformed_function_call'")


@pytest.mark.parametrize("usage", [None, "n/a", [], {"prompt_tokens": "30"}, {"prompt_tokens": float("inf")}])
def test_a_usage_that_is_none_is_not_known(usage: Any) -> None:
    completion = answer("openai", reply({"content": TEXT}, usage=usage))
    assert (completion.text, completion.tokens_in, completion.tokens_out) == (TEXT, None, None)


def test_what_is_billed_holds_thoughts_and_caches() -> None:
    usage = {"prompt_tokens": 30, "completion_tokens": 40, "total_tokens": 570}  # 500 of a thought, in the total alone
    assert answer("openai", reply({"content": TEXT}, usage=usage)).tokens_out == 540
    cached = {"input_tokens": 30, "cache_creation_input_tokens": 5, "cache_read_input_tokens": 7, "output_tokens": 40}
    assert answer("anthropic", block_reply([{"type": "text", "text": TEXT}], usage=cached)).tokens_in == 42


# --- Errors within HTTP 200 -------------------------------------------------------------------------------------------

A = {
    "id": None,
    "choices": None,
    "usage": None,
    "error": {
        "message": "Provider returned error",
        "code": 429,
        "metadata": {"raw": "Too Many Requests", "provider_name": "Hyperbolic"},
    },
}
B = {
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": None}}],
    "usage": {"prompt_tokens": 0, "completion_tokens": 0},
    "error": {"message": "Provider returned error", "code": 429, "metadata": {"raw": "error code: 1015"}},
}
C = {"error": {"message": "Insufficient credits", "code": 402}}


@pytest.mark.parametrize(("body", "words"), [(A, "Too Many Requests"), (B, "error code: 1015")])
def test_an_error_in_a_reply_is_tried_again_as_its_code_says(body: dict[str, Any], words: str) -> None:
    with Provider(lambda asked: (200, {}, json.dumps(body)) if asked.tries < 3 else "ok") as server:
        assert ask_one(model("openai", server)).finish is Finish.OK
    assert len(server.asked) == 3
    with Provider(lambda _: (200, {}, json.dumps(body))) as server:
        completion = ask_one(model("openai", server))
    assert completion.error == f"tried 5 times, the last: HTTP 200 with error 429: {words}"
    assert (completion.finish, completion.fault) == (Finish.FAILED, FaultKind.BUSY)


def test_no_credit_within_a_reply_is_not_tried_again() -> None:
    completion = answer("openai", json.dumps(C))
    assert (completion.finish, completion.fault) == (Finish.FAILED, FaultKind.CREDIT)
    assert completion.error == "HTTP 200 with error 402: Insufficient credits"


def test_what_a_failed_reply_was_billed_is_counted() -> None:
    body = B | {"usage": USAGE}
    completion = answer("openai", json.dumps(body))  # billed: not tried again
    assert (completion.finish, completion.tokens_in, completion.tokens_out) == (Finish.FAILED, 30, 40)


# --- Waits ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    ("headers", "words"),
    [({}, "Please retry in 0.4s."), ({"retry-after-ms": "400"}, "slow"), ({"x-ratelimit-reset-requests": "400ms"}, "")],
)
def test_it_waits_as_the_server_says(wire: str, headers: dict[str, str], words: str) -> None:
    body = json.dumps({"error": {"code": 429, "message": words}})
    with Provider(lambda asked: (429, headers, body) if asked.tries == 1 else "ok") as server:
        assert ask_one(model(wire, server)).finish is Finish.OK
    first, second = server.times
    assert second - first >= 0.4


def test_while_it_waits_nothing_is_sent() -> None:
    def busy(asked: Asked) -> Any:
        return (429, {"retry-after": "0.5"}, "") if len(server.asked) == 1 else "ok"

    with Provider(busy) as server:
        assert len(ask(model("openai", server, concurrency=8), requests(20))) == 20
    assert len(server.asked) == 21
    assert server.times[1] - server.times[0] >= 0.5


def test_a_wait_that_is_too_long_is_bounded_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served, "LONGEST_WAIT_S", 0.01)
    with Provider(lambda _: (429, {"retry-after": "600"}, "")) as server:
        completion = ask_one(model("openai", server, tries=2))
    assert "it asks to wait 600 s; 0 s is the longest wait" in (completion.error or "")


def test_a_quota_of_a_day_is_not_tried_again() -> None:
    details = [{"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}]
    body = json.dumps({"error": {"code": 429, "message": "Please retry in 9s.", "details": details}})
    with Provider(lambda _: (429, {}, body)) as server:
        completion = ask_one(model("openai", server))
    assert (len(server.asked), completion.fault) == (1, FaultKind.QUOTA)
    assert "a quota of a day or longer: not tried again" in (completion.error or "")


# --- Forms ------------------------------------------------------------------------------------------------------------


def picky(asked: Asked) -> Any:
    """Take neither max_tokens nor a temperature nor a system role, one refusal at a time."""
    if "max_tokens" in asked.body:
        words = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'."
        return 400, {}, json.dumps({"error": {"message": words, "param": "max_tokens"}})
    if "temperature" in asked.body:
        words = "Unsupported value: 'temperature' does not support 0.3. Only the default (1) value is supported."
        return 400, {}, json.dumps({"error": {"message": words, "param": "temperature"}})
    if any(message["role"] == "system" for message in asked.body["messages"]):
        return 400, {}, json.dumps({"error": {"message": "System role not supported"}})
    return "ok"


def test_a_form_that_is_refused_is_learned_once_and_kept() -> None:
    kept: list[dict[str, Any]] = []
    sampling = Sampling(0.3, None, 64)
    with Provider(picky) as server:
        where: dict[str, Any] = {"base_url": server.url + "/v1", "limits": Limits(concurrency=8)}
        learning = OpenAIModel("m", keep_form=lambda form: kept.append(dict(form)), **where)
        found = ask(learning, requests(20, sampling))
        assert {completion.finish for completion in found.values()} == {Finish.OK}
        assert len(server.asked) == 20 + 3, "the first call goes alone: three refusals in all"
        assert kept == [{"max_tokens": "max_completion_tokens", "temperature": None, "system": "user"}]
        ask(OpenAIModel("m", form=kept[0], **where), requests(5, sampling))
        assert len(server.asked) == 23 + 5
    last = server.asked[-1].body
    assert last["messages"][0]["content"].startswith("Be brief.\n\n")
    assert (last["max_completion_tokens"], "temperature" in last) == (64, False)


def test_what_no_form_mends_ends_the_work() -> None:
    def neither(asked: Asked) -> Any:
        name = next(name for name in asked.body if name.startswith("max_"))
        return 400, {}, json.dumps({"error": {"message": f"Unsupported parameter: '{name}'", "param": name}})

    with Provider(neither) as server:
        completion = ask_one(model("openai", server, concurrency=8))
    assert (completion.finish, completion.fault) == (Finish.FAILED, FaultKind.PARAMETER)
    assert len(server.asked) == 2


def test_an_anthropic_server_that_takes_no_temperature() -> None:
    def refusing(asked: Asked) -> Any:
        words = "`temperature` is deprecated for this model."
        return (400, {}, json.dumps({"error": {"message": words}})) if "temperature" in asked.body else "ok"

    with Provider(refusing) as server:
        learning = AnthropicModel("m", base_url=server.url, limits=Limits(concurrency=4))
        assert {c.finish for c in ask(learning, requests(10, Sampling(0.3, None, 64))).values()} == {Finish.OK}
    assert len(server.asked) == 11


# --- What every call would meet ---------------------------------------------------------------------------------------


def some(asked: Any, count: int) -> list[Completion]:
    """The completions of a model that may end before its requests do."""

    async def run() -> list[Completion]:
        return [completion async for completion in asked.generate(stream(requests(count)))]

    return asyncio.run(run())


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    ("status", "message", "fault"),
    [
        (401, "bad key", FaultKind.KEY),
        (404, "no such model", FaultKind.MODEL),
        (402, "no credit", FaultKind.CREDIT),
        (400, "parameter.enable_thinking must be set to false for non-streaming calls", FaultKind.PARAMETER),
    ],
)
def test_behind_a_lasting_fault_nothing_is_sent(wire: str, status: int, message: str, fault: FaultKind) -> None:
    with Provider(lambda _: (status, {}, json.dumps({"error": {"message": message}}))) as server:
        asked = model(wire, server, concurrency=8)
        (completion,) = some(asked, 50)
        assert some(asked, 50) == []
    assert (completion.fault, completion.error) == (fault, f"HTTP {status}: {message}")
    assert len(server.asked) == 1


def test_credit_that_runs_out_costs_what_is_in_flight_and_no_more() -> None:
    def running_out(asked: Asked) -> Any:
        return (
            "ok" if len(server.asked) <= 10 else (402, {}, json.dumps({"error": {"message": "Insufficient credits"}}))
        )

    with Provider(running_out, delay=0.02) as server:
        found = some(model("openai", server, concurrency=4), 50)
    ended = [completion.finish for completion in found]
    assert ended.count(Finish.OK) == 10
    assert 1 <= ended.count(Finish.FAILED) <= 4
    assert len(server.asked) == len(found)


def test_nobody_listens_and_nothing_further_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with Provider() as server:
        asked = model("openai", server, concurrency=8)
    (completion,) = some(asked, 50)
    assert completion.fault is FaultKind.CONNECTION
    assert (completion.error or "").startswith("tried 5 times, the last: the connection failed (")


def test_a_server_that_is_down_is_left_alone_after_ten_calls() -> None:
    with Provider(lambda _: "500") as server:
        found = some(model("openai", server, concurrency=1), 50)
    assert (len(found), len(server.asked)) == (10, 50)
    assert found[-1].fault is FaultKind.DOWN
    assert found[-1].error == "10 calls in a row failed, the last: HTTP 500: overloaded"


def test_an_address_that_is_a_web_page_is_left_alone_after_three_calls() -> None:
    page = "<!doctype html><html><head><title>Sign in</title></head></html>"
    with Provider(lambda _: (200, {"content-type": "text/html"}, page)) as server:
        found = some(model("openai", server, concurrency=1), 50)
    assert (len(found), len(server.asked)) == (3, 6)
    assert found[-1].fault is FaultKind.DOWN


def test_a_filter_that_refuses_one_prompt_ends_nothing() -> None:
    words = "The response was filtered due to the prompt triggering Azure OpenAI's content management policy."
    refusal = (400, {}, json.dumps({"error": {"message": words, "code": "content_filter"}}))
    with Provider(lambda asked: refusal if asked.text.startswith("0") else "ok") as server:
        found = ask(model("openai", server), requests(5))
    assert [found[f"k{n}"].finish for n in range(5)] == [Finish.REFUSED, *[Finish.OK] * 4]


# --- Further fields and headers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [OpenAIModel, AnthropicModel])
def test_further_fields_and_headers_are_sent_and_never_shown(kind: Any) -> None:
    fields = {"top_k": 5, "chat_template_kwargs": {"enable_thinking": False}}
    with Provider(lambda asked: f"I saw {asked.headers['x-team']}.") as server:
        asked = kind("m", base_url=server.url, limits=Limits(), fields=fields, headers={"X-Team": "secret-team-9"})
        completion = ask(asked, [Request("k0", (Message("user", "1 + 1?"),), Sampling(None, None, 64))])["k0"]
    sent = server.asked[0]
    assert {name: sent.body[name] for name in fields} == fields
    assert sent.headers["x-team"] == "secret-team-9"
    assert completion.text == "I saw [key]."
