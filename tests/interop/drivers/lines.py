"""What the Python drivers share: a step of JSON per line on stdin, its outcome as a line of JSON on stdout.

`{"do": "connect", "url" or "command", "headers"?, "mode"}` opens a connection in place of the one before; the others
are `{"do": METHOD, "with": {...}}`, with the method's name and parameters as MCP spells them. An outcome is
`{"ok": RESULT}`, the result as it stands on the wire, or `{"error": {"message", "code"?, "status"?}}`: what the user of
the client reads, the code of JSON-RPC if there was one, and the HTTP status that the client met.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

Step = dict[str, Any]
Session = Callable[[str, dict[str, Any]], Awaitable[Any]]
# Opens a connection: what sends a step over it, and what the client says of itself and of the server.
Opened = Callable[[Step], AbstractAsyncContextManager[tuple[Session, dict[str, Any]]]]
# Of the HTTP answers to the step that is under way.
_refusals: list[int] = []


async def watch(response: Any) -> None:
    """An event hook of httpx: these clients do not tell their user the status."""
    if response.status_code >= 400:
        _refusals.append(response.status_code)


def drive(opened: Opened) -> None:
    """Go through the steps until stdin ends."""
    asyncio.run(_Driver(opened).run())


class _Driver:
    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._steps: asyncio.Queue[Step | None] = asyncio.Queue()
        # Whether a step waits for its outcome.
        self._owing = False

    async def run(self) -> None:
        # A task of its own, because a client that fails cancels whoever waits inside its connection.
        reading = asyncio.create_task(self._read())
        step = await self._next()
        while step is not None:
            step = await self._connection(step)
        await reading

    async def _connection(self, connect: Step) -> Step | None:
        """One connection; answers the step that ends it: the next to connect, or none."""
        step: Step | None = connect
        try:
            async with self._opened(connect) as (session, about):
                self._say({"ok": about})
                while (step := await self._next()) and step["do"] != "connect":
                    try:
                        result = await session(step["do"], step["with"])
                        self._say({"ok": result.model_dump(mode="json", by_alias=True, exclude_none=True)})
                    except Exception as failure:  # noqa: BLE001 - whatever a client raises is its outcome
                        self._say({"error": _error(failure)})
        except BaseException as failure:  # noqa: BLE001 - groups of errors too
            # What a client says while it closes is nobody's outcome.
            if step is connect or (step and step["do"] != "connect"):
                if self._owing:
                    self._say({"error": _error(failure)})
                return await self._next()
        return step

    async def _read(self) -> None:
        while line := await asyncio.to_thread(sys.stdin.readline):
            self._steps.put_nowait(json.loads(line))
        self._steps.put_nowait(None)

    async def _next(self) -> Step | None:
        step = await self._steps.get()
        _refusals.clear()
        self._owing = step is not None
        return step

    def _say(self, outcome: dict[str, Any]) -> None:
        self._owing = False
        sys.stdout.write(json.dumps(outcome) + "\n")
        sys.stdout.flush()


def _error(failure: BaseException) -> dict[str, Any]:
    error: dict[str, Any] = {"message": "; ".join(f"{type(cause).__name__}: {cause}" for cause in _causes(failure))}
    for cause in _causes(failure):
        if code := getattr(getattr(cause, "error", None), "code", None):
            error["code"] = code
    return error | ({"status": _refusals[-1]} if _refusals else {})


def _causes(failure: BaseException) -> Iterator[BaseException]:
    """The failure and what is inside: task groups wrap what happened in them."""
    yield failure
    for inner in getattr(failure, "exceptions", ()):
        yield from _causes(inner)
