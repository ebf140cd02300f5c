"""The gate before streamlit: it refuses requests by host, origin, path and sign-in.

    app = st.App("app.py", middleware=[responses.SECURITY_HEADERS, gate.GATE])

    GET /                     Host: evil.org                      400: a name that somebody rebound to this address
    WS  /_stcore/stream       Origin: http://localhost:3000       403: streamlit would accept any port of localhost
    PUT /_stcore/upload_file  no owner's cookie                   403
    GET /_stcore/metrics                                          404

docs/security.md lists what is open to whom, and why.
"""

import json
from collections.abc import Mapping
from enum import Enum, auto
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import sqlalchemy as sa
import streamlit as st
from google.protobuf.message import DecodeError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.auth_util import get_cookie_with_chunks, get_origin_from_redirect_uri
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME
from streamlit.web.server.starlette.starlette_websocket import is_host_allowed

from mapd.errors import MapdError
from mapd.people import Person, Right, may
from mapd.store import sign_ins
from mapd.ui.kit import context, scripts, sign_in

SOCKET_PATH = "_stcore/stream"
# What the page requests before it can show the sign-in.
OPEN_PATHS = ("_stcore/health", "_stcore/host-config")
SIGN_IN_PATHS, SIGN_OUT_PATH = ("auth/login", "oauth2callback"), "auth/logout"
UPLOAD_PATH, MEDIA_PATH = "_stcore/upload_file/", "media/"
# Statistics of the server, an API for agents, files of components.
CLOSED_PATHS = ("_stcore/", "component/", "app/static/")
SAFE_METHODS = ("GET", "HEAD")
# Not: clear_cache, load_git_info …
PAGE_MESSAGES = ("rerun_script", "stop_script", "app_heartbeat", "file_urls_request")
# Signing in needs less.
STRANGER_FRAME_BYTES = 64 * 1024


class GateRefusal(NamedTuple):
    """The response in place of the page."""

    status: int
    line: str


class Need(Enum):
    """What a path requires of a request."""

    NOTHING = auto()
    SIGN_IN = auto()
    SIGN_OUT = auto()
    UPLOAD = auto()
    CLOSED = auto()


def need_of(path: str, *, is_signing_in: bool) -> Need:
    """Return what a path below the app's root requires. The shell and its scripts require nothing."""
    path = path.lstrip("/")
    if path in OPEN_PATHS:
        return Need.NOTHING
    if path in (*SIGN_IN_PATHS, SIGN_OUT_PATH) and not is_signing_in:
        return Need.CLOSED
    if path == SIGN_OUT_PATH:
        return Need.SIGN_OUT
    if path.startswith(UPLOAD_PATH):
        return Need.UPLOAD
    if path.startswith(MEDIA_PATH):
        return Need.SIGN_IN
    return Need.CLOSED if f"{path}/".startswith(CLOSED_PATHS) else Need.NOTHING


def app_origins(host: str, public: str | None, scheme: str) -> set[str]:
    """Return the origins of this app's own pages, for a request to this host.

    `public`: the origin at which people sign in, which a proxy may serve. Forwarding headers are not trusted.
    """
    if public is None:
        return {f"{scheme}://{host}"}
    # Behind a proxy that ends TLS, the scheme of the request is not that of the page.
    return {public} if host == urlsplit(public).netloc else {public, f"{scheme}://{host}"}


def own_address() -> tuple[str | None, str]:
    """Return the origin at which people sign in, if they do, and the scheme of this server."""
    origin = get_origin_from_redirect_uri()
    return origin.lower() if origin else None, "https" if st.get_option("server.sslCertFile") else "http"


def refuse_origin(headers: Headers, *, is_unsafe: bool, public: str | None, scheme: str) -> GateRefusal | None:
    """Return why a request is refused by its host and origin; None where it isn't.

    `is_unsafe`: it may change something, so it has to name the page that it comes from.
    """
    hosts, origins = headers.getlist("host"), [origin.lower() for origin in headers.getlist("origin")]
    host = hosts[0].lower() if len(hosts) == 1 else ""
    # Two Host headers, or none, are refused too: proxies and servers disagree which one counts.
    if not host or not is_host_allowed(host):
        return GateRefusal(
            400, f"this app isn't at {host[:80]!a}: its names are server.allowedHosts, .streamlit/config.toml"
        )
    expected = app_origins(host, public, scheme)
    # A browser sends Origin with every request that changes something.
    if any(origin not in expected for origin in origins) or (is_unsafe and len(origins) != 1):
        return GateRefusal(403, f"this app takes that from its own pages alone, at {', '.join(sorted(expected))}")
    return None


