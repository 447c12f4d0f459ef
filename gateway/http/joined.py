"""An answer in one piece."""

import asyncio


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
