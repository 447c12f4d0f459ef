"""How many calls may be under way at once. As asyncio.Semaphore, but free slots cost no coroutine (1 us a call)."""

import asyncio
from collections import deque


class Slots:
    """`number` slots, given to those who wait in the order of their coming."""

    __slots__ = ("_free", "_waiting")

    def __init__(self, number: int) -> None:
        self._free = number
        self._waiting: deque[asyncio.Future[None]] = deque()

    def take_now(self) -> bool:
        """Take a slot if one is free. Nobody is overtaken: a slot is only free when nobody waits."""
        if not self._free:
            return False
        self._free -= 1
        return True

    async def take(self) -> None:
        """Wait for a slot and take it."""
        if self.take_now():
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            elif not waiter.cancelled():
                # Handed over at the very moment of the cancellation: on to the next.
                self.give()
            raise

    def give(self) -> None:
        """Give a slot back, straight to whoever waits longest."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._free += 1
