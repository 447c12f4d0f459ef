"""Makes the exchange of a request: what its `_meta` asks for, and where notifications about it go."""

from collections.abc import Mapping
from typing import Any

import orjson

from gateway.http.streams import Stream
from gateway.protocol.envelope import INVALID_PARAMS, Message, ProtocolError
from gateway.tools.exchange import SILENT, Exchange, Notify

Headers = Mapping[bytes, bytes]

# RFC 5424, section 6.2.1, from the least severe on.
LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
# What a legacy client hears: there is no session in which `logging/setLevel` could be remembered.
_LEGACY_LEVEL = "info"
_LOG_LEVEL = "io.modelcontextprotocol/logLevel"
_CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
# The methods whose code may speak while it runs, and in the modern era ask back.
SPEAKING = frozenset({"tools/call", "prompts/get", "resources/read"})
_NOTHING: Mapping[str, Any] = {}


def _hears(headers: Headers) -> bool:
    """Whether the client names `text/event-stream` in Accept: a wildcard or none is no wish for a stream."""
    return b"text/event-stream" in headers.get(b"accept", b"").lower()


def modern_exchange(message: Message, headers: Headers, stream: Stream) -> tuple[Exchange, bool]:
    """The exchange of a request of 2026-07-28, and whether it asked for a stream. Its `_meta` has been checked.

    Raises ProtocolError(INVALID_PARAMS).
    """
    params = message.params
    meta: Mapping[str, Any] = params["_meta"]
    token, level = _token(meta), meta.get(_LOG_LEVEL)
    if level is not None and level not in LEVELS:
        raise ProtocolError(INVALID_PARAMS, f"Invalid params: {_LOG_LEVEL} must be one of {', '.join(LEVELS)}")
    if message.method not in SPEAKING:
        return SILENT, False
    responses, state = params.get("inputResponses"), params.get("requestState")
    if responses is not None and not isinstance(responses, dict):
        raise ProtocolError(INVALID_PARAMS, "Invalid params: inputResponses must be an object")
    if state is not None and not isinstance(state, str):
        raise ProtocolError(INVALID_PARAMS, "Invalid params: requestState must be a string")
    streamed = (token is not None or level is not None) and _hears(headers)
    exchange = Exchange(
        notify=_notify(stream) if streamed else SILENT.notify,
        progress_token=token if streamed else None,
        log_level=level if streamed else None,
        capabilities=meta[_CAPABILITIES],
        may_ask=True,
        input_responses=responses or _NOTHING,
        request_state=state,
    )
    return exchange, streamed


def legacy_exchange(message: Message, headers: Headers, stream: Stream | None) -> tuple[Exchange, bool]:
    """The same for the revisions before. Their answers turn into streams for log messages too, if there are any.

    `stream` None: there can be none. Raises ProtocolError(INVALID_PARAMS).
    """
    meta = message.params.get("_meta")
    token = None
    if meta is not None:
        if not isinstance(meta, dict):
            raise ProtocolError(INVALID_PARAMS, "Invalid params: _meta must be an object")
        token = _token(meta)
    if stream is None or message.method not in SPEAKING or not _hears(headers):
        return SILENT, False
    exchange = Exchange(
        notify=_notify(stream),
        progress_token=token,
        log_level=_LEGACY_LEVEL,
        capabilities=_NOTHING,
        input_responses=_NOTHING,
    )
    return exchange, token is not None


def _notify(stream: Stream) -> Notify:
    async def notify(method: str, params: dict[str, Any]) -> None:
        await stream.event(notification(method, params))

    return notify


def notification(method: str, params: Mapping[str, Any]) -> bytes:
    """A JSON-RPC notification, encoded."""
    return orjson.dumps({"jsonrpc": "2.0", "method": method, "params": params})


def _token(meta: Mapping[str, Any]) -> str | int | None:
    token = meta.get("progressToken")
    if token is None or isinstance(token, str) or type(token) is int:
        return token
    raise ProtocolError(INVALID_PARAMS, "Invalid params: _meta.progressToken must be a string or an integer")
