"""uvicorn's server, but for how it begins and how it ends."""

import asyncio
import contextlib
import gc
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

import click
import uvicorn
from uvicorn.server import HANDLED_SIGNALS

from gateway.gate import Gate
from gateway.http.sweeping import Sweeper

# How long, in seconds, what was told to end has for its last words: a row in the audit trail, and an answer.
_LAST_WORDS = 2.0
_BETWEEN_LOOKS = 0.1


class Server(uvicorn.Server):
    """Says where it serves once it really does. When it is told to stop, whoever has been heard gets an answer.

    At the first signal nothing more is accepted and idle connections are closed; requests that are under way go on, and
    open streams say their last word. Two seconds before the grace is over, calls that still wait for a platform are
    answered 503; when it is over, or at a second signal, everything else is, too.
    """

    def __init__(self, config: uvicorn.Config, gate: Gate) -> None:
        super().__init__(config)
        self._gate = gate
        self._sweeping: asyncio.Task[None] | None = None

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        # What is there now stays to the end: the collector need not walk through it again and again.
        gc.collect()
        gc.freeze()
        if self.started:
            self._sweeping = asyncio.create_task(Sweeper(self.server_state.connections).run())
            settings = self._gate.settings
            click.echo(f"Toolgate serves {settings.public_url} (data in {settings.data_dir})")

    async def shutdown(self, sockets: Any = None) -> None:
        # Streams have no end of their own: uvicorn would wait for them until its patience ends.
        self._gate.changes.stop()
        seeing_off = asyncio.create_task(self._see_off(self._gate.settings.shutdown_seconds))
        try:
            await super().shutdown(sockets)
        finally:
            seeing_off.cancel()
            if self._sweeping is not None:
                self._sweeping.cancel()
        if self.force_exit:
            await self._gate.outbound.close()
            await self._ended(_LAST_WORDS / 2)
            for task in self.server_state.tasks:
                task.cancel()
            await self._ended(_LAST_WORDS / 2)
            # uvicorn leaves it out.
            await self.lifespan.shutdown()

    async def _ended(self, seconds: float) -> None:
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=seconds)

    async def _see_off(self, grace: float) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + max(grace - _LAST_WORDS, grace / 2)
        while loop.time() < end:
            await asyncio.sleep(_BETWEEN_LOOKS)
            # Again: some were accepted just before the end, and uvicorn asks once.
            for connection in list(self.server_state.connections):
                connection.shutdown()
        await self._gate.outbound.close()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # As uvicorn's own, which afterwards raises the signal again: a stop that was asked for is no failure.
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in HANDLED_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 (uvicorn's own signature)
        self.force_exit = self.should_exit
        self.should_exit = True
