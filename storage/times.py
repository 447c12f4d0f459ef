"""The one form of time in the store and in answers."""

from datetime import UTC, datetime


def now() -> str:
    """The time as ISO 8601 UTC with milliseconds: `2026-11-23T16:40:00.123Z` (RFC 3339)."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
