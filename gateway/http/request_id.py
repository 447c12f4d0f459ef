"""The id of the request that is being answered: in the answer, and in every log record that is written for it."""

import logging
import random
import re
import time

from gateway.current import request_id as current

__all__ = ["RequestIdFilter", "current", "new_request_id", "request_id"]

_ACCEPTED = re.compile(rb"[A-Za-z0-9._-]{1,128}").fullmatch
# It names a request and keeps no secret; a read of the system's generator would cost more than the rest.
_random = random.Random()  # noqa: S311 (for that reason)
_last = 0


def new_request_id() -> bytes:
    """16 hexadecimal digits, another number each time: 44 bits of milliseconds since 1970, then 20 by chance.

    In the order of time, because the audit trail has an index of them: what is always put at an index's end costs a
    fraction of what is put anywhere.
    """
    global _last
    _last = max(_last + 1, int(time.time() * 1000) << 20 | _random.getrandbits(20))
    return b"%016x" % (_last & 0xFFFF_FFFF_FFFF_FFFF)


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
