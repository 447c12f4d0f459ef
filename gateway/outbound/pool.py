"""The connections that are kept for the next call."""

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp.connector import Connection

if TYPE_CHECKING:
    from aiohttp.client_reqrep import ConnectionKey
    from aiohttp.tracing import Trace


class Pool(aiohttp.TCPConnector):
    """Uses no connection again on which something came that nobody asked for.

    aiohttp looks for that when a connection is given back, and not when it is taken out: an answer too many that came
    in between would be the answer to the next call, which may be another user's.
    """

    def _get(self, key: "ConnectionKey", traces: "list[Trace]") -> Coroutine[Any, Any, Connection | None]:
        # In the order in which aiohttp takes them; what is closed is passed over by it.
        for protocol, _ in self._conns.get(key, ()):
            if not protocol.should_close:
                break
            protocol.close()
        return super()._get(key, traces)
