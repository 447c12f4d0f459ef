"""HTTP parsed by httptools, the faster of the two."""

import asyncio
from typing import cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.http.connections import MOST_HEADER_BYTES, MOST_HEADERS, Lined, too_much
from gateway.http.joined import Joined

_take_header = HttpToolsProtocol.on_header


class HttpToolsLine(Lined, HttpToolsProtocol):
    """httptools itself takes headers without end."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._header_bytes = 0

    def on_url(self, url: bytes) -> None:
        self._header_bytes += len(url)
        if too_much(self._header_bytes, 0):
            raise _too_large()
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        # Not by `too_much` and `super`: this runs for every header of every request.
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > MOST_HEADER_BYTES or len(self.headers) > MOST_HEADERS:
            raise _too_large()
        _take_header(self, name, value)

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        # Of these, a head is all that is ever written, or not the first thing.
        if not self.expect_100_continue and self.scope["method"] != "HEAD":
            self.cycle.transport = cast("asyncio.Transport", Joined(self.transport))

    def listen(self) -> None:
        # Pipelined requests wait outside until their turn comes.
        if not self.pipeline:
            super().listen()


def _too_large() -> ValueError:
    # httptools turns an exception of a callback into HttpParserError, which ends in send_400_response.
    return ValueError("request line and headers are too large")
