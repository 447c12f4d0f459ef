"""Lists in pages whose cursor names the last entry shown, so that what is added or removed meanwhile shifts nothing."""

import base64
import binascii
from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

from gateway.errors import InvalidRequest
from gateway.tools.pages import DEFAULT_LIMIT

_MARK = b"after:"


def page_of(
    name: str, entries: Mapping[str, dict[str, Any]], cursor: str | None, limit: int = DEFAULT_LIMIT
) -> dict[str, Any]:
    """`{name: [...], "nextCursor"?}`: the entries after the cursor's. `entries` are in the order of their keys.

    Raises InvalidRequest for a cursor that was not given out.
    """
    keys = list(entries)
    start = 0 if cursor is None else bisect_right(keys, _decode(cursor))
    shown = keys[start : start + limit]
    more = start + limit < len(keys)
    return {name: [entries[key] for key in shown], **({"nextCursor": _encode(shown[-1])} if more else {})}


def _encode(key: str) -> str:
    return base64.urlsafe_b64encode(_MARK + key.encode()).decode()


def _decode(cursor: str) -> str:
    try:
        decoded = base64.b64decode(cursor, altchars=b"-_", validate=True)
        if decoded.startswith(_MARK):
            return decoded.removeprefix(_MARK).decode()
    except (binascii.Error, ValueError):
        pass
    raise InvalidRequest.of("cursor", "known", "cursor is not one that an earlier answer gave")
