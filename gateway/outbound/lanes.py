"""What is remembered of each tenant: of each host it calls, whether that answers and how many calls are under way.

Nothing here is shared between tenants but the number of slots. A host that fails for one of them, which may have asked
it for what fails, is held back for that one alone.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Protocol, TypeVar

import aiohttp

from gateway.outbound.breaker import Breaker
from gateway.outbound.messages import Origin
from gateway.outbound.room import Room, Rooms
from gateway.outbound.slots import Place, Share


class Lane(Place):
    """The calls of one tenant to one origin, so that one slow host stops no other."""

    __slots__ = ("breaker",)

    def __init__(self, breaker: Breaker, share: Share, limit: int) -> None:
        super().__init__(share, limit)
        self.breaker = breaker


class _Idles(Protocol):
    @property
    def idle(self) -> bool: ...


Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value", bound=_Idles)


class Tenant(Share):
    """One account's share, and its lanes: those of the `hosts` used last. A host that is forgotten starts anew.

    `room` is where its calls take their turns with large answers, and `session` its own connections: what a
    platform sends on one of them can be taken for an answer to nobody else.
    """

    __slots__ = ("_hosts", "_lanes", "_make", "room", "session")

    def __init__(self, make: Callable[[Origin, Share], Lane], hosts: int, rooms: Rooms) -> None:
        super().__init__()
        self._make = make
        self._hosts = hosts
        self._lanes: OrderedDict[Origin, Lane] = OrderedDict()
        self.room = Room(rooms)
        self.session: aiohttp.ClientSession | None = None

    @property
    def idle(self) -> bool:
        return not self.calls

    @property
    def hosts(self) -> int:
        """How many are remembered."""
        return len(self._lanes)

    def lane(self, origin: Origin) -> Lane:
        lane = self._lanes.get(origin)
        if lane is None:
            lane = self._lanes[origin] = self._make(origin, self)
            _forget(self._lanes, self._hosts)
        else:
            self._lanes.move_to_end(origin)
        return lane


class Tenants:
    """The tenants that called last, `limit` of them, and beyond that only those that have calls under way.

    `left` is called with each one that is forgotten.
    """

    def __init__(self, make: Callable[[], Tenant], limit: int, left: Callable[[Tenant], None]) -> None:
        self._make = make
        self._limit = limit
        self._left = left
        self._tenants: OrderedDict[str, Tenant] = OrderedDict()

    def __len__(self) -> int:
        return len(self._tenants)

    def __iter__(self) -> Iterator[Tenant]:
        return iter(self._tenants.values())

    def of(self, name: str) -> Tenant:
        tenant = self._tenants.get(name)
        if tenant is None:
            tenant = self._tenants[name] = self._make()
            if (forgotten := _forget(self._tenants, self._limit)) is not None:
                self._left(forgotten)
        else:
            self._tenants.move_to_end(name)
        return tenant


def _forget(things: OrderedDict[Key, Value], limit: int) -> Value | None:
    """Take out the one used longest ago that is idle, never the newest, where there are more than `limit`."""
    if len(things) <= limit:
        return None
    newest = next(reversed(things))
    oldest = next((name for name, thing in things.items() if thing.idle and name != newest), None)
    return None if oldest is None else things.pop(oldest)
