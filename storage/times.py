"""The one form of time in the store and in answers."""

import re
from datetime import UTC, datetime, timedelta

_FIRST, _LAST = "0000-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"


def now() -> str:
    """The time as ISO 8601 UTC with milliseconds: `2026-11-23T16:40:00.123Z` (RFC 3339)."""
    return _text(datetime.now(UTC))


def of_epoch(seconds: int) -> str:
    """Seconds since 1970 in that form."""
    return _text(datetime.fromtimestamp(seconds, UTC))


def of_date_time(text: str) -> str:
    """An RFC 3339 date-time, with whatever offset, in that form; cut to milliseconds.

    What Python's calendar does not know (year 0, and what an offset leads out of years 1 to 9999) becomes the first
    or the last moment. Raises ValueError for what is no date-time.
    """
    # A leap second, which Python does not know either, is the first moment of the next minute.
    whole = re.sub(r"(?<=:[0-5][0-9]):60", ":59", text.upper(), count=1)
    try:
        moment = datetime.fromisoformat(whole)
        if moment.tzinfo is None:
            # It would be taken for this machine's time.
            raise ValueError("A date-time has an offset (RFC 3339, section 5.6)")
        return _text((moment if whole == text.upper() else _next_second(moment)).astimezone(UTC))
    except (OverflowError, ValueError):
        if not re.match(r"0000|0001-01-01T|9999-12-31T", whole):
            raise
        return _LAST if whole[0] == "9" else _FIRST


def _next_second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0) + timedelta(seconds=1)


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
