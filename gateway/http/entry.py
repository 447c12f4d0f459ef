"""Who comes in by which door, and by which headers they say so."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.access.caller import Caller
from gateway.errors import Unauthorized

Headers = Mapping[bytes, bytes]

_ONCE = frozenset({b"authorization", b"x-alloy-userid", b"x-alloy-user-token", b"x-credential-id"})


@dataclass(frozen=True, slots=True)
class Entry:
    """Who has come in, and (on a token URL) the server that the door belongs to."""

    caller: Caller
    server: Any = None


Authenticate = Callable[[Headers, Mapping[str, str]], Awaitable[Entry]]


def refuse_repeated(headers: list[tuple[bytes, bytes]]) -> None:
    """Two values of what says who calls would leave it to chance which one counts. Raises Unauthorized."""
    seen = set()
    for name, _ in headers:
        if name in _ONCE:
            if name in seen:
                raise Unauthorized(f"The header {name.decode()} is given more than once")
            seen.add(name)
