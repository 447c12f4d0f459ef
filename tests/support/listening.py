"""An MCP client over a bare socket: answers as streams, and connections that break off."""

import contextlib
import json
import socket
from typing import Any

from support.inside import Inside
from support.service import Service

MODERN = "2026-07-28"
_PREFIX = "io.modelcontextprotocol/"


def meta(**fields: Any) -> dict[str, Any]:
    """The `_meta` of a request of 2026-07-28; `progressToken` and the like as they are, the rest by its short name."""
    whole = {f"{_PREFIX}protocolVersion": MODERN, f"{_PREFIX}clientCapabilities": {}}
    return whole | {name if name == "progressToken" else _PREFIX + name: value for name, value in fields.items()}


class Wire:
    """One POST, its answer read as it comes."""

    def __init__(
        self,
        service: Service | Inside,
        url: str,
        message: Any,
        *,
        revision: str = MODERN,
        accept: str = "application/json, text/event-stream",
        headers: dict[str, str] | None = None,
        timeout: float = 10,
    ) -> None:
        body = json.dumps(message).encode()
        given = {
            "Host": f"127.0.0.1:{service.port}",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Accept": accept,
            "MCP-Protocol-Version": revision,
            **(headers or {}),
        }
        if revision == MODERN and isinstance(message, dict):
            params = message.get("params", {})
            given = {"Mcp-Method": message["method"], "Mcp-Name": params.get("name", params.get("uri", "")), **given}
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items() if value)
        self._socket = socket.create_connection(("127.0.0.1", service.port), timeout=timeout)
        self._socket.sendall(f"POST {url.removeprefix(service.url)} HTTP/1.1\r\n{lines}\r\n".encode() + body)
        self._file = self._socket.makefile("rb")
        self._head: tuple[int, dict[str, str]] | None = None

    @property
    def head(self) -> tuple[int, dict[str, str]]:
        """The status and the headers; waits for them."""
        if self._head is None:
            status = int(self._file.readline().split()[1])
            headers = {}
            while line := self._file.readline().strip():
                name, _, value = line.decode("latin-1").partition(":")
                headers[name.lower()] = value.strip()
            self._head = status, headers
        return self._head

    def event(self) -> Any:
        """The next event's JSON, comments passed over; None at the end of the stream."""
        data = b""
        while line := self.line():
            if line.startswith(b"data: "):
                data = line[6:]
            elif not line.strip() and data:
                return json.loads(data)
        return None

    def events(self) -> list[Any]:
        """All events to the end."""
        found = []
        while (event := self.event()) is not None:
            found.append(event)
        return found

    def json(self) -> Any:
        """The body of an answer that is no stream."""
        return json.loads(self._file.read(int(self.head[1]["content-length"])))

    def close(self) -> None:
        self._file.close()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def line(self) -> bytes:
        """A line of the body, b"" at its end. Each event comes in chunks that end with a line."""
        assert self.head[1].get("transfer-encoding") == "chunked", self.head
        while True:
            if not hasattr(self, "_rest") or not self._rest:
                size = int(self._file.readline() or b"0", 16)
                self._rest = self._file.read(size + 2)[:-2]
                if not size:
                    return b""
            line, mark, self._rest = self._rest.partition(b"\n")
            return line + mark
