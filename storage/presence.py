"""Whether the database still is where it was opened.

A file that was moved, deleted or replaced goes on living for whoever has it open: SQLite would write into it without an
error, and what was answered would be lost. So the names are looked up again, and compared with what was opened. The log
and its index count as well: with another of either, two processes would not see each other's writes.
"""

import os
import time
from pathlib import Path

from storage.runner import StoreError

# How old, in seconds, what a reader knows may be.
_BETWEEN_LOOKS = 0.25

_Identity = tuple[tuple[int, int], ...]


class Presence:
    """Of one database file, with the two that SQLite keeps beside it while it is open."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._names = tuple(os.fspath(path) + suffix for suffix in ("", "-wal", "-shm"))
        self._opened: _Identity | None = None
        self._looked_at = float("-inf")

    def begin(self) -> None:
        """What stands there now is what was opened. Raises StoreError where something is missing."""
        self._opened = self._look()
        if self._opened is None:
            raise self._gone()

    def check(self) -> None:
        """Raise StoreError unless all is where it was. Costs a few microseconds; for any thread."""
        if self._opened is not None and self._look() != self._opened:
            raise self._gone()

    def check_now_and_then(self) -> None:
        """As `check`, but looks again only after a quarter of a second. For one thread."""
        moment = time.monotonic()
        if moment - self._looked_at >= _BETWEEN_LOOKS:
            self.check()
            self._looked_at = moment

    def _look(self) -> _Identity | None:
        try:
            found = [os.stat(name) for name in self._names]  # noqa: PTH116 - of a name that is made once, not each time
        except OSError:
            return None
        return tuple((file.st_dev, file.st_ino) for file in found)

    def _gone(self) -> StoreError:
        return StoreError(
            f"The database {self._path} is not the one that was opened: it, or its -wal or -shm file, was moved, "
            "deleted or replaced. Put it back, or stop the service before another takes its place."
        )
