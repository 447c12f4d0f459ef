"""A steady load: `python -m benchmarks.steady PORT REQUEST_FILE --rate N`, so many requests a second, come what may.

Each is counted from the moment when it was due, so that a server that stalls cannot put off being asked. Printed as
JSON. An answer other than 200 counts as failed. `--storm` is a closed loop instead, to which any answer is right.
"""

import argparse
import asyncio
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any, cast

import httptools
import uvloop

_PATIENCE = 30.0


class Connection(asyncio.Protocol):
    """One connection that is kept alive; `ask` may be called again when its answer is there."""

    def __init__(self) -> None:
        self._answer: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._parser = httptools.HttpResponseParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(self._parser.get_status_code())

    def connection_lost(self, _: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(0)

    async def ask(self, request: bytes) -> int:
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self._answer


async def _open(port: int) -> Connection:
    _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
    return connection


async def steady(port: int, request: bytes, rate: float, seconds: float) -> dict[str, Any]:
    idle: list[Connection] = []
    times: list[float] = []
    statuses: Counter[int] = Counter()

    async def one(due: float) -> None:
        connection = idle.pop() if idle else await _open(port)
        status = await connection.ask(request)
        times.append(time.perf_counter() - due)
        statuses[status] += 1
        if not connection.transport.is_closing():
            idle.append(connection)

    begun = time.perf_counter()
    tasks = []
    for number in range(int(rate * seconds)):
        due = begun + number / rate
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.create_task(one(due)))
    async with asyncio.timeout(_PATIENCE):
        await asyncio.gather(*tasks)
    times.sort()
    return {
        "answers": len(times),
        "failed": len(times) - statuses[200],
        "p50_ms": round(times[len(times) // 2] * 1000, 3),
        "p99_ms": round(times[len(times) * 99 // 100] * 1000, 3),
        "longest_ms": round(times[-1] * 1000, 3),
    }


async def storm(port: int, request: bytes, connections: int, seconds: float, pause: float) -> dict[str, Any]:
    statuses: Counter[int] = Counter()
    until = time.perf_counter() + seconds

    async def one() -> None:
        connection = await _open(port)
        while time.perf_counter() < until:
            statuses[await connection.ask(request)] += 1
            if connection.transport.is_closing():
                connection = await _open(port)
            await asyncio.sleep(pause)

    tasks = [asyncio.create_task(one()) for _ in range(connections)]
    # Those that still wait for an answer go away without it.
    await asyncio.wait(tasks, timeout=seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return {"statuses": {str(status): number for status, number in sorted(statuses.items())}}


def main() -> None:
    parser = argparse.ArgumentParser(description="Send one request at a steady rate.")
    parser.add_argument("port", type=int)
    parser.add_argument("request", type=Path)
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--storm", type=int, metavar="CONNECTIONS", help="a closed loop over so many connections")
    parser.add_argument(
        "--pause", type=float, default=0.0, help="seconds between an answer and the next call of a storm"
    )
    options = parser.parse_args()
    request = options.request.read_bytes()
    if options.storm:
        told = uvloop.run(storm(options.port, request, options.storm, options.seconds, options.pause))
    else:
        told = uvloop.run(steady(options.port, request, options.rate, options.seconds))
    print(json.dumps(told))


if __name__ == "__main__":
    main()
