"""Counts requests, and says in their answers what is left (draft-ietf-httpapi-ratelimit-headers)."""

from gateway.access.caller import Caller
from gateway.access.limits import RateLimits, Window
from gateway.errors import RateLimited
from gateway.http.headers import Header


class Counter:
    """The rate limits with the headers that go with them, of the tightest window; without a limit there are none."""

    def __init__(self, limits: RateLimits) -> None:
        self._limits = limits
        self._of_key, self._of_user, self._of_address = (
            (b"ratelimit-policy", b'"%b";q=%d;w=60' % (b"user" if name == "user" else b"default", limit))
            for name, limit in limits.limits
        )

    def count(self, caller: Caller, carried: list[Header]) -> None:
        """Count one request of `caller` and add to `carried`, what its answer carries. Raises RateLimited."""
        try:
            window = self._limits.hit(caller)
        except RateLimited as error:
            policy, name = (self._of_user, b"user") if error.window == "user" else (self._of_key, b"default")
            carried += (policy, _left(name, 0, error.retry_after))
            raise
        if window is not None:
            self._say(window, self._of_user if window.name == "user" else self._of_key, carried)

    def count_failure(self, host: str, carried: list[Header]) -> None:
        """Count one failed authentication from the address `host`, as above. Raises RateLimited."""
        try:
            window = self._limits.failed(host)
        except RateLimited as error:
            carried += (self._of_address, _left(b"default", 0, error.retry_after))
            raise
        if window is not None:
            self._say(window, self._of_address, carried)

    def _say(self, window: Window, policy: Header, carried: list[Header]) -> None:
        name = b"user" if window.name == "user" else b"default"
        carried += (policy, _left(name, window.remaining, window.reset))


def _left(name: bytes, remaining: int, reset: int) -> Header:
    return b"ratelimit", b'"%b";r=%d;t=%d' % (name, remaining, reset)
