"""Answers as server-sent events (WHATWG HTML, section 9.2): opened by the first event, bounded in every direction."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from starlette.types import Scope, Send

from gateway.http.headers import Header
from gateway.http.lines import Line

_HEADERS: tuple[Header, ...] = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    # nginx would gather the events otherwise.
    (b"x-accel-buffering", b"no"),
)
_COMMENT = b": still here\n\n"
_BETWEEN_COMMENTS = 15.0
# A reader that takes nothing for so long has gone, whatever its connection says.
_STUCK_SECONDS = 30.0


class Places:
    """How many streams may be open: `most` in all, a quarter of them for one caller."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._most_of_one = max(1, most // 4)
        self._open: Counter[str] = Counter()

    def take(self, key: str) -> bool:
        """Take a place for the caller `key`, if there is one."""
        if self._open.total() >= self._most or self._open[key] >= self._most_of_one:
            return False
        self._open[key] += 1
        return True

    def give(self, key: str) -> None:
        """Give a place back."""
        self._open[key] -= 1
        if not self._open[key]:
            del self._open[key]


class Stream:
    """An answer that turns into a stream with its first event; without one it stays what it was.

    Nothing is queued: `event` waits until the connection takes it, so that who reads slowly slows down the sender.
    """

    __slots__ = ("_again", "_ended", "_headers", "_key", "_line", "_places", "_scope", "_send", "_turn", "opened")

    def __init__(
        self,
        send: Send,
        headers: list[Header],
        line: Line,
        places: Places,
        key: str,
        again: Callable[[Scope], Awaitable[Any]],
        scope: Scope,
    ) -> None:
        self._send = send
        self._headers = headers
        self._line = line
        self._places = places
        self._key = key
        self._again = again
        self._scope = scope
        self._turn: asyncio.Lock | None = None
        self._ended = False
        self.opened = False

    async def event(self, data: bytes) -> bool:
        """Send one event with `data`, which is one line. False where it is too late, or no place for a stream."""
        return await self._write(b"event: message\ndata: " + data + b"\n\n")

    @contextlib.asynccontextmanager
    async def kept_alive(self) -> AsyncIterator[None]:
        """Send a comment whenever nothing else was there to send, so that nobody between closes a quiet connection."""
        beat = asyncio.create_task(self._beat())
        try:
            yield
        finally:
            beat.cancel()

    async def again(self) -> Any:
        """The gateway.http.entry.Entry of whoever asked, judged anew: raises where they would not get in now."""
        return await self._again(self._scope)

    async def end(self, data: bytes) -> None:
        """Send the last event and end the stream. It must be open."""
        await self.event(data)
        self._ended = True
        await self._pass_on({"type": "http.response.body", "body": b""})

    def close(self) -> None:
        """Give the place back; nothing is sent from now on."""
        self._ended = True
        if self.opened:
            self.opened = False
            self._places.give(self._key)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(_BETWEEN_COMMENTS)
            if not await self._write(_COMMENT):
                return

    async def _write(self, piece: bytes) -> bool:
        if self._turn is None:
            self._turn = asyncio.Lock()
        async with self._turn:
            if self._ended:
                return False
            if not self.opened:
                if not self._places.take(self._key):
                    return False
                self.opened = True
                start = {"type": "http.response.start", "status": 200, "headers": [*_HEADERS, *self._headers]}
                await self._pass_on(start)
            await self._pass_on({"type": "http.response.body", "body": piece, "more_body": True})
            return True

    async def _pass_on(self, message: dict[str, object]) -> None:
        try:
            async with asyncio.timeout(_STUCK_SECONDS):
                await self._send(message)
        except TimeoutError:
            self._line.drop()
            # Whoever holds the line has been cancelled; that reaches this task at the next thing it waits for.
            await asyncio.sleep(_STUCK_SECONDS)
