"""uvicorn's HTTP protocol, but what is no HTTP gets the documented body, and headers have a bound."""

import asyncio
from typing import Any, cast

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from gateway.errors import InvalidRequest
from gateway.http.headers import EVERY_ANSWER, JSON_ANSWER
from gateway.http.request_id import new_request_id

_HEAD = b"".join(b"%b: %b\r\n" % header for header in (*JSON_ANSWER, *EVERY_ANSWER))
_MOST_HEADER_BYTES = 64 * 1024
_MOST_HEADERS = 200


class Joined:
    """A transport that sends the head of one answer together with the beginning of its body.

    ASGI asks for no more ("need not flush until the first Response Body event"), and uvicorn writes them apart: two
    system calls, which cost more than anything else in a short answer.
    """

    __slots__ = ("_head", "_transport", "_written", "is_closing")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head: bytes | None = None
        self._written = False
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """The first piece is the head; what comes after it takes it along, even where it is empty."""
        if self._head is not None:
            data, self._head = self._head + data, None
        elif not self._written:
            self._head, self._written = data, True
            return
        self._transport.write(data)

    def close(self) -> None:
        if self._head is not None:
            self.write(b"")
        self._transport.close()


class HttpProtocol(HttpToolsProtocol):
    """Stock uvicorn answers broken HTTP with text/plain and takes headers without end under httptools."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._header_bytes = 0

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        # Of these, a head is all that is ever written, or not the first thing.
        if not self.expect_100_continue and self.scope["method"] != "HEAD":
            self.cycle.transport = cast("asyncio.Transport", Joined(self.transport))

    def _count(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > _MOST_HEADER_BYTES or len(self.headers) > _MOST_HEADERS:
            # httptools turns an exception of a callback into HttpParserError, which ends in send_400_response.
            raise ValueError("request line and headers are too large")

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 (uvicorn's own signature)
        error = InvalidRequest.of("request", "http", "The request is not HTTP/1.1, or its headers are too large")
        self._send_json(400, error.body())

    def _send_json(self, status: int, body: dict[str, Any]) -> None:
        encoded = orjson.dumps(body)
        head = b"x-request-id: %b\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % (new_request_id(), len(encoded))
        self.transport.write(STATUS_LINE[status] + _HEAD + head + encoded)
        self.transport.close()
