"""Headers that answers carry whatever they say, made once. gateway.http.edge puts them on."""

from collections.abc import Sequence

from starlette.types import Scope

Header = tuple[bytes, bytes]

# `nosniff` and the referrer policy go on pages and files as well; what the API says is nobody's to keep.
EVERY_ANSWER: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
# Where the service is reached by https (RFC 6797): a year, for this host alone.
HTTPS_ONLY: Header = (b"strict-transport-security", b"max-age=31536000")
JSON_ANSWER: tuple[Header, ...] = (
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
)

# Where the edge keeps, for each request, its headers as a mapping and the list of what its answer will carry.
REQUEST = "toolgate.request_headers"
ANSWER = "toolgate.answer_headers"


# A list may be given in several lines (RFC 9110, section 5.3). A Host and an Origin may not: joined they are none that
# is allowed, so that nothing depends on which of them is read.
_JOINED = frozenset({b"accept", b"host", b"origin"})


def by_name(raw: Sequence[Header]) -> dict[bytes, bytes]:
    """A request's headers as a mapping; of repeated ones, the last, but of those where all of them count, all."""
    found = dict(raw)
    if len(found) != len(raw):
        for name in _JOINED & found.keys():
            found[name] = b", ".join(value for other, value in raw if other == name)
    return found


def request_headers(scope: Scope) -> dict[bytes, bytes]:
    """The request's headers by name, as `by_name` makes them."""
    found: dict[bytes, bytes] = scope[REQUEST]
    return found


def answer_headers(scope: Scope) -> list[Header]:
    """What the answer to this request will carry beside its own headers, be it an error or not: append to it."""
    found: list[Header] = scope[ANSWER]
    return found
