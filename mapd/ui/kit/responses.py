"""What the app changes in streamlit's responses: headers on all of them, and redirects below a page.

The headers keep the browser at this server: it loads from, and sends to, no other machine. Even text that slips through
as markup can then fetch no image and run no script.

Streamlit answers every unknown address with its index.html, which loads its scripts from paths beside it: below a page
there are none, and the page stays blank. Here `/triage/foo` leads to `/triage`; streamlit says where that is no page.
"""

import re
from urllib.parse import quote

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.auth_util import get_origin_from_redirect_uri

HOST = re.compile(r"[\w.-]+(:\d+)?|\[[0-9a-f:]+\](:\d+)?", re.ASCII | re.IGNORECASE)
# Nothing below these is a page.
OTHER_PATHS = ("_stcore", "api", "app", "client", "component", "media", "static")


def content_security_policy(host: str) -> str:
    """Return the policy for an app at this host: some browsers don't count its websocket as 'self'."""
    # The host comes from the request: only a plain host may enter the header.
    sockets = f" ws://{host} wss://{host}" if HOST.fullmatch(host) else ""
    return "; ".join(
        (
            "default-src 'self'",
            # Files from the app's own address: no inline script runs, not even streamlit's own.
            "script-src 'self'",
            # Streamlit writes its styles at run time.
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            f"connect-src 'self'{sockets}",
            "font-src 'self' data:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def keep_to_tls(raw: list[tuple[bytes, bytes]]) -> None:
    """Mark every cookie as Secure, which streamlit doesn't: no cookie leaves over a connection without TLS."""
    for place, (name, value) in enumerate(raw):
        if name.lower() == b"set-cookie" and b"; secure" not in value.lower():
            raw[place] = name, value + b"; Secure"


class SecurityHeaders:
    """ASGI middleware that sets the headers on every response."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and set the headers where its response starts."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["content-security-policy"] = content_security_policy(Headers(scope=scope).get("host", ""))
                headers["x-content-type-options"] = "nosniff"
                headers["referrer-policy"] = "no-referrer"
                if (get_origin_from_redirect_uri() or "").startswith("https:"):
                    keep_to_tls(headers.raw)
            await send(message)

        await self.app(scope, receive, send_with_headers)


SECURITY_HEADERS = Middleware(SecurityHeaders)


def page_of(path: str, base: str = "") -> str | None:
    """Return the page above this path, relative to it; None where the path is the page, or belongs to no page.

    page_of("/triage/foo/bar")  # -> "../../triage"
    """
    base = base.strip("/")
    page, *tail = path.removeprefix(f"/{base}" if base else "").strip("/").split("/")
    return None if not tail or page in OTHER_PATHS else "../" * len(tail) + quote(page)


class PageRedirect:
    """ASGI middleware that redirects where index.html would be served too deep; relative, so that a prefix stays."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; replace the answer if it is a page below a page."""
        target = page_of(scope["path"], st.get_option("server.baseUrlPath")) if scope["type"] == "http" else None
        if target is None:
            await self.app(scope, receive, send)
            return
        is_stray = False

        async def send_unless_stray(message: Message) -> None:
            nonlocal is_stray
            if message["type"] == "http.response.start":
                kind = Headers(raw=message["headers"]).get("content-type", "")
                # Streamlit's index.html; a 404, or a file, passes unchanged.
                is_stray = message["status"] == 200 and kind.startswith("text/html")
            if not is_stray:
                await send(message)

        await self.app(scope, receive, send_unless_stray)
        if is_stray:
            query = scope["query_string"].decode("latin-1")
            await RedirectResponse(f"{target}?{query}" if query else target)(scope, receive, send)


PAGE_REDIRECT = Middleware(PageRedirect)
