"""Actions whose platform speaks MCP's results itself (`x-mcp-result`, docs/connectors.md): what is sent and heard."""

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import orjson

from gateway.catalog.blocks import BLOCK, CONTENTS, KINDS
from gateway.catalog.complaints import complain
from gateway.catalog.model import Connector
from gateway.catalog.patterns import Validator
from gateway.errors import UpstreamError
from gateway.outbound.messages import Response

Kind = Literal["tool", "prompt", "resource"]
# RFC 5424, the least first.
LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
META = "_meta"
MOST_BLOCKS = 200
LARGEST = 5 * 1024 * 1024
_LONGEST_STATE = 16 * 1024
_MOST_REQUESTS = 20
_LARGEST_REQUEST = 64 * 1024
_LARGEST_LOG = 64 * 1024
_ASKING = ("elicitation/create", "sampling/createMessage", "roots/list")
_REQUESTS = {
    "type": "object",
    "maxProperties": _MOST_REQUESTS,
    "propertyNames": {"maxLength": 200},
    "additionalProperties": {
        "type": "object",
        "properties": {"method": {"enum": list(_ASKING)}, "params": {"type": "object"}},
        "required": ["method"],
        "allOf": [
            {
                "if": {"properties": {"method": {"const": "elicitation/create"}}},
                "then": {
                    "required": ["params"],
                    "properties": {
                        "params": {
                            "properties": {"message": {"type": "string"}, "mode": {"enum": ["form", "url"]}},
                            "required": ["message"],
                            "if": {"properties": {"mode": {"const": "url"}}, "required": ["mode"]},
                            "then": {
                                "properties": {"url": {"type": "string", "pattern": "^https?://"}},
                                "required": ["url"],
                            },
                            "else": {
                                "properties": {
                                    "requestedSchema": {
                                        "type": "object",
                                        "properties": {"type": {"const": "object"}, "properties": {"type": "object"}},
                                        "required": ["type", "properties"],
                                    }
                                },
                                "required": ["requestedSchema"],
                            },
                        }
                    },
                },
            },
            {
                "if": {"properties": {"method": {"const": "sampling/createMessage"}}},
                "then": {
                    "required": ["params"],
                    "properties": {
                        "params": {
                            "properties": {
                                "messages": {"type": "array"},
                                "maxTokens": {"type": "integer", "minimum": 1},
                            },
                            "required": ["messages", "maxTokens"],
                        }
                    },
                },
            },
        ],
    },
}
_RESULTS: Mapping[str, Any] = {
    "tool": {
        "properties": {
            "content": {"type": "array", "items": BLOCK, "maxItems": MOST_BLOCKS},
            "isError": {"type": "boolean"},
        },
        "required": ["content"],
    },
    "prompt": {
        "properties": {
            "description": {"type": "string"},
            "messages": {
                "type": "array",
                "minItems": 1,
                "maxItems": MOST_BLOCKS,
                "items": {
                    "type": "object",
                    "properties": {"role": {"enum": ["user", "assistant"]}, "content": BLOCK},
                    "required": ["role", "content"],
                },
            },
        },
        "required": ["messages"],
    },
    "resource": {
        "properties": {"contents": {"type": "array", "items": CONTENTS, "minItems": 1, "maxItems": MOST_BLOCKS}},
        "required": ["contents"],
    },
    "input_required": {
        "properties": {
            "inputRequests": _REQUESTS,
            "requestState": {"type": "string", "maxLength": _LONGEST_STATE},
        },
        "anyOf": [{"required": ["inputRequests"]}, {"required": ["requestState"]}],
    },
}
_VALIDATORS = {
    kind: Validator({"type": "object", **schema}, validate_formats=False, offline=True)
    for kind, schema in _RESULTS.items()
}


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


@dataclass(frozen=True, slots=True)
class Needs:
    """The platform wants to know more before it answers: its questions by key, and what it wants back with them."""

    requests: Mapping[str, Mapping[str, Any]]
    state: str | None


