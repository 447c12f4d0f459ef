"""Header fields: which a caller may set, and what may stand in them (RFC 9110, section 5)."""

import re
from typing import Any, NoReturn

from gateway.errors import InvalidRequest

# Framing, connection and coding belong to the HTTP client (RFC 9110, 7.6.1), credentials to the vault, and a method
# that is not the action's own would get around its judgement.
_FORBIDDEN = frozenset(
    {
        "authorization", "proxy-authorization", "cookie", "set-cookie", "host", "content-length", "content-type",
        "content-encoding", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect",
        "accept-encoding", "user-agent", "forwarded", "via", "x-http-method", "x-http-method-override",
        "x-method-override", "x-original-url", "x-rewrite-url",
    }
)  # fmt: skip
_FORBIDDEN_STARTS = ("proxy-", "sec-", "x-forwarded-")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}")
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\ud7ff\ue000-\U0010ffff]{0,8192}")
_BAD_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def additional(name: str, value: Any, field: str) -> str:
    """The value of a header that the document does not describe. Raises InvalidRequest that names `field`."""
    if not _TOKEN.fullmatch(name):
        _refuse(field[:200], "characters", "is no name of an HTTP header")
    lower = name.lower()
    if lower in _FORBIDDEN or lower.startswith(_FORBIDDEN_STARTS):
        _refuse(field, "forbidden", "cannot be set by the caller")
    if not isinstance(value, str):
        _refuse(field, "type", "must be a string")
    if not _FIELD_VALUE.fullmatch(value):
        _refuse(field, "characters", "must have no control characters, and 8192 characters at most")
    return value


def checked(field: str, value: str) -> str:
    """A field value that cannot end its line (RFC 9110, section 5.5). Raises InvalidRequest that names `field`."""
    if _BAD_VALUE.search(value):
        _refuse(field, "characters", "must have no control characters")
    return value


def put(headers: dict[str, str], name: str, value: str) -> None:
    """Set a header in the place of one with the same name, whatever its case."""
    if name not in headers:
        lower = name.lower()
        for other in headers:
            if other.lower() == lower:
                del headers[other]
                break
    headers[name] = value


def _refuse(field: str, rule: str, sentence: str) -> NoReturn:
    raise InvalidRequest.of(field, rule, f"{field} {sentence}")
