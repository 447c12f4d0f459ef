"""JSON that may be large, read without looking for garbage meanwhile."""

import gc
from typing import Any

import orjson

# Far more than in any real document (GitHub's 13 MB have a seventh of it); each takes many times its text.
MOST_VALUES = 2_000_000
_LARGE = 1024 * 1024


def is_dense(raw: bytes) -> bool:
    """Whether JSON text may hold more than MOST_VALUES: told without reading it, so that it may hold less."""
    return len(raw) > MOST_VALUES and raw.count(b",") + raw.count(b"[") + raw.count(b"{") > MOST_VALUES


def loads(raw: bytes) -> Any:
    """As `orjson.loads`. What it makes holds no cycles, and looking for some takes up to ten times as long as reading.

    Everything waits for orjson, whichever thread it is in: so the time counts. Raises orjson.JSONDecodeError.
    """
    if len(raw) < _LARGE or not gc.isenabled():
        return orjson.loads(raw)
    gc.disable()
    try:
        return orjson.loads(raw)
    finally:
        gc.enable()
