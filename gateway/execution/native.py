"""Actions whose platform speaks MCP's results itself (`x-mcp-result`, docs/connectors.md): what is sent and heard."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from gateway.catalog.model import Connector
from gateway.catalog.schemas.patterns import Validator
from gateway.errors import InvalidRequest, UpstreamError
from gateway.execution import mcp_results
from gateway.execution.mcp_results import BadResult, Kind, Needs, size_of
from gateway.outbound.messages import Response

# RFC 5424, the least first.
LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
META = "_meta"
_LARGEST_LOG = 64 * 1024


class Talk(Protocol):
    """The request on whose behalf an action runs, as far as its platform may know of it (gateway.tools.exchange)."""

    @property
    def notify(self) -> Callable[[str, dict[str, Any]], Awaitable[None]]: ...
    @property
    def progress_token(self) -> str | int | None: ...
    @property
    def log_level(self) -> str | None: ...
    @property
    def capabilities(self) -> Mapping[str, Any]: ...
    @property
    def input_responses(self) -> Mapping[str, Any]: ...
    @property
    def request_state(self) -> str | None: ...


async def _unheard(_method: str, _params: dict[str, Any]) -> None: ...


@dataclass(frozen=True, slots=True)
class _Silence:
    notify: Callable[[str, dict[str, Any]], Awaitable[None]] = _unheard
    progress_token: None = None
    log_level: None = None
    capabilities: Mapping[str, Any] = field(default_factory=dict)
    input_responses: Mapping[str, Any] = field(default_factory=dict)
    request_state: None = None


SILENCE: Talk = _Silence()


def meta(talk: Talk) -> dict[str, Any]:
    """The member `_meta` of the body that such an action sends. Raises InvalidRequest where it cannot be encoded."""
    found: dict[str, Any] = {
        "progress": talk.progress_token is not None,
        "clientCapabilities": dict(talk.capabilities),
    }
    if talk.log_level is not None:
        found["logLevel"] = talk.log_level
    if talk.input_responses:
        found["inputResponses"] = dict(talk.input_responses)
    if talk.request_state is not None:
        found["requestState"] = talk.request_state
    if size_of(found) is None:
        raise InvalidRequest.of("inputResponses", "depth", "inputResponses or clientCapabilities is nested too deeply")
    return found


class Conversation:
    """What one platform says while it answers one request. `blot` takes the credential out of a value."""

    def __init__(self, connector: Connector, kind: Kind, talk: Talk, blot: Callable[[Any], Any]) -> None:
        self._connector = connector
        self._kind: Kind = kind
        self._talk = talk
        self._blot = blot
        self._progress: float | None = None
        self._last: Any = None
        self._ended = False

    async def hear(self, data: bytes) -> bool:
        """One event of an answer that comes in events; whether it was the last. Raises UpstreamError."""
        event = self._loads(data)
        if not isinstance(event, dict):
            raise self._wrong("an event that is no JSON object")
        if "result" in event:
            self._last, self._ended = event["result"], True
            return True
        params = event.get("params")
        if isinstance(params, dict):
            if event.get("method") == "notifications/progress":
                await self._pass_progress(params)
            elif event.get("method") == "notifications/message":
                await self._pass_log(params)
        return False

    def result(self, response: Response, value: Any, promised: Validator | None = None) -> dict[str, Any] | Needs:
        """The result, with what MCP names and nothing else.

        `value` is the JSON of an answer that came in one piece; `promised`, what the document says of the structured
        content of each result. Raises UpstreamError where it is no result of MCP, or not as promised.
        """
        if response.headers.get("content-type", "").lower().startswith("text/event-stream"):
            if not self._ended:
                raise self._wrong("a stream that ended without a result")
            value = self._last
        try:
            found = mcp_results.read(value, self._kind)
            if isinstance(found, Needs):
                return Needs(self._blot(found.requests), found.state)
            if promised is not None and self._kind == "tool" and not found.get("isError"):
                mcp_results.check_structured(found, promised)
        except BadResult as error:
            raise self._wrong(str(error)) from None
        blotted: dict[str, Any] = self._blot(found)
        return blotted

    async def _pass_progress(self, params: dict[str, Any]) -> None:
        token, progress = self._talk.progress_token, params.get("progress")
        # MCP: progress must increase, whatever the platform counts.
        if token is None or progress is None or not _is_number(progress):
            return
        if self._progress is not None and progress <= self._progress:
            return
        self._progress = progress
        passed: dict[str, Any] = {"progressToken": token, "progress": progress}
        if _is_number(params.get("total")):
            passed["total"] = params["total"]
        if isinstance(params.get("message"), str):
            passed["message"] = self._blot(params["message"][:1000])
        await self._talk.notify("notifications/progress", passed)

    async def _pass_log(self, params: dict[str, Any]) -> None:
        wanted, level = self._talk.log_level, params.get("level")
        if wanted not in LEVELS or level not in LEVELS or LEVELS.index(level) < LEVELS.index(wanted):
            return
        size = size_of(params.get("data"))
        if "data" not in params or size is None or size > _LARGEST_LOG:
            return
        passed = {"level": level, "data": self._blot(params["data"])}
        if isinstance(params.get("logger"), str):
            passed["logger"] = self._blot(params["logger"][:200])
        await self._talk.notify("notifications/message", passed)

    def _loads(self, data: bytes) -> Any:
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError:
            raise self._wrong("an event that is no JSON") from None

    def _wrong(self, what: str) -> UpstreamError:
        return UpstreamError(f"{self._connector.name} answered with {what}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
