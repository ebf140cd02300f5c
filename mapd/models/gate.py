"""A gate in front of a server: one request goes first, and the others follow once the server has taken one."""

import asyncio
from collections.abc import AsyncIterable

from mapd.models.base import Request


class Gate:
    """Lets requests through one at a time until the server has taken one, then all: a wrong key is met once."""

    def __init__(self, requests: AsyncIterable[Request], is_open: bool) -> None:
        self.requests, self.turn = aiter(requests), asyncio.Lock()
        self.free, self.is_open, self.is_shut = asyncio.Event(), is_open, False
        self.free.set()

    async def take(self) -> Request | None:
        """Take the next request; None where there is none any more."""
        async with self.turn:
            await self.free.wait()
            # Asked again behind the wait: the gate may have been shut meanwhile.
            request = None if self.is_shut else await anext(self.requests, None)
            if not self.is_open:
                self.free.clear()
            return request

    def open(self) -> None:
        """Let all through."""
        self.is_open = True
        self.free.set()

    def shut(self) -> None:
        """Let none through any more."""
        self.is_shut = True
        self.free.set()
