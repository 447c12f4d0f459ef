"""Request bodies: read within bounds of size and time, parsed strictly."""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.types import Receive

from gateway.errors import InvalidRequest, PayloadTooLarge, UnsupportedMediaType
from gateway.large_json import MOST_VALUES, is_dense, loads

MAX_BODY = 10 * 1024 * 1024
# A body in several pieces must be here by then; whoever sends slower holds a place that others need.
_SECONDS = 30.0
_MOST_FIELDS = 100


def check_content_type(value: bytes | None, wanted: str = "application/json") -> None:
    """Raise UnsupportedMediaType unless it is the one wanted, in UTF-8 where it says a charset (RFC 8259, 8.1)."""
    if value == b"application/json" and wanted == "application/json":
        return
    media_type, _, rest = (value or b"").decode("latin-1").partition(";")
    if media_type.strip().lower() != wanted:
        raise UnsupportedMediaType(f"Content-Type must be {wanted}")
    for part in rest.split(";"):
        name, _, text = part.strip().partition("=")
        if name.strip().lower() == "charset" and text.strip(' "').lower() not in ("utf-8", "utf8"):
            raise UnsupportedMediaType("The charset must be utf-8")


def names_no_body(headers: Mapping[bytes, bytes]) -> bool:
    """Whether neither a content type nor a length says that a body comes."""
    return b"content-type" not in headers and headers.get(b"content-length", b"0").strip(b"0") == b""


def check_length(value: bytes | None, most: int = MAX_BODY) -> None:
    """Refuse a body that says it is too large before a byte of it is read. Raises PayloadTooLarge."""
    if value is not None and (len(value) > 12 or (value.isdigit() and int(value) > most)):
        raise _too_large(most)


async def read_body(receive: Receive, most: int = MAX_BODY) -> bytes:
    """The whole body. Raises PayloadTooLarge over `most` bytes, and InvalidRequest where it does not arrive in time."""
    message = await receive()
    if message["type"] == "http.disconnect":
        # Not an empty body, which an operation may do something with.
        raise _incomplete()
    body: bytes = message.get("body", b"")
    if len(body) > most:
        raise _too_large(most)
    if not message.get("more_body"):
        return body
    try:
        async with asyncio.timeout(_SECONDS):
            return await _read_rest(body, receive, most)
    except TimeoutError:
        raise InvalidRequest.of("body", "time", f"body did not arrive within {_SECONDS:.0f} seconds") from None


async def _read_rest(first: bytes, receive: Receive, most: int) -> bytes:
    pieces, size, more = [first], len(first), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _incomplete()
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > most:
            raise _too_large(most)
        more = message.get("more_body", False)
    return b"".join(pieces)


def parse_json(body: bytes) -> Any:
    """The JSON value (RFC 8259). orjson refuses NaN, invalid UTF-8, lone surrogates and deep nesting.

    Raises InvalidRequest.
    """
    if not body:
        raise InvalidRequest.of("body", "required", "body is required")
    if is_dense(body):
        raise InvalidRequest.of("body", "maxItems", f"body has over {MOST_VALUES:,} values")
    try:
        return loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest.of("body", "json", f"body is not JSON: {error.msg}, at character {error.pos}") from None


def parse_form(body: bytes) -> dict[str, str]:
    """The fields of a form (application/x-www-form-urlencoded, WHATWG URL, section 5). Raises InvalidRequest."""
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise InvalidRequest.of("body", "form", "body must be a form in percent-encoded UTF-8") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise InvalidRequest.of("body", "repeated", "body has a field more than once")
    return fields


def _incomplete() -> InvalidRequest:
    return InvalidRequest.of("body", "complete", "body ended before it was complete")


def _too_large(most: int) -> PayloadTooLarge:
    size = f"{most // 1024 // 1024} MB" if most >= 1024 * 1024 else f"{most // 1024} KB"
    sentence = f"body must not be larger than {size}"
    return PayloadTooLarge(sentence, details={"field": "body", "rule": "maxBytes"})
