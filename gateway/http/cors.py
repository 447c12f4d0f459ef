"""Cross-origin requests (Fetch standard, CORS protocol): off, unless TOOLGATE_CORS_ORIGINS names who may."""

import re
from collections.abc import Collection, Mapping

from gateway.http.headers import Header

ANY = "*"
# What a script may read of an answer, beside what every script may.
_EXPOSED = (
    b"Deprecation, ETag, Idempotent-Replayed, Link, Location, Mcp-Session-Id, RateLimit, RateLimit-Policy, "
    b"Retry-After, Sunset, WWW-Authenticate, X-Alloy-UserId, X-Request-Id"
)
_SECONDS_KEPT = b"600"
# Field names, separated by commas (RFC 9110, sections 5.1 and 5.6.2).
_NAMES = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~, -]{1,2048}").fullmatch
_VARY = (b"vary", b"Origin")


class Cors:
    """What is said to a page of another origin. `origins` holds origins, or `*` for all; empty: nothing is said.

    With `*` nobody may send cookies along; the API needs none, and listed origins may.
    """

    def __init__(self, origins: Collection[str]) -> None:
        self.enabled = bool(origins)
        exposed = (b"access-control-expose-headers", _EXPOSED)
        # For whom there is no entry below. Vary says to caches that others may get another answer.
        self._others: tuple[Header, ...] = (_VARY,) if self.enabled else ()
        self._known: dict[bytes, tuple[Header, ...]] = {}
        if ANY in origins:
            self._others = ((b"access-control-allow-origin", b"*"), exposed, _VARY)
            return
        for origin in origins:
            name = origin.lower().encode()
            self._known[name] = (
                (b"access-control-allow-origin", name),
                (b"access-control-allow-credentials", b"true"),
                exposed,
                _VARY,
            )

    def answer(self, origin: bytes | None) -> tuple[Header, ...]:
        """What every answer to a page of this origin carries."""
        return self._known.get(origin, self._others) if origin is not None else self._others

    def is_preflight(self, headers: Mapping[bytes, bytes]) -> bool:
        """Whether an OPTIONS request asks on behalf of a page."""
        return self.enabled and b"origin" in headers and b"access-control-request-method" in headers

    def preflight(self, headers: Mapping[bytes, bytes], allow: str) -> list[Header]:
        """What the page may send to a path whose methods are `allow`. Any header: none of them is taken on trust."""
        answer = [
            (b"access-control-allow-methods", allow.encode()),
            (b"access-control-max-age", _SECONDS_KEPT),
        ]
        wanted = headers.get(b"access-control-request-headers")
        if wanted is not None and _NAMES(wanted):
            answer += [(b"access-control-allow-headers", wanted), (b"vary", b"Access-Control-Request-Headers")]
        return answer
