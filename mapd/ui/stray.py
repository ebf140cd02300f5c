"""An address with more behind its page leads to the page: `/triage/foo` to `/triage`.

    app = st.App("app.py", middleware=[headers.SECURITY_HEADERS, stray.TO_ITS_PAGE])

Streamlit answers every unknown address with its index.html, which looks for its scripts beside itself: below a page it
finds none and stays blank. Here a page's address has one part; one that is no page is told so by streamlit.
"""

from urllib.parse import quote

import streamlit as st
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

NO_PAGES = ("_stcore", "api", "app", "client", "component", "media", "static")  # what is no page lies below these


def page_of(path: str, base: str = "") -> str | None:
    """The page above this path, relative to it; None where nothing is behind the page, or it is none.

    page_of("/triage/foo/bar")  # -> "../../triage"
    """
    base = base.strip("/")
    page, *behind = path.removeprefix(f"/{base}" if base else "").strip("/").split("/")
    return None if not behind or page in NO_PAGES else "../" * len(behind) + quote(page)


class ToItsPage:
    """ASGI middleware that redirects where index.html would be served too deep; relative, so a prefix stays."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and drop the answer if it is a page below a page."""
        to = page_of(scope["path"], st.get_option("server.baseUrlPath")) if scope["type"] == "http" else None
        if to is None:
            await self.app(scope, receive, send)
            return
        strays = False

        async def send_unless_stray(message: Message) -> None:
            nonlocal strays
            if message["type"] == "http.response.start":
                kind = Headers(raw=message["headers"]).get("content-type", "")
                strays = message["status"] == 200 and kind.startswith("text/html")
            if not strays:
                await send(message)

        await self.app(scope, receive, send_unless_stray)
        if strays:
            query = scope["query_string"].decode("latin-1")
            await RedirectResponse(f"{to}?{query}" if query else to)(scope, receive, send)


TO_ITS_PAGE = Middleware(ToItsPage)
