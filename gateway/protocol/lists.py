"""Lists as bytes, kept until what they say has changed: the server, the catalogue, or who asks in which revision."""

from collections import OrderedDict
from collections.abc import Hashable

MOST_ENTRIES = 2_048
MOST_BYTES = 64 * 1024 * 1024


class Lists:
    """The lists asked for last, within bounds of number and bytes.

    `catalogue` is whatever object the list was made from: another one, be it equal, means that the list is made anew.
    """

    __slots__ = ("_bytes", "_kept", "_most_bytes", "_most_entries")

    def __init__(self, most_entries: int = MOST_ENTRIES, most_bytes: int = MOST_BYTES) -> None:
        self._most_entries = most_entries
        self._most_bytes = most_bytes
        # The catalogue is held, so that no other object can have its identity meanwhile.
        self._kept: OrderedDict[Hashable, tuple[object, bytes]] = OrderedDict()
        self._bytes = 0

    def get(self, key: Hashable, catalogue: object) -> bytes | None:
        found = self._kept.get(key)
        if found is None:
            return None
        if found[0] is not catalogue:
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return found[1]

    def put(self, key: Hashable, catalogue: object, encoded: bytes) -> None:
        self._drop(key)
        if len(encoded) > self._most_bytes // 4:
            return
        self._kept[key] = (catalogue, encoded)
        self._bytes += len(encoded)
        while len(self._kept) > self._most_entries or self._bytes > self._most_bytes:
            self._drop(next(iter(self._kept)))

    def __len__(self) -> int:
        return len(self._kept)

    def _drop(self, key: Hashable) -> None:
        found = self._kept.pop(key, None)
        if found is not None:
            self._bytes -= len(found[1])
