"""A platform that misbehaves, each path in its own way: `python -m benchmarks.peers.stormy PORT`."""

import asyncio
import gzip
import json
import sys
from typing import Any, cast

import uvloop

_HEAD = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\n%s\r\n"
_CHUNKED = b"Transfer-Encoding: chunked\r\n"
_BLOCK = b"10000\r\n" + b"1" * 65536 + b"\r\n"


def _whole(body: bytes, status: bytes = b"200 OK", field: bytes = b"") -> bytes:
    return _HEAD % (status, field + b"Content-Length: %d\r\n" % len(body)) + body


def _rows(number: int) -> bytes:
    rows = [
        {"id": n, "name": f"Row {n}", "tags": ["a", "b"], "note": "x" * 100, "done": n % 2 == 0} for n in range(number)
    ]
    return json.dumps(rows).encode()


ANSWERS = {
    "good": _whole(b'{"good": true}'),
    "status-503": _whole(b"{}", b"503 Busy"),
    "bomb": _whole(gzip.compress(bytes(10_000_000)), field=b"Content-Encoding: gzip\r\n"),
    "large": _whole(_rows(5_000)),
    "largest": _whole(_rows(55_000)),
    "dense": _whole(b"[" + b"0," * 4_900_000 + b"0]"),
}
PATHS = (*ANSWERS, "black-hole", "slow-body", "endless", "reset")


class Stormy(asyncio.Protocol):
    """One connection. Requests have no body and come one by one."""

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._loop = asyncio.get_running_loop()

    def connection_lost(self, _: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False

    def data_received(self, data: bytes) -> None:
        name = data.split(b" ", 2)[1].strip(b"/").decode()
        if name in ANSWERS:
            self._transport.write(ANSWERS[name])
        elif name == "reset":
            self._transport.abort()
        elif name == "slow-body":
            self._transport.write(_HEAD % (b"200 OK", _CHUNKED))
            self._pour(b"1\r\n1\r\n", 0.05)
        elif name == "endless":
            self._transport.write(_HEAD % (b"200 OK", _CHUNKED))
            self._pour(_BLOCK, 0)
        elif name != "black-hole":
            self._transport.write(_whole(b"{}", b"200 OK"))

    def _pour(self, piece: bytes, pause: float) -> None:
        if self._transport.is_closing():
            return
        if not self._paused:
            self._transport.write(piece)
        self._timer = self._loop.call_later(pause or (0.001 if self._paused else 0), self._pour, piece, pause)


def document(url: str) -> dict[str, Any]:
    """Its OpenAPI document, without a credential."""
    answers = {"responses": {"200": {"description": "ok"}}}
    paths = {f"/{name}": {"get": {"operationId": name, "summary": name, **answers}} for name in PATHS}
    return {"openapi": "3.0.3", "info": {"title": "Storm", "version": "1"}, "servers": [{"url": url}], "paths": paths}


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Stormy, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
