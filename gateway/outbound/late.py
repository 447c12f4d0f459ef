"""The one HTTP client, made when it is needed: most commands of the command line call nobody."""

from collections.abc import Awaitable
from functools import cached_property
from typing import TYPE_CHECKING

from gateway.outbound.guard import Guard
from gateway.outbound.messages import Request, Response

if TYPE_CHECKING:
    from gateway.outbound.client import OutboundClient


class LateClient:
    """An OutboundClient that costs nothing before its first use. A service makes `client` at start."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    @cached_property
    def client(self) -> "OutboundClient":
        # aiohttp and the certificates take an eighth of a second.
        from gateway.outbound.client import OutboundClient  # noqa: PLC0415 (for that reason)

        return OutboundClient(self._guard)

    def send(self, request: Request) -> Awaitable[Response]:
        """See OutboundClient.send."""
        return self.client.send(request)

    async def close(self) -> None:
        """See OutboundClient.close."""
        if "client" in self.__dict__:
            await self.client.close()
