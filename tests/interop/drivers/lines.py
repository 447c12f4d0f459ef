"""What the Python drivers share: a step of JSON per line on stdin, its outcome as a line of JSON on stdout.

The first step is `{"do": "connect", "url" or "command", "headers"?, "mode"?}`; the others are
`{"do": METHOD, "with"?: {...}}` with the method's name and parameters as MCP spells them. An outcome is
`{"ok": RESULT}`, the result as it stands on the wire, or `{"error": {"message", "code"?, "status"?}}`: what the user of
the client reads, the code of JSON-RPC if there was one, and the HTTP status that the client met.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

Session = Callable[[str, dict[str, Any]], Awaitable[Any]]
# Opens a connection: what sends a step over it, and what the client says of itself and of the server.
Opened = Callable[[dict[str, Any]], AbstractAsyncContextManager[tuple[Session, dict[str, Any]]]]
# Of the HTTP answers to the step that is under way.
_refusals: list[int] = []


async def watch(response: Any) -> None:
    """An event hook of httpx: these clients do not tell their user the status."""
    if response.status_code >= 400:
        _refusals.append(response.status_code)


def drive(opened: Opened) -> None:
    """Go through the steps until stdin ends; a connection that fails is the last outcome."""
    asyncio.run(_drive(opened))


async def _drive(opened: Opened) -> None:
    steps = _steps()
    try:
        async with opened(await anext(steps)) as (session, about):
            _say({"ok": about})
            async for step in steps:
                _refusals.clear()
                try:
                    result = await session(step["do"], step.get("with", {}))
                    _say({"ok": result.model_dump(mode="json", by_alias=True, exclude_none=True)})
                except Exception as failure:  # noqa: BLE001 - whatever a client raises is its outcome
                    _say({"error": _error(failure)})
    except BaseException as failure:  # noqa: BLE001 - groups of errors too
        # Also what closing says, after the last step: nobody reads that.
        _say({"error": _error(failure)})


async def _steps() -> AsyncIterator[dict[str, Any]]:
    while line := await asyncio.to_thread(sys.stdin.readline):
        yield json.loads(line)


def _say(outcome: dict[str, Any]) -> None:
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
