"""HTTP parsed by httptools, the faster of the two."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.http.connections import Lined, too_much


class HttpToolsLine(Lined, HttpToolsProtocol):
    """httptools itself takes headers without end."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._header_bytes = 0

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def listen(self) -> None:
        # Pipelined requests wait outside until their turn comes.
        if not self.pipeline:
            super().listen()

    def _count(self, size: int) -> None:
        self._header_bytes += size
        if too_much(self._header_bytes, len(self.headers)):
            # httptools turns an exception of a callback into HttpParserError, which ends in send_400_response.
            raise ValueError("request line and headers are too large")
