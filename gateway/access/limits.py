"""How often: a sliding window of one minute per caller, counted in this process."""

import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass

from limits.storage import MemoryStorage

from gateway.errors import RateLimited

# Two counters (this minute's and the last one's) for each of 50,000 callers: about 30 MB when full.
_MOST_COUNTERS = 100_000
_LONGEST_KEY = 64
_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Window:
    """What is left to one caller: `reset` is in whole seconds, until `remaining` grows again (0: nothing is used)."""

    limit: int
    remaining: int
    reset: int


class _BoundedStorage(MemoryStorage):
    """The library's memory storage, swept and bounded as it counts, by a clock that nobody can put back.

    The library sweeps in a thread that walks all counters a hundred times a second, and holds as many as come.
    """

    def __init__(self) -> None:
        super().__init__()
        self.timer.cancel()
        # A plain dict looks for its first entry among all those deleted before it.
        self.expirations = OrderedDict()

    def get(self, key: str) -> int:
        if self.expirations.get(key, 0) <= time.monotonic():
            self.clear(key)
        return self.storage.get(key, 0)

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        now = time.monotonic()
        # Counters live equally long, so the first one made is the first to end: nothing is walked.
        while self.expirations:
            oldest = next(iter(self.expirations))
            if self.expirations[oldest] > now and (len(self.expirations) < _MOST_COUNTERS or key in self.expirations):
                break
            self.clear(oldest)
        self.expirations.setdefault(key, now + expiry)
        self.storage[key] += amount
        return self.storage[key]


class RateLimiter:
    """Counts requests by key (an API key's id, a server's, an address); `per_minute` 0 switches it off.

    A sliding window counter, as the `limits` library has it: this minute's requests and the share of the last minute's
    that the past 60 seconds still cover. Memory is bounded: beyond 50,000 callers in two minutes the oldest start anew.
    For one event loop; it does no I/O.
    """

    def __init__(self, per_minute: int) -> None:
        self.limit = per_minute
        self._storage = _BoundedStorage()

    def hit(self, key: str) -> Window | None:
        """Count one request, and say what is left; None where there is no limit.

        Raises RateLimited, with the seconds after which the next one passes, beyond the limit.
        """
        if not self.limit:
            return None
        # The library would answer yes or no, and looking at what is left would cost as much again.
        now = time.monotonic()
        before, this = self._storage.sliding_window_keys(_short(key), _MINUTE, now)
        previous, current = self._storage.get(before), self._storage.get(this)
        if int(previous * (_MINUTE - now % _MINUTE) / _MINUTE) + current >= self.limit:
            raise RateLimited(self._window(now, previous, current).reset)
        # Counted for two minutes: in the next one it is the last one's.
        return self._window(now, previous, self._storage.incr(this, 2 * _MINUTE))

    def window(self, key: str) -> Window:
        """What is left to `key`, for headers; a limit of 0 means that there is none."""
        if not self.limit:
            return Window(0, 0, 0)
        now = time.monotonic()
        before, this = self._storage.sliding_window_keys(_short(key), _MINUTE, now)
        return self._window(now, self._storage.get(before), self._storage.get(this))

    def _window(self, now: float, previous: int, current: int) -> Window:
        # Not the library's own figures: at the edge of a minute they say "now" for what takes a minute.
        left = _MINUTE - now % _MINUTE
        used = int(previous * left / _MINUTE) + current
        remaining = max(0, self.limit - used)
        if used == 0:
            return Window(self.limit, remaining, 0)
        # The last minute's share has to shrink below a whole number; then, when this minute ends, this minute's.
        wait = left - (used - current) * _MINUTE / previous if used > current else left
        # Below it, not to it: hence the next whole second, even on a whole one.
        return Window(self.limit, remaining, int(wait + 1e-6) + 1)


def _short(key: str) -> str:
    """A key of bounded size: user ids may have 10000 characters."""
    return key if len(key) <= _LONGEST_KEY else hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
