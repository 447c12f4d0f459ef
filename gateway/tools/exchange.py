"""What one MCP request may say while it runs, and what its client can do: the part of a visit that MCP alone knows."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Notify = Callable[[str, dict[str, Any]], Awaitable[None]]


async def _unheard(_method: str, _params: dict[str, Any]) -> None:
    """Nobody listens: the caller asked for one answer and nothing before it."""


# Not frozen: that would double the cost of making one, for each call. Nobody changes it all the same.
@dataclass(slots=True, kw_only=True, eq=False)
class Exchange:
    """One request of tools/call, prompts/get or resources/read, as the code that answers it sees it.

    Over REST, and for clients that asked for nothing of it, `SILENT`.
    """

    # Sends a notification that concerns this request on its own stream: method and params.
    notify: Notify = _unheard
    # As `_meta.progressToken` gave it; None: no progress is wanted.
    progress_token: str | int | None = None
    # The least level of log messages that is wanted (RFC 5424 names); None: none.
    log_level: str | None = None
    # What the client declared that it can do; empty for those that declared nothing in this request.
    capabilities: Mapping[str, Any] = field(default_factory=dict)
    # Whether the answer may be "input required" (2026-07-28, MRTR): revisions before it cannot be asked that way.
    may_ask: bool = False
    # The answers to what was asked before, by the key of the request; empty on the first round.
    input_responses: Mapping[str, Any] = field(default_factory=dict)
    # What the client sent back as `requestState`, not yet proved to be ours; None on the first round.
    request_state: str | None = None
    # What we had sealed for ourselves into that state; known once it is proved.
    own: Mapping[str, Any] | None = None


SILENT = Exchange()
