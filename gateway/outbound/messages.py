"""What goes out and what comes back. Neither shows a secret when it is printed."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple, Protocol

from gateway.errors import InvalidRequest

MEBIBYTE = 1024 * 1024


class Origin(NamedTuple):
    """Who is called (RFC 6454, section 4): scheme and host in lower case, and the port."""

    scheme: str
    host: str
    port: int


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """One call to a platform.

    `url` is sent byte for byte, so it is percent-encoded already: printable ASCII, no fragment, no user.
    `timeout` is in seconds, for everything together: waiting, retries, redirects, reading.
    `credential_headers` (lower case) and `credential_query` name what must not follow a redirect to another origin.
    `idempotent` says whether sending twice is as good as sending once; None decides by the method (RFC 9110, 9.2.2).
    `max_bytes` limits the body of the answer.
    `on_event`, where it is set, is given the data of each server-sent event of a 2xx answer as it comes, within the
    same limits; the body of that answer is then empty. What it raises ends the call, and True says that it has enough.
    `tenant` is whose share of the calls this one counts in: an account's id, or nothing for the service's own.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    timeout: float = 30.0
    credential_headers: frozenset[str] = frozenset()
    credential_query: frozenset[str] = frozenset()
    idempotent: bool | None = None
    max_bytes: int = 10 * MEBIBYTE
    on_event: Callable[[bytes], Awaitable[bool]] | None = None
    tenant: str = ""

    def __repr__(self) -> str:
        match = _URL.fullmatch(self.url)
        return f"<Request {self.method} {'://'.join(match.groups()[:2]) if match else '(not a URL)'}>"


@dataclass(frozen=True, slots=True, repr=False)
class Response:
    """What a platform answered, whatever the status.

    The names in `headers` are in lower case; values of a repeated field are joined by a comma (RFC 9110, 5.3).
    `Set-Cookie` is left out: cookies are not kept. `url` is the one that answered, after redirects; it may hold a
    credential in its query, so it is not for logs.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    def __repr__(self) -> str:
        return f"<Response {self.status}, {len(self.body)} bytes>"


class Sender(Protocol):
    """What sends requests: gateway.outbound.client.OutboundClient, or that one made late."""

    def send(self, request: Request) -> Awaitable[Response]:
        """The platform's answer; raises as OutboundClient.send."""
        ...


_URL = re.compile(r"(https?)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?(?:[/?][!\"$-~]*)?", re.IGNORECASE)
_DEFAULT_PORTS = {"http": 80, "https": 443}


def origin_of(url: str) -> Origin:
    """The origin of an absolute http or https URL. Raises InvalidRequest where it cannot be sent as it stands."""
    match = _URL.fullmatch(url)
    if match is None:
        raise _unusable()
    return _origin(*match.groups())


@lru_cache(maxsize=1024)
def _origin(scheme: str, host: str, port: str | None) -> Origin:
    scheme = scheme.lower()
    number = int(port) if port else _DEFAULT_PORTS[scheme]
    if not 0 < number < 65536:
        raise _unusable()
    return Origin(scheme, host.lower(), number)


def _unusable() -> InvalidRequest:
    # The URL itself is not repeated: its query may hold a credential.
    return InvalidRequest.of(
        "url", "http-url", "The URL must be absolute, http or https, percent-encoded, without user or fragment."
    )
