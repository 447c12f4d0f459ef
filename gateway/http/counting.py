"""Counts requests, and says in their answers what is left (draft-ietf-httpapi-ratelimit-headers)."""

from gateway.access.limits import RateLimiter
from gateway.errors import RateLimited
from gateway.http.headers import Header


class Counter:
    """The rate limiter with the headers that go with it; without a limit there are none."""

    def __init__(self, limiter: RateLimiter) -> None:
        self._limiter = limiter
        self._policy = (b"ratelimit-policy", b'"default";q=%d;w=60' % limiter.limit)

    def count(self, key: str, carried: list[Header]) -> None:
        """Count one request of `key` and add to `carried`, what its answer carries. Raises RateLimited."""
        try:
            window = self._limiter.hit(key)
        except RateLimited as error:
            carried += (self._policy, (b"ratelimit", b'"default";r=0;t=%d' % error.retry_after))
            raise
        if window is not None:
            carried += (self._policy, (b"ratelimit", b'"default";r=%d;t=%d' % (window.remaining, window.reset)))
