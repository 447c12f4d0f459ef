"""Which of the two HTTP protocols serves."""

import asyncio
import importlib.util


def protocol(name: str) -> type[asyncio.Protocol]:
    """The protocol class of `httptools`, `h11`, or `auto`: httptools where it is installed. They answer alike."""
    if name == "auto":
        name = "httptools" if importlib.util.find_spec("httptools") else "h11"
    # Only the one that serves is loaded.
    if name == "httptools":
        from gateway.http.server_httptools import HttpToolsLine  # noqa: PLC0415

        return HttpToolsLine
    from gateway.http.server_h11 import H11Line  # noqa: PLC0415

    return H11Line
