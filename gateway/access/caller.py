"""Who counts as calling, once that is proved."""

from dataclasses import dataclass, field
from typing import Literal

Door = Literal["api_key", "jwt", "token", "cli", "service"]

MANAGE = "manage"
USE = "use"
BOTH = frozenset({MANAGE, USE})
DEFAULT_ACCOUNT = "default"
FIRST_USER = "admin"
# Stands for the caller wherever a user id is accepted.
ME = "me"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """One proved caller. Every statement that is run for it names `account_id`, and what is a user's, `user_id`."""

    account_id: str
    # Who counts: the key's user, or whom `x-alloy-userid` or a JWT put in its place.
    user_id: str
    # Who proved themselves: the key's own user, the JWT's, the server's owner on a token URL.
    principal_id: str
    door: Door
    # Which API key, where one was presented.
    key_id: str | None = None
    scopes: frozenset[str] = BOTH
    # What the rate limit counts by. No secret.
    rate_key: str = ""
    # False where `x-alloy-userid` named nobody known: the key's user counts, and only for reads.
    known: bool = True
    # `user_id` as the value of the answer's `x-alloy-userid` header.
    header: bytes = field(default=b"")


# What the service does of itself, such as to remove what is older than it is to be kept.
SERVICE = Caller(account_id=DEFAULT_ACCOUNT, user_id=FIRST_USER, principal_id=FIRST_USER, door="service")


def header_value(user_id: str) -> bytes:
    """A user id as a header value: UTF-8, control characters percent-encoded, so that no id can forge a header."""
    return "".join(f"%{ord(c):02X}" if c < " " or c == "\x7f" else c for c in user_id[:1024]).encode()
