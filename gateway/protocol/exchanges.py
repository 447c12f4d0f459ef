"""Makes the exchange of a request: what its `_meta` asks for, and where notifications about it go."""

from collections.abc import Mapping
from typing import Any

import orjson

from gateway.http.streams import Stream
from gateway.protocol.envelope import INVALID_PARAMS, Message, ProtocolError
from gateway.tools.exchange import SILENT, Exchange, Notify

# RFC 5424, section 6.2.1, from the least severe on.
LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
# What a legacy client hears: there is no session in which `logging/setLevel` could be remembered.
_LEGACY_LEVEL = "info"
_LOG_LEVEL = "io.modelcontextprotocol/logLevel"
_CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
# The methods whose code may speak while it runs, and in the modern era ask back.
_SPEAKING = frozenset({"tools/call", "prompts/get", "resources/read"})


def hears(headers: Mapping[bytes, bytes]) -> bool:
    """Whether the client names `text/event-stream` in Accept: a wildcard or none is no wish for a stream."""
    return b"text/event-stream" in headers.get(b"accept", b"").lower()


def modern_exchange(message: Message, stream: Stream, *, heard: bool) -> tuple[Exchange, bool]:
    """The exchange of a request of 2026-07-28, and whether it asked for a stream. Its `_meta` has been checked.

    Raises ProtocolError(INVALID_PARAMS).
    """
    params = message.params
    meta: Mapping[str, Any] = params["_meta"]
    token, level = _token(meta), meta.get(_LOG_LEVEL)
    if level is not None and level not in LEVELS:
        raise ProtocolError(INVALID_PARAMS, f"Invalid params: {_LOG_LEVEL} must be one of {', '.join(LEVELS)}")
    if message.method not in _SPEAKING:
        return SILENT, False
    responses, state = params.get("inputResponses"), params.get("requestState")
    if responses is not None and not isinstance(responses, dict):
        raise ProtocolError(INVALID_PARAMS, "Invalid params: inputResponses must be an object")
    if state is not None and not isinstance(state, str):
        raise ProtocolError(INVALID_PARAMS, "Invalid params: requestState must be a string")
    streamed = heard and (token is not None or level is not None)
    exchange = Exchange(
        notify=_notify(stream) if streamed else SILENT.notify,
        progress_token=token if streamed else None,
        log_level=level if streamed else None,
        capabilities=meta[_CAPABILITIES],
        may_ask=True,
        input_responses=responses or {},
        request_state=state,
    )
    return exchange, streamed


def legacy_exchange(message: Message, stream: Stream, *, heard: bool) -> tuple[Exchange, bool]:
    """The same for the revisions before. Their answers turn into streams for log messages too, if there are any.

    Raises ProtocolError(INVALID_PARAMS).
    """
    meta = message.params.get("_meta")
    if meta is not None and not isinstance(meta, dict):
        raise ProtocolError(INVALID_PARAMS, "Invalid params: _meta must be an object")
    token = None if meta is None else _token(meta)
    if not heard or message.method not in _SPEAKING:
        return SILENT, False
    exchange = Exchange(notify=_notify(stream), progress_token=token, log_level=_LEGACY_LEVEL)
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
