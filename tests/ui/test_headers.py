"""The policy lets the app reach its own host alone."""

import pytest

from mapd.ui.headers import content_security_policy


def test_the_socket_of_this_host_is_allowed():
    assert "connect-src 'self' ws://127.0.0.1:8501 wss://127.0.0.1:8501;" in content_security_policy("127.0.0.1:8501")
    assert "ws://[::1]:8501" in content_security_policy("[::1]:8501")


@pytest.mark.parametrize("host", ["", "a b", "x; script-src *", "x'"])
def test_a_strange_host_adds_nothing(host):
    assert "connect-src 'self';" in content_security_policy(host)


def test_inline_scripts_run_by_hash_alone():
    scripts = content_security_policy("x").split("script-src ")[1].split(";")[0]
    assert "'sha256-" in scripts
    assert "unsafe" not in scripts
