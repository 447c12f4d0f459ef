"""What a handler returns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """More than a body. A handler that has only a body returns it as it is, a JSON object or array.

    `status` None: the operation's documented success. `body` as bytes is JSON that is ready to send: it was made from
    a value that was checked before (a cached one), so that it is not validated again. None: no body.
    """

    body: Mapping[str, Any] | list[Any] | bytes | None
    status: int | None = None
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
