"""The id of the request that is being answered: in the answer, and in every log record that is written for it."""

import logging
import random
import re

from gateway.current import request_id as current

__all__ = ["RequestIdFilter", "current", "new_request_id", "request_id"]

_ACCEPTED = re.compile(rb"[A-Za-z0-9._-]{1,128}").fullmatch
# It names a request and keeps no secret; a read of the system's generator would cost more than the rest.
_random = random.Random()  # noqa: S311


def new_request_id() -> bytes:
    """16 hexadecimal digits."""
    return b"%016x" % _random.getrandbits(64)


def request_id(given: bytes | None) -> bytes:
    """What the caller sent as `X-Request-Id`, where it is 1 to 128 of `A-Z a-z 0-9 . _ -`; else a new one.

    Anything else is replaced: it goes into log lines and headers, which nobody outside may forge.
    """
    return given if given is not None and _ACCEPTED(given) else new_request_id()


class RequestIdFilter(logging.Filter):
    """Gives each record a `request_id`: the request's, or `-` for what no request caused."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = current.get().decode("ascii")
        return True
