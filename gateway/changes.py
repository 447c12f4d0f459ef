"""Tells who listens that something was configured, by whatever process: one look at the store for all of them."""

import asyncio
import contextlib
import contextvars
from collections.abc import Iterator

from storage.runner import Store, StoreError

_BETWEEN_LOOKS = 0.25
# Time passes without a change, and things expire: every listener looks for itself this often.
_LOOKS_A_SECOND = 4


class Changes:
    """Watches the store's generation while somebody listens, and only then."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._listeners: set[asyncio.Event] = set()
        self._watching: asyncio.Task[None] | None = None
        # Set once the service is about to stop: listeners say their last word.
        self.stopping = False

    @contextlib.contextmanager
    def listening(self) -> Iterator[asyncio.Event]:
        """An event that is set after a change, once a second in any case, and when the service stops."""
        event = asyncio.Event()
        self._listeners.add(event)
        if self.stopping:
            event.set()
        elif self._watching is None:
            watch = self._watch(self._store.generation())
            # Not in the context of the request that happened to come first: its id is none of the others' business.
            self._watching = asyncio.get_running_loop().create_task(watch, context=contextvars.Context())
        try:
            yield event
        finally:
            self._listeners.discard(event)
            if not self._listeners:
                self._rest()

    def stop(self) -> None:
        """Wake every listener for the last time."""
        self.stopping = True
        self._wake()
        self._rest()

    def _rest(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            self._watching = None

    def _wake(self) -> None:
        for event in self._listeners:
            event.set()

    async def _watch(self, seen: int) -> None:
        looks = 0
        while True:
            await asyncio.sleep(_BETWEEN_LOOKS)
            looks += 1
            generation = seen
            with contextlib.suppress(StoreError):  # busy: the next look will tell
                generation = self._store.generation()
            if generation != seen or looks % _LOOKS_A_SECOND == 0:
                seen = generation
                self._wake()