class RequestGate:
    """ASGI middleware that lets through what the rules above allow."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer in one line why not."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        is_socket, path = scope["type"] == "websocket", scope["path"].removeprefix(scripts.base_path())
        refusal = await _refuse(scope, path)
        if refusal is not None and is_socket:
            await send({"type": "websocket.close", "code": 1008})
        elif refusal is not None:
            await PlainTextResponse(refusal.line, refusal.status)(scope, receive, send)
        elif is_socket:
            is_stranger = await run_in_threadpool(visitor, scope) is None
            await self.app(scope, only_messages(receive, send, is_stranger=is_stranger), send)
        else:
            await self.app(scope, receive, send)


GATE = Middleware(RequestGate)


async def _refuse(scope: Scope, path: str) -> GateRefusal | None:
    """Return why this sender is refused; on the sign-out path, end the sign-in first."""
    is_socket = scope["type"] == "websocket"
    is_unsafe = is_socket or scope["method"] not in SAFE_METHODS
    public, scheme = own_address()
    if (refusal := refuse_origin(Headers(scope=scope), is_unsafe=is_unsafe, public=public, scheme=scheme)) is not None:
        return refusal
    if is_socket:
        return None if path.lstrip("/") == SOCKET_PATH else GateRefusal(404, "nothing listens here")
    need = need_of(path, is_signing_in=sign_in.is_set_up())
    # Browsers send this header themselves: another site can't forge it.
    if need is Need.SIGN_OUT and Headers(scope=scope).get("sec-fetch-site") in ("cross-site", "same-site"):
        return GateRefusal(403, "another site can't sign you out")
    if need is Need.CLOSED:
        return GateRefusal(404, "nothing is here")
    if need is Need.SIGN_OUT:
        return await run_in_threadpool(_sign_out, scope)
    if need is Need.NOTHING:
        return None
    person = await run_in_threadpool(visitor, scope)
    if person is None:
        return GateRefusal(403, "sign in first")
    may_pass = need is Need.SIGN_IN or may(person, Right.IMPORT)
    return None if may_pass else GateRefusal(403, "an owner of the project can upload files; you can't")


def visitor(scope: Scope) -> Person | None:
    """Return who sends this; None where the app isn't open to them."""
    claims = cookie_claims(scope) if sign_in.is_set_up() else None
    try:
        if sign_in.find_refusal(claims, context.settings(), context.read) is not None:
            return None
        return sign_in.person_of(claims, context.settings())
    # The project can't be opened or read: the page says why.
    except (MapdError, sa.exc.OperationalError):
        return None


def cookie_claims(scope: Scope) -> Mapping[str, object]:
    """Return the sign-in in the cookie; nothing where there is none, or streamlit didn't sign it."""
    cookies, secret = HTTPConnection(scope).cookies, get_cookie_secret()

    def decode(name: str) -> bytes | None:
        return decode_signed_value(secret, name, cookies.get(name, "").encode("latin-1"))

    try:
        claims = json.loads(get_cookie_with_chunks(decode, USER_COOKIE_NAME) or b"{}")
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}


def _sign_out(scope: Scope) -> GateRefusal | None:
    """End the cookie's sign-in, for every tab and every copy of the cookie."""
    try:
        if claims := cookie_claims(scope):
            context.write(sign_ins.end, claims)
    except (MapdError, sa.exc.OperationalError):
        return GateRefusal(503, "you are not signed out: the project's database can't be written to; try again")
    return None


def only_messages(receive: Receive, send: Send, *, is_stranger: bool) -> Receive:
    """Let only a page's own messages through: others clear everybody's caches, or reveal names of files."""

    async def receive_page() -> Message:
        while True:
            # Dropped messages are not answered: the loop waits for the next one.
            message = await receive()
            frame: Any = message.get("bytes")
            if message["type"] != "websocket.receive" or frame is None:
                return message
            # A large frame costs memory before anybody knows the sender.
            if is_stranger and len(frame) > STRANGER_FRAME_BYTES:
                await send({"type": "websocket.close", "code": 1009})
                return {"type": "websocket.disconnect", "code": 1009}
            try:
                kind = BackMsg.FromString(frame).WhichOneof("type")
            except DecodeError:
                # Streamlit closes the socket.
                return message
            if kind in PAGE_MESSAGES:
                return message

    return receive_page
