"""The policy lets the app reach its own host alone."""

import asyncio

import pytest
from starlette.responses import PlainTextResponse

from mapd.ui.kit import responses
from mapd.ui.kit.responses import content_security_policy


def test_the_socket_of_this_host_is_allowed():
    assert "connect-src 'self' ws://127.0.0.1:8501 wss://127.0.0.1:8501;" in content_security_policy("127.0.0.1:8501")
    assert "ws://[::1]:8501" in content_security_policy("[::1]:8501")


@pytest.mark.parametrize("host", ["", "a b", "x; script-src *", "x'"])
def test_a_strange_host_adds_nothing(host):
    assert "connect-src 'self';" in content_security_policy(host)


def test_no_inline_script_runs():
    assert "; script-src 'self'; " in content_security_policy("x")


async def answer(scope, receive, send):
    """Set a cookie, and another that keeps to TLS already."""
    response = PlainTextResponse("")
    response.set_cookie("_streamlit_user", "secure", path="/")
    response.set_cookie("other", "x", secure=True)
    await response(scope, receive, send)


@pytest.mark.parametrize(
    ("origin", "kept"), [("https://mapd.example.org", True), ("http://127.0.0.1:8501", False), (None, False)]
)
def test_where_people_sign_in_over_tls_no_cookie_leaves_it(monkeypatch, origin, kept):
    monkeypatch.setattr(responses, "get_origin_from_redirect_uri", lambda: origin)
    started = []

    async def send(message):
        started.append(message)

    asyncio.run(responses.SecurityHeaders(answer)({"type": "http", "headers": []}, None, send))
    cookies = [value.lower().count(b"; secure") for name, value in started[0]["headers"] if name == b"set-cookie"]
    assert cookies == [int(kept), 1]
