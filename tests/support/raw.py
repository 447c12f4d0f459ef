"""Bytes over a socket, for requests that no HTTP library would send."""

import contextlib
import json
import re
import socket
from dataclasses import dataclass
from typing import Any

from support.service import Service


@dataclass
class RawAnswer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> Any:
        return self.json()["error"]["code"]


def exchange(service: Service, data: bytes, timeout: float = 10) -> RawAnswer:
    """Send bytes, read one answer, close."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=timeout) as connection:
        # The service may answer and close before it has read everything.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(data)
        received = b""
        while True:
            piece = connection.recv(65536)
            received += piece
            head, _, rest = received.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            if not piece or (length and len(rest) >= int(length[1])):
                break
    lines = head.decode("latin-1").split("\r\n")
    pairs = (line.split(": ", 1) for line in lines[1:] if ": " in line)
    headers = {name.lower(): value for name, value in pairs}
    return RawAnswer(int(lines[0].split()[1]), headers, rest)


def request(
    service: Service,
    method: bytes,
    target: bytes,
    body: bytes | None = None,
    headers: tuple[bytes, ...] = (),
    *,
    auth: bytes | None = b"",
    content_type: bytes | None = b"application/json",
    host: bytes | None = b"",
) -> RawAnswer:
    """One request as bytes. `auth` b"": the service's key; None: no header. `host` likewise."""
    lines = [method + b" " + target + b" HTTP/1.1"]
    if host is not None:
        lines.append(b"host: " + (host or f"127.0.0.1:{service.port}".encode()))
    if auth is not None:
        lines.append(b"authorization: " + (auth or b"Bearer " + service.key.encode()))
    if body is not None and content_type is not None:
        lines.append(b"content-type: " + content_type)
    if body is not None and not any(line.lower().startswith(b"transfer-encoding") for line in headers):
        lines.append(b"content-length: %d" % len(body))
    lines += [*headers, b"connection: close"]
    return exchange(service, b"\r\n".join(lines) + b"\r\n\r\n" + (body or b""))
