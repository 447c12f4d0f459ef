"""A platform that takes calls and never answers, and knows which of its callers are still there."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any


class Silent:
    """Counts the calls that came, and those whose connection is still open."""

    def __init__(self) -> None:
        self.url = ""
        self.came = 0
        self.open = 0
        self.loop: asyncio.AbstractEventLoop

    def document(self) -> dict[str, Any]:
        """Its OpenAPI document: one action `wait`, which reads, and one `keep`, which writes. No credential."""
        answers = {"responses": {"200": {"description": "ok"}}}
        return {
            "openapi": "3.0.3",
            "info": {"title": "Silent", "version": "1"},
            "servers": [{"url": self.url}],
            "paths": {
                "/wait": {
                    "get": {"operationId": "wait", "summary": "wait", **answers},
                    "post": {"operationId": "keep", "summary": "keep", **answers},
                }
            },
        }

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: at most one call, and then whatever comes until the other side closes."""
        called = False
        try:
            await reader.readuntil(b"\r\n\r\n")
            called = True
            self.came += 1
            self.open += 1
            while await reader.read(1024):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open -= called
            writer.close()

    def waits_for(self, *, came: int | None = None, open_: int | None = None, seconds: float = 25) -> bool:
        """Whether the numbers become so in time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if came in (None, self.came) and open_ in (None, self.open):
                return True
            time.sleep(0.02)
        return False


@contextlib.contextmanager
def silence() -> Iterator[Silent]:
    platform = Silent()
    ready = threading.Event()
    done = asyncio.Event()

    async def run() -> None:
        platform.loop = asyncio.get_running_loop()
        server = await asyncio.start_server(platform.serve, "127.0.0.1", 0, backlog=512)
        platform.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()
        await done.wait()
        server.close()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield platform
    finally:
        platform.loop.call_soon_threadsafe(done.set)
        thread.join()
