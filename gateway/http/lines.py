"""The connection that a request came by: work that nobody waits for any more is stopped when it goes."""

import asyncio
from collections.abc import Callable

from starlette.types import Scope

# Where gateway.http.connections keeps a connection's line: in the state that uvicorn gives each request.
LINE = "toolgate.line"


def _nothing() -> None:
    pass


class Line:
    """One connection, which answers one request at a time. A request that holds it is cancelled when it is lost.

    `abort` ends the connection at once; `listen` reads on, for a connection that is not read tells of no end.
    """

    __slots__ = ("_abort", "_listen", "_task", "lost")

    def __init__(self, abort: Callable[[], None] = _nothing, listen: Callable[[], None] = _nothing) -> None:
        self._abort = abort
        self._listen = listen
        self._task: asyncio.Task[None] | None = None
        self.lost = False

    def hold(self) -> bool:
        """Let the running task be cancelled with the line. False where it is lost already."""
        if self.lost:
            return False
        self._listen()
        self._task = asyncio.current_task()
        return True

    def release(self) -> None:
        """What the task does from now on is no longer cancelled."""
        self._task = None

    def lose(self) -> None:
        """The other side has gone."""
        if not self.lost:
            self.lost = True
            self._abort = self._listen = _nothing
            if self._task is not None:
                self._task.cancel()

    def drop(self) -> None:
        """Break off: the other side takes nothing in."""
        self._abort()
        self.lose()


def line_of(scope: Scope) -> Line:
    """The line of a request; one that is never lost where a server of another kind serves."""
    found: Line | None = scope.get("state", {}).get(LINE)
    return Line() if found is None else found
