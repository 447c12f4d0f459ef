"""Ends connections that hold a place and do nothing with it: slow heads, slow bodies, readers that do not read.

uvicorn bounds none of these. Connections are looked at from time to time, which costs a request nothing, instead of
with a timer for each.
"""

import asyncio
import logging
import time
import weakref
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Literal

# Until the whole head of a request is there, counted from the connection or from the end of the answer before.
HEAD_SECONDS = 15.0
# Until the whole body is there. gateway.http.bodies answers whoever has begun to send after 30.
BODY_SECONDS = 60.0
# How long a reader may take nothing at all of what is written, and how long for the whole of a finished answer.
STUCK_SECONDS = 60.0
ANSWER_SECONDS = 300.0
_BETWEEN_LOOKS = 1.0

log = logging.getLogger("toolgate.http")

_Doing = Literal["head", "body", "sending", "working"]


@dataclass(slots=True)
class _Seen:
    """What a connection was doing, in which request, since when, and when last something moved."""

    doing: _Doing
    # Looked at only: what has ended is not kept by having been seen.
    cycle: weakref.ref[Any] | None
    since: float
    moved: float
    left: int


class Sweeper:
    """Looks at `connections`, which are uvicorn's protocols, httptools' or h11's."""

    def __init__(self, connections: Collection[Any], clock: Callable[[], float] = time.monotonic) -> None:
        self._connections = connections
        self._clock = clock
        self._seen: weakref.WeakKeyDictionary[Any, _Seen] = weakref.WeakKeyDictionary()

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            await asyncio.sleep(_BETWEEN_LOOKS)
            self.sweep()

    def sweep(self) -> None:
        """Look at each connection once."""
        now = self._clock()
        for connection in list(self._connections):
            self._seen[connection] = found = self._look(connection, now)
            why = _too_slow(found, connection.cycle, now)
            if why is not None:
                log.debug("a connection was ended: %s", why)
                connection.transport.abort()

    def _look(self, connection: Any, now: float) -> _Seen:
        doing, left = _state(connection)
        before, cycle = self._seen.get(connection), connection.cycle
        if before is None or before.doing != doing or (before.cycle and before.cycle()) is not cycle:
            return _Seen(doing, None if cycle is None else weakref.ref(cycle), now, now, left)
        if left != before.left:
            before.left, before.moved = left, now
        return before


def _state(connection: Any) -> tuple[_Doing, int]:
    cycle = connection.cycle
    left = connection.transport.get_write_buffer_size()
    if left:
        return "sending", left
    if cycle is None or cycle.response_complete:
        return "head", 0
    # What waits behind an earlier request is not read on purpose.
    if cycle.more_body and not cycle.response_started and not getattr(connection, "pipeline", None):
        return "body", 0
    return "working", 0


def _too_slow(seen: _Seen, cycle: Any, now: float) -> str | None:
    if seen.doing == "head" and now - seen.since > HEAD_SECONDS:
        return "no request came"
    if seen.doing == "body" and now - seen.since > BODY_SECONDS:
        return "a body did not come"
    if seen.doing == "sending":
        if now - seen.moved > STUCK_SECONDS:
            return "nothing of an answer was taken"
        # An open stream may last; it has bounds of its own.
        ended = cycle is None or cycle.response_complete
        if ended and now - seen.since > ANSWER_SECONDS:
            return "an answer was not taken"
    return None
