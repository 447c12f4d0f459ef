"""One request on its way: what is sent at this hop, and where a redirect leads (RFC 9110, section 15.4)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote_plus, urldefrag, urljoin

from gateway.errors import InvalidRequest
from gateway.outbound.answers import refused
from gateway.outbound.lanes import Tenant
from gateway.outbound.messages import Origin, Request, Response, origin_of

# A method is a token, by custom in capitals (RFC 9110, section 9.1); CONNECT is for proxies.
_METHOD = re.compile(r"(?!CONNECT\Z)[A-Z][A-Z0-9-]{0,19}")
# 300 and 304 are answers; 305 is deprecated because it was a hole.
REDIRECTS = frozenset({301, 302, 303, 307, 308})
LIMIT = 5
# The framing of the message, the connection and the coding of the answer are this client's business (RFC 9110, 7.6.1).
_OURS = frozenset(
    {
        "accept-encoding", "connection", "content-length", "expect", "host", "keep-alive", "proxy-connection", "te",
        "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip
# These are credentials whatever the caller says.
_SECRET = frozenset({"authorization", "cookie", "proxy-authorization"})
# RFC 9110, section 5.6.2.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_ASCII = "".join(chr(code) for code in range(0x21, 0x7F))


@dataclass(frozen=True, slots=True)
class Hop:
    """What is sent to one origin."""

    url: str
    origin: Origin
    headers: Mapping[str, str]
    body: bytes | None


class Journey:
    """A request with what changes while it is under way."""

    __slots__ = ("hop", "queued", "request", "tenant")

    def __init__(self, request: Request, tenant: Tenant) -> None:
        self.request = request
        self.tenant = tenant
        self.hop = first_hop(request)
        # Waiting for a slot: if the time is over then, the platform is not to blame.
        self.queued = False


def first_hop(request: Request) -> Hop:
    """The request as the caller wants it. Raises InvalidRequest where it cannot be sent as it stands."""
    if not _METHOD.fullmatch(request.method):
        raise InvalidRequest.of("method", "pattern", "The method must be one of HTTP, in capitals, and not CONNECT.")
    headers = {name: value for name, value in request.headers.items() if lower(name) not in _OURS}
    return Hop(request.url, origin_of(request.url), headers, request.body)


def next_hop(request: Request, hop: Hop, response: Response) -> Hop | None:
    """Where the answer redirects to; None where it does not, or where the caller is to see it.

    Only GET and HEAD are redirected. What the request calls credentials is dropped for good when the origin changes.
    Raises UpstreamError where the target cannot be called, or would get a credential in clear.
    """
    location = response.headers.get("location")
    if response.status not in REDIRECTS or request.method not in ("GET", "HEAD") or not location:
        return None
    host = hop.origin.host
    try:
        # A space or a letter outside ASCII is the platform's fault; a browser would mend it in the same way.
        url = quote(urldefrag(urljoin(hop.url, location)).url, safe=_ASCII)
        origin = origin_of(url)
    except (ValueError, InvalidRequest):
        raise refused(host, "redirects to an address that cannot be called") from None
    if origin == hop.origin:
        return Hop(url, origin, hop.headers, hop.body if response.status in (307, 308) else None)
    secret = request.credential_headers | _SECRET
    headers = {name: value for name, value in hop.headers.items() if lower(name) not in secret}
    carried = len(headers) < len(hop.headers) or _without(hop.url, request.credential_query) != hop.url
    if carried and hop.origin.scheme == "https" and origin.scheme == "http":
        raise refused(host, "redirects a call with a credential from https to http, which is not followed")
    # A body may hold a secret too, and nobody has said that the other origin may have it.
    return Hop(_without(url, request.credential_query), origin, headers, None)


def _without(url: str, names: frozenset[str]) -> str:
    base, mark, query = url.partition("?")
    if not names or not query:
        return url
    kept = [pair for pair in query.split("&") if unquote_plus(pair.partition("=")[0]) not in names]
    return base + mark + "&".join(kept) if kept else base


@lru_cache(maxsize=4096)
def lower(name: str) -> str:
    """A header's name in lower case. Raises InvalidRequest where it is not a token."""
    if not _TOKEN.fullmatch(name):
        raise InvalidRequest.of("headers", "field-name", "The name of a header holds a character that cannot be sent")
    return name.lower()
