"""What refusals of real servers mean, and what they teach of the form of a request."""

import json
from typing import Any

import pytest

from mapd.models import forms
from mapd.models.base import FaultKind, Message
from mapd.models.openai import OpenAIModel
from mapd.models.refusals import read_error, read_refusal


def error(message: str, **further: Any) -> str:
    return json.dumps({"error": {"message": message, **further}})


NESTED = error("Provider returned error", code=400, metadata={"raw": error("the inner words"), "provider_name": "x"})
PER_DAY = json.dumps(
    {
        "error": {
            "code": 429,
            "message": "You exceeded your current quota.",
            "details": [{"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}],
        }
    }
)
PER_MINUTE = PER_DAY.replace("PerDay", "PerMinute")


@pytest.mark.parametrize(
    ("status", "body", "words", "fault"),
    [
        (401, error("Incorrect API key provided: sk-1"), "Incorrect API key provided: sk-1", FaultKind.KEY),
        (403, error("no access"), "no access", FaultKind.KEY),
        (400, error("API key not valid. Please pass a valid API key."), None, FaultKind.KEY),
        (404, error("The model `gpt-9` does not exist"), "The model `gpt-9` does not exist", FaultKind.MODEL),
        (400, error("gpt-9 is not a valid model ID"), None, FaultKind.MODEL),
        (307, "", "Temporary Redirect", FaultKind.MODEL),
        (402, error("Insufficient credits"), "Insufficient credits", FaultKind.CREDIT),
        (429, error("You exceeded your current quota", code="insufficient_quota"), None, FaultKind.CREDIT),
        (400, error("Your credit balance is too low to access the Anthropic API."), None, FaultKind.CREDIT),
        (429, PER_DAY, "You exceeded your current quota.", FaultKind.QUOTA),
        (429, PER_MINUTE, "You exceeded your current quota.", FaultKind.BUSY),
        (429, error("Rate limit exceeded: free-models-per-day. Add 10 credits"), None, FaultKind.QUOTA),
        (429, error("… on requests per day (RPD): Limit 200"), None, FaultKind.QUOTA),
        (429, error("… on tokens per min (TPM): Limit 200"), None, FaultKind.BUSY),
        (500, error("oops"), "oops", FaultKind.BUSY),
        (
            529,
            json.dumps({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
            "Overloaded",
            FaultKind.BUSY,
        ),
        (403, error("Project `p` does not have access to model `m`", code="model_not_found"), None, FaultKind.MODEL),
        (400, error("Unable to access non-serverless model m.", code="model_not_available"), None, FaultKind.MODEL),
        (400, error("The model `m` has been decommissioned and is no longer supported."), None, FaultKind.MODEL),
        (
            400,
            error("It does not work with the specified model, m. Please choose different model"),
            None,
            FaultKind.MODEL,
        ),
        (429, error("Credit limit exceeded, please navigate to …"), None, FaultKind.CREDIT),
        (400, error("Budget has been exceeded! Current cost: 10.2, Max budget: 10.0"), None, FaultKind.CREDIT),
        (403, '{"error": "Your newly created team doesn\'t have any credits yet."}', None, FaultKind.CREDIT),
        (403, error("The free tier of the model has been exhausted."), None, FaultKind.CREDIT),
        (429, error("Your account m is suspended, please check your plan"), None, FaultKind.CREDIT),
        (429, error("余额不足或无可用资源包,请充值。", code="1113"), None, FaultKind.CREDIT),
        (
            400,
            error("You have reached your specified API usage limits. You will regain access on …"),
            None,
            FaultKind.QUOTA,
        ),
        (429, error("Rate limit of 150 exceeded. Please wait 27000 seconds before retrying."), None, FaultKind.QUOTA),
        (400, error("This organization has been disabled."), None, FaultKind.KEY),
        (
            422,
            '{"detail": [{"msg": "no", "input": {"content": "His daily credit balance is too low"}}]}',
            None,
            FaultKind.OTHER,
        ),
        (
            400,
            '[{"error":{"code":400,"message":"Invalid JSON payload received."}}]',
            "Invalid JSON payload received.",
            FaultKind.OTHER,
        ),
        (400, '{"error": "just words"}', "just words", FaultKind.OTHER),
        (400, '{"message": "top words"}', "top words", FaultKind.OTHER),
        (
            422,
            '{"detail":[{"loc":["body","top_k"],"msg":"Extra inputs are not permitted"}]}',
            "body.top_k: Extra inputs are not permitted",
            FaultKind.OTHER,
        ),
        (400, NESTED, "the inner words", FaultKind.OTHER),
        (400, error(error("within a text")), "within a text", FaultKind.OTHER),
        (
            502,
            "<html><head><title>502 Bad Gateway</title></head><body><center>nginx</center></body></html>",
            "502 Bad Gateway",
            FaultKind.BUSY,
        ),
        (
            503,
            "<!DOCTYPE html><html><body><style>p {}</style><p>Back   soon &amp; well</p></body></html>",
            "Back soon & well",
            FaultKind.BUSY,
        ),
        (500, "", "Internal Server Error", FaultKind.BUSY),
        (400, "[" * 100_000, None, FaultKind.OTHER),
    ],
)
def test_a_refusal_is_said_in_the_servers_own_words(
    status: int, body: str, words: str | None, fault: FaultKind
) -> None:
    reasons = {307: "Temporary Redirect", 500: "Internal Server Error"}
    refusal = read_refusal(status, {}, body, reasons.get(status, ""))
    assert refusal.fault is fault
    if words is not None:
        assert refusal.words == words


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (
            {"error": {"message": "Provider returned error", "code": 429, "metadata": {"raw": "Too Many Requests"}}},
            429,
            "Too Many Requests",
        ),
        ({"choices": [{"message": {"content": None}}], "error": {"message": "x", "code": "402"}}, 402, "x"),
        ({"choices": [{"message": {"content": ""}, "error": {"message": "y", "code": 502}}]}, 502, "y"),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, 529, "Overloaded"),
        ({"error": {"message": "z", "code": "rate_limit_exceeded"}}, 429, "z"),
        ({"error": "no number"}, 0, "no number"),
        ({"base_resp": {"status_code": 1004, "status_msg": "login fail"}}, 0, "login fail"),
        ([{"error": {"message": "in a list", "code": 503}}], 503, "in a list"),
    ],
)
def test_an_error_within_a_reply_has_its_own_status(content: Any, status: int, words: str) -> None:
    refusal = read_error(content, {})
    assert refusal is not None
    assert (refusal.status, refusal.words) == (status, words)
    assert refusal.in_words == f"HTTP 200 with {f'error {status}' if status else 'an error'}: {words}"


@pytest.mark.parametrize(
    "content",
    [
        {"choices": [{"message": {"content": "x"}}], "error": None},
        {"choices": [{"message": {}}], "error": {}},
        {},
        [],
        None,
        5,
    ],
)
def test_a_reply_without_an_error_has_none(content: Any) -> None:
    assert read_error(content, {}) is None


BODY = {
    "model": "m",
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "1 + 1?"}],
    "max_tokens": 64,
    "temperature": 0.3,
    "top_p": 0.9,
    "seed": 5,
    "top_k": 40,
}
EXTRA = (
    "[{'type': 'extra_forbidden', 'loc': ('body', 'max_completion_tokens'), 'msg': 'Extra inputs are not permitted'}]"
)


