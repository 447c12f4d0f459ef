"""Moments and ids in the forms that the API knows."""

import secrets
import time


def epoch() -> int:
    """Whole seconds since 1970."""
    return int(time.time())


def new_id() -> str:
    """24 hexadecimal digits, the form of the reference's ids."""
    return secrets.token_hex(12)
