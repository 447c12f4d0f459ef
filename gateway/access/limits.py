"""How often: sliding windows of one minute, per key and per user, and per address that fails to say who it is.

Counted in this process, in bounded memory.
"""

import hashlib
import ipaddress
import time
from collections import OrderedDict
from typing import Literal, NamedTuple

from gateway.access.caller import Caller
from gateway.errors import RateLimited

# `default`: a key's, a JWT user's or a token URL's, and of who could not say who they are their address's.
WindowName = Literal["default", "user"]

# A minute, of which two are kept: about 15 MB when both are full.
_MOST_CALLERS = 50_000
_LONGEST_KEY = 64
_MINUTE = 60


class Window(NamedTuple):
    """What is left to one caller: `reset` is in whole seconds, until `remaining` grows again (0: nothing is used)."""

    limit: int
    remaining: int
    reset: int
    name: WindowName = "default"


class RateLimiter:
    """Counts requests by key (an API key's id, a server's, an address); `per_minute` 0 switches it off.

    A sliding window counter: this minute's requests, and the share of the last minute's that the past 60 seconds still
    cover. Memory is bounded: beyond 50,000 callers in a minute the oldest start anew. For one event loop; it does no
    I/O.
    """

    def __init__(self, per_minute: int, name: WindowName = "default") -> None:
        self.limit = per_minute
        self._name: WindowName = name
        self._minute = 0
        # A plain dict looks for its first entry among all those deleted before it.
        self._current: OrderedDict[str, int] = OrderedDict()
        self._previous: OrderedDict[str, int] = OrderedDict()

    def hit(self, key: str) -> Window | None:
        """Count one request, and say what is left; None where there is no limit.

        Raises RateLimited, with the seconds after which the next one passes, beyond the limit.
        """
        if not self.limit:
            return None
        now, key = self._turned(), _short(key)
        previous, current = self._previous.get(key, 0), self._current.get(key, 0)
        if int(previous * (_MINUTE - now % _MINUTE) / _MINUTE) + current >= self.limit:
            raise RateLimited(self._window(now, previous, current).reset, window=self._name)
        if not current and len(self._current) >= _MOST_CALLERS:
            self._current.popitem(last=False)
        self._current[key] = current + 1
        return self._window(now, previous, current + 1)

    def window(self, key: str) -> Window:
        """What is left to `key`, for headers; a limit of 0 means that there is none."""
        if not self.limit:
            return Window(0, 0, 0, self._name)
        now, key = self._turned(), _short(key)
        return self._window(now, self._previous.get(key, 0), self._current.get(key, 0))

    def is_full(self, key: str) -> bool:
        """Whether the next request of `key` would be refused."""
        if not self.limit:
            return False
        now, key = self._turned(), _short(key)
        previous = self._previous.get(key)
        used = int(previous * (_MINUTE - now % _MINUTE) / _MINUTE) if previous else 0
        return used + self._current.get(key, 0) >= self.limit

    def _turned(self) -> float:
        """Now, by a clock that nobody can put back. The counters are those of this minute and the last one then."""
        now = time.monotonic()
        minute = int(now // _MINUTE)
        if minute != self._minute:
            self._previous = self._current if minute == self._minute + 1 else OrderedDict()
            self._current = OrderedDict()
            self._minute = minute
        return now

    def _window(self, now: float, previous: int, current: int) -> Window:
        left = _MINUTE - now % _MINUTE
        used = int(previous * left / _MINUTE) + current
        remaining = max(0, self.limit - used)
        if used == 0:
            return Window(self.limit, remaining, 0, self._name)
        # The last minute's share has to shrink below a whole number; then, when this minute ends, this minute's.
        wait = left - (used - current) * _MINUTE / previous if used > current else left
        # Below it, not to it: hence the next whole second, even on a whole one.
        return Window(self.limit, remaining, int(wait + 1e-6) + 1, self._name)


class RateLimits:
    """Every limit on how often somebody may ask. 0 switches one off.

    `per_key`: an API key, JWT user or token URL. `per_user`: whoever counts as calling, by whatever key, JWT or token
    URL they come, so that a user of a shared key cannot use it up for the others. `failures`: failed authentication,
    by address; who proves who they are is never counted or refused by their address.
    """

    def __init__(self, per_key: int, per_user: int = 0, failures: int = 0) -> None:
        self._keys = RateLimiter(per_key)
        self._users = RateLimiter(per_user, "user")
        # Its own memory: a flood of addresses makes no key's window start anew.
        self._failures = RateLimiter(failures)
        self.limits = (("default", per_key), ("user", per_user), ("failures", failures))

    def hit(self, caller: Caller) -> Window | None:
        """Count one request of `caller`, and say what is left in the tighter window; None where there is no limit.

        Raises RateLimited; what is refused is counted nowhere.
        """
        if not self._users.limit:
            return self._keys.hit(caller.rate_key)
        user = _user_key(caller)
        if self._users.is_full(user):
            raise RateLimited(self._users.window(user).reset, window="user")
        of_key = self._keys.hit(caller.rate_key)
        of_user = self._users.hit(user)
        if of_key is None or of_user is None:
            return of_user
        return of_user if of_user.remaining < of_key.remaining else of_key

    def failed(self, host: str) -> Window | None:
        """Count one failed authentication from an address, and say what is left. Raises RateLimited."""
        return self._failures.hit(_network(host)) if self._failures.limit else None


def _user_key(caller: Caller) -> str:
    # An account's id has no colon.
    return f"{caller.account_id}:{caller.user_id}"


def _network(host: str) -> str:
    """What one client has of addresses: one of IPv4, and 2^64 of IPv6, of which it may use another each time."""
    if ":" not in host:
        return host
    try:
        address = ipaddress.IPv6Address(host.partition("%")[0])
    except ValueError:
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address) >> 64 << 64, 64)))


def _short(key: str) -> str:
    """A key of bounded size: user ids may have 10000 characters."""
    return key if len(key) <= _LONGEST_KEY else hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
