"""The load: `python -m benchmarks.load PORT REQUEST_FILE`, a closed loop over connections that are kept alive.

Each connection sends the bytes of the file, waits for the whole answer, and sends them again. Printed as JSON: how many
answers came, how long that took, and how long they took each. An answer other than 200 ends it with an error.
"""

import argparse
import asyncio
import json
import time
from pathlib import Path
from typing import cast

import httptools
import uvloop


class LoadError(Exception):
    """The server did not do what it should."""


class Loop(asyncio.Protocol):
    """One connection."""

    def __init__(self, request: bytes, until: float, done: asyncio.Future[None], times: list[float]) -> None:
        self._request = request
        self._until = until
        self._done = done
        self._times = times
        self._parser = httptools.HttpResponseParser(self)
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        now = time.perf_counter()
        self._times.append(now - self._sent)
        if (status := self._parser.get_status_code()) != 200:
            self._fail(f"the answer was {status}")
        elif now < self._until:
            self._send()
        else:
            self._finish()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(f"the connection was lost: {exc}")

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._request)

    def _fail(self, why: str) -> None:
        if not self._done.done():
            self._done.set_exception(LoadError(why))

    def _finish(self) -> None:
        self._done.set_result(None)
        self._transport.close()


async def run(port: int, request: bytes, connections: int, seconds: float) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    times: list[float] = []
    begun = time.perf_counter()
    ends: list[asyncio.Future[None]] = [loop.create_future() for _ in range(connections)]
    for end in ends:

        def connection(end: asyncio.Future[None] = end) -> Loop:
            return Loop(request, begun + seconds, end, times)

        await loop.create_connection(connection, "127.0.0.1", port)
    await asyncio.gather(*ends)
    spent = time.perf_counter() - begun
    times.sort()
    return {
        "answers": len(times),
        "seconds": spent,
        "p50_ms": times[len(times) // 2] * 1000,
        "p99_ms": times[len(times) * 99 // 100] * 1000,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Send one request again and again.")
    parser.add_argument("port", type=int)
    parser.add_argument("request", type=Path)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=2.0)
    options = parser.parse_args()
    try:
        answer = uvloop.run(run(options.port, options.request.read_bytes(), options.connections, options.seconds))
    except (LoadError, OSError) as error:
        raise SystemExit(str(error)) from None
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