def learned(status: int, body: str, sent: dict[str, Any] | None = None) -> dict[str, str | None]:
    return forms.learn(read_refusal(status, {}, body), sent or BODY, {}, swaps=OpenAIModel.swaps, has_system=True)


@pytest.mark.parametrize(
    ("status", "body", "lesson"),
    [
        (
            400,
            error(
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' "
                "instead.",
                param="max_tokens",
                code="unsupported_parameter",
            ),
            {"max_tokens": "max_completion_tokens"},
        ),
        (
            400,
            error(
                "Unsupported value: 'temperature' does not support 0.3 with this model. Only the default (1) value is "
                "supported.",
                param="temperature",
                code="unsupported_value",
            ),
            {"temperature": None},
        ),
        (400, error('Invalid JSON payload received. Unknown name "seed": Cannot find field.'), {"seed": None}),
        (
            422,
            '{"detail":[{"type":"extra_forbidden","loc":["body","top_k"],"msg":"Extra inputs are not permitted"}]}',
            {"top_k": None},
        ),
        (400, error("temperature: Extra inputs are not permitted"), {"temperature": None}),
        (400, error("`temperature` and `top_p` cannot both be specified for this model."), {"top_p": None}),
        (400, error("`temperature` is deprecated for this model."), {"temperature": None}),
        (400, error("property 'seed' is unsupported"), {"seed": None}),
        (400, error("Unrecognized request argument supplied: top_k"), {"top_k": None}),
        (400, '{"code":"invalid","error":"Argument not supported on this model: topP"}', {"top_p": None}),
        (400, error("System role not supported"), {"system": "user"}),
        (400, error("Conversation roles must alternate user/assistant/user/assistant/..."), {"system": "user"}),
        (400, error("Developer instruction is not enabled for models/gemma-3-27b-it"), {"system": "user"}),
        (
            400,
            error(
                "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
                param="messages[0].role",
            ),
            {"system": "user"},
        ),
        (500, error("System role not supported"), {"system": "user"}),
        (500, error("Jinja Exception: Only user and assistant roles are supported!"), {"system": "user"}),
        (400, error("messages[0].role: 'system' is not one of ['user', 'assistant']"), {"system": "user"}),
        (400, error('messages: Unexpected role "system".'), {"system": "user"}),
        (
            422,
            '{"detail":[{"loc":["body","messages",0,"role"],"msg":"Input should be \'user\' or \'assistant\'"}]}',
            {"system": "user"},
        ),
        (400, error("property 'top_k' is unsupported, did you mean 'top_p'?"), {"top_k": None}),
        (400, error("'temperature' is not supported. Use 'top_p' instead."), {"temperature": None}),
        (400, error("invalid temperature: only 1 is allowed for this model"), {"temperature": None}),
        (400, error("`top_k` must be unset when thinking is enabled."), {"top_k": None}),
        (
            400,
            error("does not support parameters: {'temperature': 0.3, 'seed': 5}"),
            {"temperature": None, "seed": None},
        ),
        # a value that is wrong is a person's to set, and a prompt that is too long is no setting
        (400, error("max_tokens is too large: 100000. This model supports at most 16384 completion tokens"), {}),
        (400, error("temperature: Input should be less than or equal to 1", param="temperature"), {}),
        (400, error("This model's maximum context length is 4096 tokens. However, you requested 5000 tokens"), {}),
        (400, error("The model `m` is not supported"), {}),
        (400, error("parameter.enable_thinking must be set to false for non-streaming calls"), {}),
        (500, error("temperature is not supported"), {}),
        (401, error("Unsupported parameter: temperature"), {}),
    ],
)
def test_what_a_refusal_teaches(status: int, body: str, lesson: dict[str, str | None]) -> None:
    assert learned(status, body) == lesson


