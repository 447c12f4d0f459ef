"""uvicorn's HTTP protocol, but what is no HTTP gets the documented body, and headers have a bound."""

from typing import Any

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from gateway.errors import InvalidRequest
from gateway.http.headers import EVERY_ANSWER, JSON_ANSWER
from gateway.http.request_id import new_request_id

_HEAD = b"".join(b"%b: %b\r\n" % header for header in (*JSON_ANSWER, *EVERY_ANSWER))
_MOST_HEADER_BYTES = 64 * 1024
_MOST_HEADERS = 200


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
