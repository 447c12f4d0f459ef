"""A service in a thread of the test's own process, whose event loop can be looked into."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn

from gateway.access.caller import DEFAULT_ACCOUNT, FIRST_USER
from gateway.app import create_app
from gateway.assembly import build_gate
from gateway.gate import Gate
from gateway.http.server import protocol
from gateway.settings import Settings
from support.service import API_KEY, free_port


class Inside:
    """What support.service.Service is, as far as its tests need it, and the loop and the gate."""

    def __init__(self, data_dir: Path, port: int, http: str, **settings: Any) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.port = port
        self.key = API_KEY
        self.ready = threading.Event()
        self.gate: Gate
        self.loop: asyncio.AbstractEventLoop
        self._settings = Settings(
            data_dir=data_dir, port=port, http=http, rate_limit=0, egress_allow=("127.0.0.0/8",), **settings
        )
        self._server: uvicorn.Server

    def run(self) -> None:
        """Serve until `stop`."""
        self.gate = build_gate(self._settings)
        asyncio.run(self._serve())

    def stop(self) -> None:
        self._server.should_exit = True

    def tasks(self) -> set[str]:
        """What the loop still has to do."""
        return {repr(task) for task in asyncio.all_tasks(self.loop)}

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        await self.gate.keys.create(DEFAULT_ACCOUNT, FIRST_USER, key=API_KEY)
        config = uvicorn.Config(
            create_app(self.gate),
            port=self.port,
            http=protocol(self._settings.http),
            ws="none",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=5,
        )
        self._server = _Server(config, self.ready)
        await self._server.serve()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: threading.Event) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self._ready.set()


@contextlib.contextmanager
def inside(folder: Path, http: str = "httptools", **settings: Any) -> Iterator[Inside]:
    """Serve from a data directory in `folder`, by the given HTTP protocol."""
    service = Inside(folder / "data", free_port(), http, **settings)
    thread = threading.Thread(target=service.run)
    thread.start()
    try:
        assert service.ready.wait(20), "the service did not start"
        yield service
    finally:
        service.stop()
        thread.join()