@pytest.mark.parametrize(
    "body",
    [
        '{"detail":[{"loc":["body","max_completion_tokens"],"msg":"Extra inputs are not permitted"}]}',
        json.dumps({"object": "error", "message": EXTRA, "code": 422}),
        '{"message": "Extra inputs are not permitted"}',
    ],
)
def test_the_new_name_of_the_token_limit_may_be_the_one_that_is_refused(body: str) -> None:
    sent = {("max_completion_tokens" if name == "max_tokens" else name): value for name, value in BODY.items()}
    assert learned(422, body, sent) == {"max_tokens": "max_tokens"}


def test_model_and_messages_are_never_left_out() -> None:
    for name in ("model", "messages"):
        assert learned(400, error(f"Unsupported parameter: {name}", param=name)) == {}


def test_a_form_is_followed_and_said() -> None:
    form = {"temperature": None, "max_tokens": "max_completion_tokens", "system": "user"}
    adapted = forms.adapt(BODY, form)
    assert adapted == {k: v for k, v in BODY.items() if k not in ("temperature", "max_tokens")} | {
        "max_completion_tokens": 64
    }
    assert forms.place_system([Message("system", "Be brief."), Message("user", "1 + 1?")], form) == (
        Message("user", "Be brief.\n\n1 + 1?"),
    )
    assert forms.describe(form) == [
        "max_tokens is sent as max_completion_tokens",
        "a system role isn't taken by this model: its text stands in front of the question",
        "temperature isn't taken by this model: left out",
    ]
