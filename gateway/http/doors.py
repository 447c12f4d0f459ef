"""Which Host and Origin may call: the guard against DNS rebinding."""

from collections.abc import Iterable
from urllib.parse import urlsplit


class Doors:
    """Which Host and Origin may call (MCP, Streamable HTTP, Security Warning: DNS rebinding).

    Rebinding needs a public name in `Host`; so IP addresses, `localhost` and names without a dot are let through,
    and other names only if they are the base URL's or configured. An Origin must be the page of an allowed host, or one
    of `origins`, of which `*` is every one: the Host is still checked.
    """

    def __init__(self, public_url: str, hosts: Iterable[str], origins: Iterable[str]) -> None:
        self._hosts = {(urlsplit(public_url).hostname or "").lower(), *(host.lower() for host in hosts)}
        origins = tuple(origins)
        self._any_origin = "*" in origins
        self._origins = {_origin(public_url), *(_origin(origin) for origin in origins)}
        self._known: dict[tuple[bytes | None, bytes | None], str | None] = {}

    def refusal(self, host: bytes | None, origin: bytes | None) -> str | None:
        """Why this pair is refused, in a sentence; None: it is not."""
        key = (host, origin)
        if key not in self._known:
            if len(self._known) > 1024:
                self._known.clear()
            self._known[key] = self._judge(host, origin)
        return self._known[key]

    def _judge(self, host: bytes | None, origin: bytes | None) -> str | None:
        # httptools leaves blanks at the end of a value, which are not part of it (RFC 9110, section 5.5).
        host, origin = (None if value is None else value.strip(b" \t") for value in (host, origin))
        named = _hostname((host or b"").decode("latin-1"))
        if host is None or named is None:
            return "The Host header is missing or is no host name"
        if not (_is_address(named) or "." not in named or named in self._hosts):
            return "This Host is not served here; set TOOLGATE_BASE_URL or TOOLGATE_ALLOWED_HOSTS"
        if origin is None or self._any_origin:
            return None
        scheme, _, page = origin.decode("latin-1").lower().partition("://")
        if f"{scheme}://{page}" in self._origins:
            return None
        if scheme in ("http", "https"):
            same = page == host.decode("latin-1").lower()
            both_local = _hostname(page) in _LOCAL and named in _LOCAL
            if same or both_local:
                return None
        return "This Origin may not call; set TOOLGATE_ALLOWED_ORIGINS"


_LOCAL = ("localhost", "127.0.0.1", "::1")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _hostname(host: str) -> str | None:
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port
    except ValueError:
        return None
    clean = parts.netloc == host and "@" not in host and not set(host) & set(" \t\\/?#")
    return parts.hostname.rstrip(".") if parts.hostname and clean else None


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()
