"""Whether the database still is where it was opened.

A file that was moved, deleted or replaced goes on living for whoever has it open: SQLite would write into it without an
error, and what was answered would be lost. So the names are looked up again, and compared with what was opened. The log
and its index count as well: with another of either, two processes would not see each other's writes.

Nothing is moved, deleted or replaced without a new modification time of the folder. A writer, which asks twice for each
batch, looks at that one, and at the three files only where it is another than before.
"""

import os
import time
from pathlib import Path

from storage.runner import StoreError

# How old, in seconds, what a reader knows may be.
_BETWEEN_LOOKS = 0.25
# How old, in nanoseconds, a folder's modification time must be to stand for what the folder holds: a change soon after
# the last may have the same, as clocks of file systems go by ticks, of 2 s in the coarsest.
_SETTLED = 3_000_000_000

_Identity = tuple[tuple[int, int], ...]


class Presence:
    """Of one database file, with the two that SQLite keeps beside it while it is open."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # Beside the file itself, where the path is a link.
        real = os.path.realpath(path)
        self._names = (os.fspath(path), f"{real}-wal", f"{real}-shm")
        # Of a link the files are elsewhere, and what this folder says of them is nothing.
        self._folder = None if path.is_symlink() else os.fspath(path.parent)
        self._settled: tuple[int, int, int] | None = None
        self._opened: _Identity | None = None
        self._looked_at = float("-inf")

    def begin(self) -> None:
        """What stands there now is what was opened. Raises StoreError where something is missing."""
        self._opened = self._look()
        if self._opened is None:
            raise self._gone()

    def check(self) -> None:
        """Raise StoreError unless all is where it was. Costs about a microsecond; for any thread."""
        if self._opened is None:
            return
        folder = self._look_at_folder()
        if folder is not None and folder == self._settled:
            return
        self._check_files()
        # As it was before the files were looked at.
        settled = folder is not None and abs(time.time_ns() - folder[2]) > _SETTLED
        self._settled = folder if settled else None

    def check_now_and_then(self) -> None:
        """Looks at the files, but again only after a quarter of a second. For one thread. Raises as `check`."""
        moment = time.monotonic()
        if moment - self._looked_at >= _BETWEEN_LOOKS:
            self._check_files()
            self._looked_at = moment

    def _check_files(self) -> None:
        if self._opened is not None and self._look() != self._opened:
            raise self._gone()

    def _look_at_folder(self) -> tuple[int, int, int] | None:
        if self._folder is None:
            return None
        try:
            found = os.stat(self._folder)  # noqa: PTH116 - as below
        except OSError:
            return None
        return found.st_dev, found.st_ino, found.st_mtime_ns

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
