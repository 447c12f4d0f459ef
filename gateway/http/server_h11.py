"""HTTP parsed by h11, which is pure Python: for machines without httptools, and for those who want it stricter."""

from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from gateway.http.connections import MOST_HEADER_BYTES, Lined, too_much


class _Connection(h11.Connection):
    """h11 bounds only what it has not yet parsed."""

    def next_event(self) -> Any:
        event = super().next_event()
        if type(event) is h11.Request:
            size = len(event.target) + sum(len(name) + len(value) for name, value in event.headers)
            if too_much(size, len(event.headers)):
                raise h11.RemoteProtocolError("request line and headers are too large")
        return event


class H11Line(Lined, H11Protocol):  # type: ignore[misc]  # Lined is typed as the other of uvicorn's protocols
    """uvicorn's own, but for the bound."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.conn = _Connection(h11.SERVER, MOST_HEADER_BYTES)
