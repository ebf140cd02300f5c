"""How long a server asks to wait, in each form that servers are known to use."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from mapd.models.refusals import read_asked_wait

NOW = datetime(2026, 11, 29, 9, 0, 0, tzinfo=UTC)
GEMINI = (
    '{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"You exceeded your current quota, please check your '
    'plan and billing details.\\nPlease retry in 38.601658672s.","details":[{"@type":"type.googleapis.com/google.rpc.'
    'RetryInfo","retryDelay":"38.601s"}]}}'
)


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"retry-after": "0"}, "", 0),
        ({"retry-after": "0.25"}, "", 0.25),
        ({"retry-after": "7200"}, "", 7200),
        ({"retry-after": "-3"}, "", 0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, "", 0),
        ({"retry-after": format_datetime(NOW + timedelta(seconds=30), usegmt=True)}, "", 30),
        ({"retry-after-ms": "250", "retry-after": "1"}, "", 0.25),
        ({"retry-after": "2m"}, "", 120),
        ({"x-ratelimit-reset-requests": "1m30s"}, "", 90),
        ({"x-ratelimit-reset-tokens": "20ms"}, "", 0.02),
        ({"x-ratelimit-reset-tokens": "6m0s"}, "", 360),
        ({"x-ratelimit-reset-requests": "12.5"}, "", 12.5),
        ({"x-ratelimit-reset": str(int(NOW.timestamp()) + 20)}, "", 20),
        ({"x-ratelimit-reset": str((int(NOW.timestamp()) + 20) * 1000)}, "", 20),
        ({"anthropic-ratelimit-tokens-reset": "2026-11-29T09:00:42Z"}, "", 42),
        ({"anthropic-ratelimit-requests-reset": "2026-11-29T09:00:42+00:00"}, "", 42),
        # the limit that is used up decides, and where none says so the longest
        (
            {
                "x-ratelimit-reset-requests": "8m",
                "x-ratelimit-remaining-requests": "99",
                "x-ratelimit-reset-tokens": "3s",
                "x-ratelimit-remaining-tokens": "0",
            },
            "",
            3,
        ),
        ({"x-ratelimit-reset-requests": "8s", "x-ratelimit-reset-tokens": "3s"}, "", 8),
        ({"retry-after": "1", "x-ratelimit-reset-tokens": "9s"}, "Please retry in 5s", 1),
        ({}, GEMINI, 38.601),
        ({}, "Please retry in 38.601658672s.", 38.601658672),
        ({}, "Rate limit reached … Please try again in 20s. Visit …", 20),
        ({}, "Please try again in 7m12s.", 432),
        ({}, "Please try again in 820ms.", 0.82),
        ({}, "Retry after 2 seconds", 2),
        ({}, "please wait 1 minute", 60),
        ({}, '{"error": {"message": "slow", "retry_after": 3}}', 3),
        ({}, '{"error": {"message": "slow", "retry_after": "3s"}}', 3),
        ({}, '{"error": {"retryAfterMs": 1500}}', 1.5),
        ({}, '{"error": {"message": "{\\"details\\": [{\\"retryDelay\\": \\"12s\\"}]}"}}', 12),
        ({}, '{"error": {"metadata": {"headers": {"X-RateLimit-Reset": "1795942842000"}}}}', 42),
        ({}, "Retry your request after 1.2 seconds.", 1.2),
        ({}, "Your limit will reset in 2 minutes.", 120),
        ({"x-rate-limit-reset": "30"}, "", 30),
        ({"ratelimit": '"default";r=0;t=30'}, "", 30),
        ({"ratelimit": "limit=100, remaining=0, reset=30"}, "", 30),
        ({"x-ms-retry-after-ms": "400"}, "", 0.4),
        ({"x-retry-after": "4"}, "", 4),
        ({"retry-after": "soon"}, "", None),
        ({"retry-after": "nan"}, "", None),
        ({}, "slow down", None),
        ({}, "", None),
    ],
)
def test_a_wait_is_read_in_any_form(headers: dict[str, str], body: str, seconds: float | None) -> None:
    wait = read_asked_wait(headers, body, NOW)
    assert wait is None if seconds is None else wait == pytest.approx(seconds)
