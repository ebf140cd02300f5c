"""The gate for uploads: who may upload, and how much the server holds in all.

Streamlit keeps an upload in memory until its tab is closed, and accepts it from every visitor, even before they sign
in. Here a tab may upload once a page has drawn an uploader in it, and all tabs together have one limit.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

# Of all tabs together.
MOST_BYTES = 500 << 20
UPLOAD_ADDRESS = re.compile(r"/_stcore/upload_file/(?P<session>[^/]+)/[^/]+/?$")
# The sessions in which a page allowed uploads.
sessions: set[str] = set()


def allow() -> None:
    """Allow uploads in this run's tab, until it is closed."""
    context = get_script_run_ctx()
    if context is not None:
        if runtime.exists():
            # Closed tabs leave the set here.
            sessions.intersection_update([id_ for id_ in sessions if runtime.get_instance().is_active_session(id_)])
        sessions.add(context.session_id)


def forbid(session_id: str) -> None:
    """Forbid further uploads in a tab: the person there signed out."""
    sessions.discard(session_id)


def give_back(files: Iterable[UploadedFile]) -> None:
    """Free the memory of this tab's files that were read. Their uploader then needs another key."""
    context = get_script_run_ctx()
    if context is not None and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        for file in files:
            context.uploaded_file_mgr.remove_file(context.session_id, file.file_id)


def stored_bytes() -> int:
    """Return how many bytes of uploads the server holds."""
    manager = runtime.get_instance().uploaded_file_mgr if runtime.exists() else None
    if not isinstance(manager, MemoryUploadedFileManager):
        return 0
    return sum(len(file.data) for files in list(manager.file_storage.values()) for file in list(files.values()))


class UploadGate:
    """ASGI middleware that refuses an upload before its first byte is read."""

    def __init__(self, app: ASGIApp) -> None:
        self.app, self.incoming_bytes = app, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, unless it is an upload that isn't allowed."""
        address = UPLOAD_ADDRESS.search(scope["path"]) if scope["type"] == "http" and scope["method"] == "PUT" else None
        if address is None:
            await self.app(scope, receive, send)
            return
        size = Headers(scope=scope).get("content-length", "")
        refusal = self._refusal(address["session"], size)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        with self._count_bytes(int(size)):
            await self.app(scope, receive, send)

    def _refusal(self, session_id: str, size: str) -> PlainTextResponse | None:
        if session_id not in sessions:
            return PlainTextResponse("only a page that takes files lets you upload: sign in, and open it", 403)
        if not (size.isascii() and size.isdigit()):
            # Without a length the limit can't be checked before the bytes arrive.
            return PlainTextResponse("say how long the file is", 411)
        if stored_bytes() + self.incoming_bytes + int(size) > MOST_BYTES:
            return PlainTextResponse("the server holds enough of others' files: try again once they are read", 413)
        return None

    @contextmanager
    def _count_bytes(self, size: int) -> Iterator[None]:
        """Count bytes that are on their way, so that two uploads together can't pass the limit."""
        self.incoming_bytes += size
        try:
            yield
        finally:
            self.incoming_bytes -= size


GATE = Middleware(UploadGate)
