"""The response headers that keep the browser at this server: it loads from, and sends to, no other machine.

Even text that slips through as markup can then fetch no image and run no script.
"""

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.auth_util import get_origin_from_redirect_uri

HOST = re.compile(r"[\w.-]+(:\d+)?|\[[0-9a-f:]+\](:\d+)?", re.ASCII | re.IGNORECASE)


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
