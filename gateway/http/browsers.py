"""The cookie that names a browser during a sign-in."""

from collections.abc import Mapping

from gateway.credentials.oauth.proofs import is_cookie, new_cookie
from gateway.http.answers import Answer
from gateway.http.headers import Header

_SECONDS = 3600


class Browsers:
    """Over https the cookie has the prefix `__Host-` (RFC 6265bis, section 4.1.3.2): nobody else can set it."""

    def __init__(self, public_url: str) -> None:
        secure = public_url.startswith("https:")
        self.name = "__Host-toolgate-sign-in" if secure else "toolgate-sign-in"
        # Lax, because the platform sends the browser back from its own site.
        self._rest = f"; Max-Age={_SECONDS}; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")

    def read(self, headers: Mapping[bytes, bytes]) -> str | None:
        """The request's cookie, or None where it has none of ours, or several."""
        found = set()
        for pair in headers.get(b"cookie", b"").decode("latin-1").split(";"):
            name, _, value = pair.strip().partition("=")
            if name == self.name and is_cookie(value):
                found.add(value)
        return found.pop() if len(found) == 1 else None

    def named(self, headers: Mapping[bytes, bytes]) -> tuple[str, list[Header]]:
        """The browser's cookie, and what an answer says to set or to keep it."""
        cookie = self.read(headers) or new_cookie()
        return cookie, [(b"set-cookie", f"{self.name}={cookie}{self._rest}".encode())]


def led_to(url: str) -> Answer:
    """303: go there with a GET (RFC 9110, section 15.4.4)."""
    return Answer(None, status=303, headers=[(b"location", url.encode("ascii"))])
