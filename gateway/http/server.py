"""Which of the two HTTP protocols serves."""

import asyncio
import importlib.util


def protocol(name: str, most_connections: int | None = None) -> type[asyncio.Protocol]:
    """The protocol class of `httptools`, `h11`, or `auto`: httptools where it is installed. They answer alike.

    With `most_connections`, who connects beyond is answered 503.
    """
    found = _protocol(name)
    return found if most_connections is None else type(found.__name__, (found,), {"most_connections": most_connections})


def _protocol(name: str) -> type[asyncio.Protocol]:
    if name == "auto":
        name = "httptools" if importlib.util.find_spec("httptools") else "h11"
    # Only the one that serves is loaded.
    if name == "httptools":
        from gateway.http.server_httptools import HttpToolsLine  # noqa: PLC0415 (for that reason)

        return HttpToolsLine
    from gateway.http.server_h11 import H11Line  # noqa: PLC0415 (for that reason)

    return H11Line
