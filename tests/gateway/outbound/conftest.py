"""Small real servers on loopback, and clients that may reach them. Each test runs on asyncio's loop and on uvloop."""

import asyncio
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from outbound_support import LOOPBACK, Make, Platform, Reply, Serve

from gateway.outbound.client import OutboundClient
from gateway.outbound.guard import Guard


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    factories: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    if sys.platform != "win32":
        import uvloop  # noqa: PLC0415 (not made for Windows)

        factories["uvloop"] = uvloop.new_event_loop
    return factories


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts a Platform: `await serve(reply, host="127.0.0.1", port=0, tls=None)`."""
    tasks: set[asyncio.Task[None]] = set()
    servers: list[asyncio.Server] = []

    async def start(
        reply: Reply | bytes, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
    ) -> Platform:
        platform = Platform((lambda _: reply) if isinstance(reply, bytes) else reply, host)

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(platform.handle(reader, writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        server = await asyncio.start_server(accept, host, port, ssl=tls)
        servers.append(server)
        platform.port = server.sockets[0].getsockname()[1]
        platform.scheme = "https" if tls else "http"
        return platform

    yield start
    for server in servers:
        server.close()
    for task in list(tasks):
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    """Makes an OutboundClient that may reach loopback, retries almost at once, and is closed at the end."""
    clients: list[OutboundClient] = []

    def build(allow: list[str] = LOOPBACK, **options: Any) -> OutboundClient:
        # A context without the system's certificates: loading them takes 30 ms a client.
        options.setdefault("ssl_context", ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        options.setdefault("backoff", 0.001)
        clients.append(OutboundClient(Guard(allow), **options))
        return clients[-1]

    yield build
    for client in clients:
        await client.close()


@pytest.fixture
def free_port() -> Iterator[int]:
    """A port that nobody listens on while the test runs."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]
