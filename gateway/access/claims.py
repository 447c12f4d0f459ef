"""What a JWT's payload says (RFC 7519, section 4), read strictly: each raises Unauthorized for what is not so."""

import binascii
import json
import math
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Any

import orjson

from gateway.access.users import is_user_id
from gateway.errors import Unauthorized

MALFORMED = "Token is not a well-formed JWT"


def one_object(payload: bytes) -> dict[str, Any]:
    """The claims. A name that is given twice is refused: whoever looked at the token before us may have read the other
    one (RFC 7519, section 4).
    """
    try:
        claims = orjson.loads(payload)
        json.loads(payload, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise Unauthorized(MALFORMED) from None
    if not isinstance(claims, dict):
        raise Unauthorized(MALFORMED)
    return claims


def unverified_issuer(token: str) -> str | None:
    """What the token says in `iss`, as long as nothing is proved: good for choosing by whose keys to prove it."""
    try:
        _, payload, _ = token.split(".")
        claims = orjson.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, binascii.Error):
        return None
    issuer = claims.get("iss") if isinstance(claims, dict) else None
    return issuer if isinstance(issuer, str) else None


def seconds(claims: Mapping[str, Any], name: str) -> float:
    """A moment, in seconds since 1970."""
    value = claims[name]
    # bool is an int to Python, not to JSON.
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise Unauthorized(f"Token's {name} claim must be a number of seconds")
    return float(value)


def user_id_of(claims: Mapping[str, Any]) -> str:
    """The claim `userId`, else `sub`."""
    # A userId that cannot be used is not passed over for `sub`, which may name somebody else.
    value = claims["userId"] if "userId" in claims else claims.get("sub")
    if not isinstance(value, str) or not is_user_id(value):
        raise Unauthorized(
            "Token must name its user in userId, or else sub: 1 to 10000 characters without NUL, and not `me`"
        )
    return value


def audiences_of(claims: Mapping[str, Any]) -> list[str]:
    """`aud` as a list; what is no text in it counts for nothing."""
    value = claims.get("aud")
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]


def granted(claims: Mapping[str, Any]) -> set[str]:
    """The scopes: `scope`, separated by spaces (RFC 8693, section 4.2), or `scp`, the same or a list."""
    found: set[str] = set()
    for value in (claims.get("scope"), claims.get("scp")):
        if isinstance(value, str):
            found.update(value.split(" "))
        elif isinstance(value, list):
            found.update(one for one in value if isinstance(one, str))
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is given twice")
    return found
