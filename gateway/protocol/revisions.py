"""The revisions of the Model Context Protocol and how a request says which one it speaks."""

from collections.abc import Iterable, Mapping

LEGACY = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
MODERN = ("2026-07-28",)
LATEST_LEGACY = LEGACY[-1]
# What a request without the header speaks (2025-06-18, Transports, Protocol Version Header).
UNSAID = "2025-03-26"
# The only one with batches (2025-03-26, Basic, Batching).
BATCHED = "2025-03-26"

_HEADER = b"mcp-protocol-version"


def spoken(headers: Mapping[bytes, bytes]) -> str:
    """The revision that the header names, whether we know it or not; `UNSAID` without one. An empty one names none.

    The header alone decides: some clients negotiate an old revision and send the new one's `_meta` all the same.
    """
    value = headers.get(_HEADER)
    return UNSAID if value is None else value.strip(b" \t").decode("latin-1")


def says_two_revisions(raw_headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether the header is there more than once: then nobody can say which era's rules hold."""
    return sum(name == _HEADER for name, _ in raw_headers) > 1


def is_legacy(revision: str) -> bool:
    """Whether it is of the era that begins with `initialize`. Unknown revisions are judged by the modern rules."""
    return revision in LEGACY


def negotiate(requested: object) -> str:
    """What `initialize` answers: the requested revision if we serve it, else our latest of that era."""
    return requested if isinstance(requested, str) and requested in LEGACY else LATEST_LEGACY
