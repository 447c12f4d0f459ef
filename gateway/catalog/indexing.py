"""The search index of one account's actions: built in a thread, and swapped when it is ready."""

import asyncio
from typing import TYPE_CHECKING

from gateway.catalog.model import Connector

if TYPE_CHECKING:
    from gateway.catalog.search import ActionIndex

# So long a search waits for what has just changed; then the index of before serves until the new one is there.
_PATIENCE = 1.0


class Indexing:
    """At most two indices at a time: the one that serves, and the one that is being built."""

    def __init__(self) -> None:
        self._index: ActionIndex | None = None
        self._of: tuple[Connector, ...] | None = None
        self._building: asyncio.Task[None] | None = None

    async def of(self, connectors: tuple[Connector, ...]) -> "ActionIndex":
        """The index of these connectors, which are the same tuple until one changes.

        While theirs takes long to build, the index of before: whoever reads it passes over what is gone.
        """
        if self._index is None or self._of is not connectors:
            if self._building is None:
                self._building = asyncio.create_task(self._build(connectors))
            patience = None if self._index is None else _PATIENCE
            await asyncio.wait({self._building}, timeout=patience)
            if self._building is not None and self._building.done():
                building, self._building = self._building, None
                building.result()
        assert self._index is not None
        return self._index

    async def _build(self, connectors: tuple[Connector, ...]) -> None:
        self._index = await asyncio.to_thread(_build_index, connectors)
        self._of = connectors


def _build_index(connectors: tuple[Connector, ...]) -> "ActionIndex":
    # numpy and the stemmer are loaded by the first search, not at start.
    from gateway.catalog.search import ActionIndex  # noqa: PLC0415 (for that reason)

    return ActionIndex.build(connectors)
