"""What our HTTP protocols have more than uvicorn's: documented bodies, bounds, and the line that a request came by."""

import asyncio
from typing import TYPE_CHECKING

import orjson

from gateway.errors import InvalidRequest, ToolgateError, Unavailable
from gateway.http.headers import EVERY_ANSWER, JSON_ANSWER
from gateway.http.lines import LINE, Line
from gateway.http.request_id import new_request_id

MOST_HEADER_BYTES = 64 * 1024
MOST_HEADERS = 200

_FIELDS = b"".join(b"%b: %b\r\n" % header for header in (*JSON_ANSWER, *EVERY_ANSWER))

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as _Protocol
else:
    _Protocol = object


class Lined(_Protocol):
    """What both protocols have more than uvicorn's: stands before them in the order of inheritance."""

    # How many may be open at once; None: as many as come.
    most_connections: int | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        self.line = Line(transport.abort, self.listen)
        self.app_state = {**self.app_state, LINE: self.line}
        if self.most_connections is not None and len(self.connections) > self.most_connections:
            error = Unavailable("Too many connections at once; try again")
            self._refuse(b"503 Service Unavailable\r\nretry-after: 1", error)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.line.lose()

    def listen(self) -> None:
        """Read on after a large body, at whose end uvicorn leaves the connection paused and deaf to its end."""
        self.flow.resume_reading()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 (uvicorn's own signature)
        error = InvalidRequest.of("request", "http", "The request is not HTTP/1.1, or its headers are too large")
        self._refuse(b"400 Bad Request", error)

    def _refuse(self, status: bytes, error: ToolgateError) -> None:
        encoded = orjson.dumps(error.body())
        head = b"HTTP/1.1 %b\r\n%bx-request-id: %b\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
        self.transport.write(head % (status, _FIELDS, new_request_id(), len(encoded)) + encoded)
        self.transport.close()


def too_much(size: int, number: int) -> bool:
    """Whether the request line and `number` headers, `size` bytes together, are more than anybody needs."""
    return size > MOST_HEADER_BYTES or number > MOST_HEADERS
