"""Long lists in pages: an opaque cursor says where to go on."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any, TypeVar

from gateway.errors import InvalidRequest

T = TypeVar("T")
DEFAULT_LIMIT = 200


def page(items: Sequence[T], arguments: dict[str, Any]) -> tuple[Sequence[T], str | None]:
    """The items from `cursor` on, `limit` at most, and the next cursor (None: that was the end).

    Raises InvalidRequest for a cursor that was not given out.
    """
    start = _decode(arguments["cursor"]) if "cursor" in arguments else 0
    end = start + arguments.get("limit", DEFAULT_LIMIT)
    return items[start:end], _encode(end) if end < len(items) else None


def _encode(position: int) -> str:
    return base64.urlsafe_b64encode(b"from:%d" % position).decode()


def _decode(cursor: str) -> int:
    try:
        word, _, number = base64.b64decode(cursor, altchars=b"-_", validate=True).partition(b":")
    except (binascii.Error, ValueError):
        word, number = b"", b""
    if word != b"from" or not number.isdigit() or len(number) > 9:
        raise InvalidRequest.of("cursor", "known", "cursor is not one that an earlier answer gave")
    return int(number)
