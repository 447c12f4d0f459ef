"""What a handler returns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.http.headers import Header

JSON = b"application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    """More than a body. A handler that has only a body returns it as it is, a JSON object or array.

    `status` None: the operation's documented success. `body` as bytes is JSON that is ready to send: it was made from
    a value that was checked before (a cached one), so that it is not validated again. None: no body. With another
    `content_type`, `body` is of that type, and `headers` say how long it may be kept.
    """

    body: Mapping[str, Any] | list[Any] | bytes | None
    status: int | None = None
    headers: list[Header] = field(default_factory=list)
    content_type: bytes = JSON


@dataclass(frozen=True, slots=True)
class Finished:
    """An answer as it is sent, but for what every answer carries."""

    status: int
    body: bytes
    headers: list[Header]
