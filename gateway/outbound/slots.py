"""How many calls may be under way at once, and who gets the next one.

A slot is taken for a *lane*, the calls of one tenant to one origin. Nobody may hold more than is left free: a tenant no
more than is free of all slots, a lane no more than is free of its tenant's half. So whoever takes all that can be
taken leaves room for the next tenant, and within a tenant for the next host, and nothing is kept empty for those who
do not come. (Dynamic thresholds, as switches share their buffers: Choudhury and Hahne, 1998.)
"""

import asyncio
from collections import deque


class Share:
    """What one tenant holds: `held` slots; `calls` counts those that wait or pause between two tries as well."""

    __slots__ = ("calls", "held")

    def __init__(self) -> None:
        self.held = 0
        self.calls = 0


class Place:
    """Where slots are taken: `limit` of them at the most, on account of a tenant's share."""

    __slots__ = ("held", "limit", "share", "waiting")

    def __init__(self, share: Share, limit: int) -> None:
        self.share = share
        self.limit = limit
        self.held = 0
        self.waiting: deque[asyncio.Future[None]] = deque()

    @property
    def idle(self) -> bool:
        return not self.held and not self.waiting


class Slots:
    """`number` slots. Those who wait in one place get them in the order of their coming; places take turns."""

    __slots__ = ("_free", "_most", "_turns")

    def __init__(self, number: int) -> None:
        self._free = number
        # A tenant never has more than half, rounded up, since it may not hold more than is free.
        self._most = (number + 1) // 2
        self._turns: deque[Place] = deque()

    @property
    def free(self) -> int:
        return self._free

    def take_now(self, place: Place) -> bool:
        """Take a slot if one may be had at once. Nobody is overtaken in the same place."""
        if place.waiting or not self._may(place):
            return False
        self._take(place)
        return True

    async def take(self, place: Place) -> None:
        """Wait for a slot and take it."""
        if self.take_now(place):
            return
        waiter = asyncio.get_running_loop().create_future()
        if not place.waiting:
            self._turns.append(place)
        place.waiting.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter in place.waiting:
                place.waiting.remove(waiter)
                if not place.waiting:
                    self._turns.remove(place)
            elif not waiter.cancelled():
                # Handed over at the very moment of the cancellation: on to the next.
                self.give(place)
            raise

    def give(self, place: Place) -> None:
        """Give a slot back; whoever may now have one and has waited for it gets it."""
        place.held -= 1
        place.share.held -= 1
        self._free += 1
        if self._turns:
            self._pass_on()

    def _may(self, place: Place) -> bool:
        share = place.share
        return place.held < place.limit and share.held < self._free and place.held < self._most - share.held

    def _take(self, place: Place) -> None:
        place.held += 1
        place.share.held += 1
        self._free -= 1

    def _pass_on(self) -> None:
        # One round is enough: a slot that came back lets each place have one more, and who gets one takes from others.
        for _ in range(len(self._turns)):
            place = self._turns.popleft()
            if self._may(place):
                while place.waiting:
                    waiter = place.waiting.popleft()
                    # A cancelled waiter is still in its place until its task has run.
                    if not waiter.done():
                        self._take(place)
                        waiter.set_result(None)
                        break
            if place.waiting:
                self._turns.append(place)
