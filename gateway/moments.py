"""Moments and ids in the forms that the API knows."""

import os
import secrets
import time


def epoch() -> int:
    """Whole seconds since 1970."""
    return int(time.time())


def new_id() -> str:
    """24 hexadecimal digits, the form of the reference's ids."""
    # Asking the system for each lets other threads in between, which costs more than all else here. `pop` is atomic: no
    # two threads get the same.
    try:
        return _drawn.pop()
    except IndexError:
        digits = secrets.token_hex(_BYTES * _AT_ONCE)
        ids = [digits[start : start + 2 * _BYTES] for start in range(0, len(digits), 2 * _BYTES)]
        _drawn.extend(ids[1:])
        return ids[0]


_BYTES, _AT_ONCE = 12, 256
_drawn: list[str] = []
if hasattr(os, "register_at_fork"):
    # A child must not give out what its parent will.
    os.register_at_fork(after_in_child=_drawn.clear)
