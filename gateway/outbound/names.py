"""Names to addresses, in threads of its own.

A name server that does not answer holds the thread that asks for it, for 10 seconds and more, and the event loop's own
resolver has only four (libuv's pool) or the few that everything else uses too. So the threads are shared as calls are:
one tenant has 16 of the 64, and whoever comes next has some.
"""

import asyncio
import contextlib
import contextvars
import socket
from concurrent.futures import ThreadPoolExecutor

from aiohttp.abc import AbstractResolver, ResolveResult

from gateway.outbound.slots import Place, Share, Slots

THREADS = 64
# On whose behalf this task looks a name up. aiohttp makes a task for it, which inherits this.
ASKING: contextvars.ContextVar[Share | None] = contextvars.ContextVar("ASKING", default=None)
_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


class Resolver(AbstractResolver):
    """The system's resolver (`getaddrinfo`). Raises OSError where a name has no address."""

    def __init__(self, threads: int = THREADS) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="names")
        self._slots = Slots(threads)
        # By tenant, as long as it asks for something.
        self._places: dict[Share | None, Place] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a host, in the order in which the system prefers them."""
        asking = ASKING.get()
        place = self._places.get(asking)
        if place is None:
            place = self._places[asking] = Place(Share(), THREADS)
        try:
            await self._slots.take(place)
        except asyncio.CancelledError:
            self._leave(asking, place)
            raise
        loop = asyncio.get_running_loop()
        try:
            future = self._threads.submit(_look_up, host, port, family)
        except RuntimeError:
            self._slots.give(place)
            raise OSError("no more names are looked up") from None

        def done(_: object) -> None:
            self._slots.give(place)
            self._leave(asking, place)

        def tell(_: object) -> None:
            # The thread is taken until the system gives up, also when nobody waits for it any more.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(done, None)

        future.add_done_callback(tell)
        return await asyncio.wrap_future(future)

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _leave(self, asking: Share | None, place: Place) -> None:
        if place.idle and self._places.get(asking) is place:
            del self._places[asking]


def _look_up(host: str, port: int, family: int) -> list[ResolveResult]:
    found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return [
        ResolveResult(
            hostname=host,
            # A link-local address is none without its zone.
            host=f"{address[0]}%{address[3]}" if len(address) == 4 and address[3] else str(address[0]),
            port=int(address[1]),
            family=kind,
            proto=protocol,
            flags=_NUMERIC,
        )
        for kind, _, protocol, _, address in found
        # Two members: a Python without IPv6 gives what cannot be called.
        if kind in (socket.AF_INET, socket.AF_INET6) and isinstance(address[0], str)
    ]