def meta(talk: Talk) -> dict[str, Any]:
    """The member `_meta` of the body that such an action sends."""
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

    def result(self, response: Response, value: Any) -> dict[str, Any] | Needs:
        """The result, with what MCP names and nothing else. `value` is the JSON of an answer that came in one piece.

        Raises UpstreamError where it is no result of MCP, or larger than LARGEST bytes.
        """
        if response.headers.get("content-type", "").lower().startswith("text/event-stream"):
            if not self._ended:
                raise self._wrong("a stream that ended without a result")
            value = self._last
            size = len(orjson.dumps(value))
        else:
            size = len(response.body)
        if size > LARGEST:
            raise self._wrong(f"more than {LARGEST} bytes")
        kind = (
            "input_required" if isinstance(value, dict) and value.get("resultType") == "input_required" else self._kind
        )
        error = next(iter(_VALIDATORS[kind].iter_errors(value)), None)
        if error is not None:
            complaint = complain(error)
            place = ".".join(map(str, complaint.path)) or "the answer"
            raise self._wrong(f"no result of MCP for a {self._kind}: {place} {complaint.sentence}")
        assert isinstance(value, dict)
        if kind == "input_required":
            requests = self._blot({key: _request(one) for key, one in value.get("inputRequests", {}).items()})
            if len(orjson.dumps(requests)) > _LARGEST_REQUEST:
                raise self._wrong(f"questions of more than {_LARGEST_REQUEST} bytes")
            return Needs(requests, value.get("requestState"))
        kept = _KEPT[kind](value)
        self._check_base64(kept)
        found: dict[str, Any] = self._blot(kept)
        return found

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
        if "data" not in params or len(orjson.dumps(params["data"])) > _LARGEST_LOG:
            return
        passed = {"level": level, "data": self._blot(params["data"])}
        if isinstance(params.get("logger"), str):
            passed["logger"] = params["logger"][:200]
        await self._talk.notify("notifications/message", passed)

    def _loads(self, data: bytes) -> Any:
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError:
            raise self._wrong("an event that is no JSON") from None

    def _wrong(self, what: str) -> UpstreamError:
        return UpstreamError(f"{self._connector.name} answered with {what}")

    def _check_base64(self, node: Any) -> None:
        if isinstance(node, list):
            for item in node:
                self._check_base64(item)
        elif isinstance(node, dict):
            for name, value in node.items():
                if name in ("data", "blob") and isinstance(value, str):
                    try:
                        base64.b64decode(value, validate=True)
                    except (binascii.Error, ValueError):
                        raise self._wrong(f"{name} that is not valid base64") from None
                elif name != "structuredContent":
                    self._check_base64(value)


def _request(one: Mapping[str, Any]) -> dict[str, Any]:
    return {name: one[name] for name in ("method", "params") if name in one}


def _tool(value: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"content": [_named(block) for block in value["content"]]}
    if "structuredContent" in value:
        found["structuredContent"] = value["structuredContent"]
    if value.get("isError"):
        found["isError"] = True
    return found


def _prompt(value: Mapping[str, Any]) -> dict[str, Any]:
    messages = [{"role": said["role"], "content": _named(said["content"])} for said in value["messages"]]
    about = {"description": value["description"]} if "description" in value else {}
    return {**about, "messages": messages}


def _resource(value: Mapping[str, Any]) -> dict[str, Any]:
    return {"contents": [_only(CONTENTS, one) for one in value["contents"]]}


def _named(block: Mapping[str, Any]) -> dict[str, Any]:
    return _only(KINDS[block["type"]], block)


def _only(schema: Mapping[str, Any], value: Mapping[str, Any]) -> dict[str, Any]:
    """The members that the schema names, down to those of its members."""
    known = schema["properties"]
    return {
        name: _only(known[name], child) if isinstance(child, dict) and "properties" in known[name] else child
        for name, child in value.items()
        if name in known
    }


_KEPT: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "tool": _tool,
    "prompt": _prompt,
    "resource": _resource,
}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
