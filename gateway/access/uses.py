"""When each API key was last used: noted in memory, and written later, many at once."""

import asyncio
import logging
import time
from collections.abc import Callable

from sqlalchemy import Connection

from storage import keys as statements
from storage.runner import Store, StoreError
from storage.times import now

# All in seconds: how exact `lastUsedAt` is, and how long a use waits for others to be written with.
EXACT_TO = 60.0
WAITS = 1.0
# A use that is not noted again within this many other keys' uses is forgotten, and written once more than needed.
_MOST_REMEMBERED = 10_000
_log = logging.getLogger(__name__)


class KeyUses:
    """Notes uses without waiting for anything. `clock` is monotonic, in seconds.

    A key's use is written at most once in a minute; what a crash loses is the last second's. A write that fails is not
    tried again: the next use will be.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._noted: dict[str, float] = {}
        self._waiting: dict[str, str] = {}
        self._writing: asyncio.Task[None] | None = None

    def note(self, key_id: str) -> None:
        """The key has just been used. In the event loop."""
        moment = self._clock()
        last = self._noted.get(key_id)
        if last is not None and moment - last < EXACT_TO:
            return
        if len(self._noted) >= _MOST_REMEMBERED:
            self._noted.clear()
        self._noted[key_id] = moment
        self._waiting[key_id] = now()
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._write_soon())

    async def close(self) -> None:
        """Write what is waiting."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
            self._writing = None
        await self._write()

    async def _write_soon(self) -> None:
        while self._waiting:
            await asyncio.sleep(WAITS)
            await self._write()

    async def _write(self) -> None:
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, {}

        def job(connection: Connection) -> None:
            for key_id, at in waiting.items():
                connection.execute(statements.USED, {"of_key": key_id, "at": at})

        try:
            await self._store.write(job)
        except StoreError as error:
            _log.warning("The last use of %d API key(s) is not written: %s", len(waiting), error)
