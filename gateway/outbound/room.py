"""Large answers: how many are held at once, and when each may be worked on.

To read 10 MiB of JSON takes the event loop, and orjson the interpreter, for 50 ms, whichever thread does it. That
cannot be split, so it is spread: one large answer is worked on at a time, and then everything else has twice that time.
What a tenant's large answers wait for is above all each other, since tenants take turns.
"""

import asyncio
import time

from gateway.outbound.slots import Place, Share, Slots

# Bytes. A body that is longer waits until it may be read on, and again until it may be worked on.
LARGE = 128 * 1024
# How many may be held at once, a quarter of them by one tenant.
HELD = 16
_REST = 2.0
# How far is read without a pause, in bytes, and the pause, in seconds for each that is held: all of them together are
# read at 200 MB a second at most, which takes a fifth of the event loop's time.
STRIDE = 1024 * 1024
_PAUSE = 0.005


class Rooms:
    """What all tenants share."""

    def __init__(self) -> None:
        self.held = Slots(HELD)
        self.worked_on = Slots(1)


class Room:
    """One tenant's part of it."""

    __slots__ = ("_rooms", "held", "worked_on")

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self.held = Place(Share(), HELD)
        self.worked_on = Place(Share(), 1)

    async def enter(self) -> None:
        """Wait until one more may be held. `leave` must follow."""
        await self._rooms.held.take(self.held)

    def leave(self) -> None:
        self._rooms.held.give(self.held)

    async def pause(self) -> None:
        """To be awaited after each STRIDE that is read."""
        await asyncio.sleep(_PAUSE * (HELD - self._rooms.held.free))

    async def turn(self) -> None:
        """Wait for a turn to work on an answer: until the next await of who asked, with nothing to follow."""
        await self._rooms.worked_on.take(self.worked_on)
        asyncio.get_running_loop().call_soon(self._worked, time.perf_counter())

    def _worked(self, since: float) -> None:
        spent = time.perf_counter() - since
        asyncio.get_running_loop().call_later(spent * _REST, self._rooms.worked_on.give, self.worked_on)
