"""What an operation that is `deprecated: true` says in each of its answers; docs/deprecation.md is the policy."""

import datetime
from collections.abc import Mapping
from email.utils import format_datetime
from typing import Any

from gateway.http.headers import Header


def deprecation_headers(operation: Mapping[str, Any]) -> tuple[Header, ...]:
    """`Deprecation` (RFC 9745) and `Sunset` (RFC 8594) from `x-deprecated` and `x-sunset`, both `YYYY-MM-DD` in UTC.

    None for an operation that is not deprecated. Raises RuntimeError, so that the service does not start, where one
    says no date, or is to end before it is deprecated.
    """
    if not operation.get("deprecated"):
        return ()
    since, sunset = (_midnight(operation, name) for name in ("x-deprecated", "x-sunset"))
    if sunset < since:
        raise RuntimeError(f"The operation {operation['operationId']!r} is to end before it is deprecated")
    return (
        (b"deprecation", b"@%d" % since.timestamp()),
        (b"sunset", format_datetime(sunset, usegmt=True).encode()),
    )


def _midnight(operation: Mapping[str, Any], name: str) -> datetime.datetime:
    try:
        # YAML makes a date of what is not quoted, and it reads as the same text.
        return datetime.datetime.fromisoformat(str(operation.get(name))[:10]).replace(tzinfo=datetime.UTC)
    except ValueError:
        raise RuntimeError(
            f"The operation {operation['operationId']!r} is deprecated: it needs {name}, a date such as 2027-06-30"
        ) from None
