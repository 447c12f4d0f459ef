"""uvicorn's HTTP protocol, but what is no HTTP gets the documented body, and headers have a bound."""

import asyncio
from typing import Any, cast

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from gateway.errors import InvalidRequest
from gateway.http.headers import EVERY_ANSWER, JSON_ANSWER
from gateway.http.joined import Joined
from gateway.http.request_id import new_request_id

_HEAD = b"".join(b"%b: %b\r\n" % header for header in (*JSON_ANSWER, *EVERY_ANSWER))
_MOST_HEADER_BYTES = 64 * 1024
_MOST_HEADERS = 200
_take_header = HttpToolsProtocol.on_header


class HttpProtocol(HttpToolsProtocol):
    """Stock uvicorn answers broken HTTP with text/plain and takes headers without end under httptools."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._header_bytes = 0

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        # Not by `_count` and `super`: this runs for every header of every request.
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > _MOST_HEADER_BYTES or len(self.headers) > _MOST_HEADERS:
            raise _too_large()
        _take_header(self, name, value)

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        # Of these, a head is all that is ever written, or not the first thing.
        if not self.expect_100_continue and self.scope["method"] != "HEAD":
            self.cycle.transport = cast("asyncio.Transport", Joined(self.transport))

    def _count(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > _MOST_HEADER_BYTES or len(self.headers) > _MOST_HEADERS:
            raise _too_large()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 (uvicorn's own signature)
        error = InvalidRequest.of("request", "http", "The request is not HTTP/1.1, or its headers are too large")
        self._send_json(400, error.body())

    def _send_json(self, status: int, body: dict[str, Any]) -> None:
        encoded = orjson.dumps(body)
        head = b"x-request-id: %b\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % (new_request_id(), len(encoded))
        self.transport.write(STATUS_LINE[status] + _HEAD + head + encoded)
        self.transport.close()


def _too_large() -> ValueError:
    # httptools turns an exception of a callback into HttpParserError, which ends in send_400_response.
    return ValueError("request line and headers are too large")
