"""When a request is sent again, and after how long."""

import random
import re
import time
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from gateway.outbound.messages import Request, Response

if TYPE_CHECKING:
    from gateway.outbound.failures import Failure

# RFC 9110, section 9.2.2.
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "QUERY"})
# What speaks against the host: a proxy or the host itself says that it cannot answer now.
FAILING = frozenset({502, 503, 504})
TRANSIENT = FAILING | {429}
# What says, with Retry-After, that the request was not worked on (RFC 6585, section 4; RFC 9110, section 15.6.4).
TURNED_AWAY = frozenset({429, 503})
_LONGEST = 30.0
_random = random.SystemRandom()


def pause(request: Request, outcome: "Response | Failure", retry: int, base: float) -> float | None:
    """Seconds until the request is sent again, or None where it must not be, or would be in vain.

    `retry` counts from 0. The pause is drawn from 0 to `base` times two to the power of `retry` (full jitter), and is
    never shorter than a Retry-After that the answer gives. One of more than 30 seconds is the caller's to wait for.
    """
    if not isinstance(outcome, Response):
        wanted, asked = not outcome.lasting and (outcome.unsent or _idempotent(request)), None
    else:
        asked = retry_after(outcome.headers.get("retry-after"))
        turned_away = outcome.status in TURNED_AWAY and asked is not None
        wanted = outcome.status in TRANSIENT and (turned_away or _idempotent(request))
    if not wanted or (asked or 0.0) > _LONGEST:
        return None
    return max(asked or 0.0, _random.uniform(0.0, min(_LONGEST, base * 2**retry)))


def retry_after(value: str | None) -> float | None:
    """The seconds, 0 or more, that a Retry-After field asks for (RFC 9110, section 10.2.3); None if it says none."""
    if value is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", value):
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    # "-0000" gives a date without a zone; HTTP dates are in UTC whatever they say (RFC 9110, section 5.6.7).
    return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - time.time())


def _idempotent(request: Request) -> bool:
    return request.method in IDEMPOTENT if request.idempotent is None else request.idempotent
