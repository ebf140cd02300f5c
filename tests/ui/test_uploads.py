"""Who has no page with an uploader in front of them sends the server nothing to keep."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from mapd.ui.kit import uploads


@pytest.fixture(autouse=True)
def nobody() -> Iterator[None]:
    uploads.sessions.clear()
    yield
    uploads.sessions.clear()


def put(
    gate: uploads.UploadGate, session: str, size: str | None, *, prefix: str = "", method: str = "PUT"
) -> tuple[int, int]:
    """The status, and how often a part of the body was asked for."""
    status, reads = 0, 0

    async def receive() -> dict[str, Any]:
        nonlocal reads
        reads += 1
        return {"type": "http.request", "body": b"x" * 1000, "more_body": True}

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)

    headers = [] if size is None else [(b"content-length", size.encode())]
    path = f"{prefix}/_stcore/upload_file/{session}/file"
    asyncio.run(gate({"type": "http", "method": method, "path": path, "headers": headers}, receive, send))
    return status, reads


async def take(scope: Scope, receive: Receive, send: Send) -> None:
    """Streamlit, which reads what comes."""
    await receive()
    await send({"type": "http.response.start", "status": 204, "headers": []})


@pytest.mark.parametrize("prefix", ["", "/mapd", "/a/b"])
def test_a_tab_uploads_once_a_page_lets_it(prefix: str) -> None:
    gate = uploads.UploadGate(take)
    assert put(gate, "s1", "10", prefix=prefix) == (403, 0)
    uploads.sessions.add("s1")
    assert put(gate, "s1", "10", prefix=prefix) == (204, 1)
    assert put(gate, "s2", "10", prefix=prefix) == (403, 0)
    uploads.forbid("s1")
    assert put(gate, "s1", "10", prefix=prefix) == (403, 0)
    assert put(gate, "s1", None, prefix=prefix, method="DELETE") == (204, 1), "what is there may go"


def test_all_tabs_together_hold_so_much(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = uploads.UploadGate(take)
    uploads.sessions.add("s1")
    monkeypatch.setattr(uploads, "stored_bytes", lambda: uploads.MOST_BYTES - 100)
    assert put(gate, "s1", "100") == (204, 1)
    assert put(gate, "s1", "101") == (413, 0)
    monkeypatch.setattr(uploads, "stored_bytes", lambda: 0)
    for size in (None, "", "-1", "many", "1_0", "0x10"):
        assert put(gate, "s1", size) == (411, 0)


def test_what_is_on_its_way_counts() -> None:
    inner: list[int] = []

    async def ask_meanwhile(scope: Scope, receive: Receive, send: Send) -> None:
        inner.append(gate.incoming_bytes)
        assert gate._refusal("s1", str(uploads.MOST_BYTES)) is not None
        await take(scope, receive, send)

    gate = uploads.UploadGate(ask_meanwhile)
    uploads.sessions.add("s1")
    assert put(gate, "s1", "77") == (204, 1)
    assert (inner, gate.incoming_bytes) == ([77], 0)
