"""Redirects from addresses below a page to the page: from `/triage/foo` to `/triage`.

Streamlit answers every unknown address with its index.html, which loads its scripts from paths beside it: below a page
there are none, and the page stays blank. Here a page's address has one part; streamlit says where that is no page.
"""

from urllib.parse import quote

import streamlit as st
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Nothing below these is a page.
OTHER_PATHS = ("_stcore", "api", "app", "client", "component", "media", "static")


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
