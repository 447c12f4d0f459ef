"""JSON-RPC 2.0 messages: read, refused with the protocol's own codes, and answered."""

from dataclasses import dataclass
from typing import Any

import orjson

from gateway.errors import Forbidden, InvalidRequest, NotFound, ToolgateError
from gateway.http.answers import Answer

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
RESOURCE_NOT_FOUND = -32002  # to revision 2025-11-25; later ones must not send it
HEADER_MISMATCH = -32020
MISSING_CAPABILITY = -32021  # with data.requiredCapabilities, a ClientCapabilities object
UNSUPPORTED_VERSION = -32022

Id = str | int | float | None
_LARGEST_EXACT = 2**53


class ProtocolError(Exception):
    """A JSON-RPC error. `status` is the HTTP status of the modern era; the legacy one answers 200 or 400."""

    def __init__(self, code: int, message: str, *, status: int = 400, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.data = data


def refusal(error: ToolgateError, *, resource_not_found: bool, legacy: bool) -> ProtocolError:
    """The JSON-RPC error of an error of ours: the same message, and in `data` the same code and details.

    Only of a resource that is not there, the protocol itself says what `data` holds, and with which code of which era.
    """
    if resource_not_found:
        return ProtocolError(RESOURCE_NOT_FOUND if legacy else INVALID_PARAMS, error.message, data=error.details)
    data = {"code": error.code, **error.details}
    if isinstance(error, InvalidRequest | NotFound | Forbidden):
        return ProtocolError(INVALID_PARAMS, error.message, data=data)
    return ProtocolError(INTERNAL_ERROR, error.message, status=200, data=data)


@dataclass(frozen=True, slots=True)
class Message:
    """One request or notification that has the right form."""

    method: str
    params: dict[str, Any]
    # What the answer echoes, value and type. Meaningless for a notification.
    id: Id
    is_notification: bool


def parse(body: bytes) -> Any:
    """The JSON value. Raises ProtocolError(PARSE_ERROR)."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ProtocolError(PARSE_ERROR, f"Parse error: {error.msg}") from None


def id_of(value: Any) -> Id:
    """The id to answer with, whatever else is wrong; None where there is no usable one."""
    found = value.get("id") if isinstance(value, dict) else None
    if isinstance(found, float) and abs(found) >= _LARGEST_EXACT:
        # An integer beyond 64 bits has been read as another number, and could not be echoed.
        return None
    return found if isinstance(found, str | int | float) and not isinstance(found, bool) else None


def is_response(value: Any) -> bool:
    """Whether a client has posted an answer: a stateless server has asked nothing, and takes it without a word."""
    return isinstance(value, dict) and "method" not in value and ("result" in value or "error" in value)


def read(value: Any) -> Message:
    """The message in a JSON value. Raises ProtocolError(INVALID_REQUEST or INVALID_PARAMS)."""
    if not isinstance(value, dict) or value.get("jsonrpc") != "2.0":
        raise ProtocolError(INVALID_REQUEST, "Invalid Request: jsonrpc must be '2.0'")
    method = value.get("method")
    if not isinstance(method, str):
        raise ProtocolError(INVALID_REQUEST, "Invalid Request: method must be a string")
    is_notification = "id" not in value
    if not is_notification and id_of(value) is None:
        raise ProtocolError(INVALID_REQUEST, "Invalid Request: id must be a string, or a number of at most 64 bits")
    params = value.get("params", {})
    if not isinstance(params, dict):
        raise ProtocolError(INVALID_PARAMS, "Invalid params: params must be an object")
    return Message(method, params, id_of(value), is_notification)


def result(message_id: Id, encoded: bytes) -> bytes:
    """The answer with a result that is encoded already (and perhaps cached)."""
    return b'{"jsonrpc":"2.0","id":' + orjson.dumps(message_id) + b',"result":' + encoded + b"}"


def failure(message_id: Id, error: ProtocolError) -> bytes:
    body: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.data is not None:
        body["data"] = error.data
    return orjson.dumps({"jsonrpc": "2.0", "id": message_id, "error": body})


ACCEPTED = Answer(None, status=202)
