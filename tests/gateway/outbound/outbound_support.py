"""A small real server on loopback, a resolver with a script, and the types of the fixtures."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from aiohttp.abc import AbstractResolver, ResolveResult

from gateway.outbound.client import OutboundClient

LOOPBACK = ["127.0.0.0/8"]


@dataclass
class Received:
    """One request as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    writer: asyncio.StreamWriter


Reply = Callable[[Received], bytes | Awaitable[bytes | None]]


@dataclass
class Platform:
    """A server that keeps what it receives and answers what `reply` makes of it; None hangs until the peer is gone."""

    reply: Reply
    host: str
    port: int = 0
    scheme: str = "http"
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"

    @property
    def targets(self) -> list[str]:
        return [request.target for request in self.received]

    async def until(self, met: Callable[[], bool]) -> None:
        """Returns once `met` says so, asked again whenever something has happened here; TimeoutError after 2 s."""
        async with asyncio.timeout(2):
            while not met():
                self.changed.clear()
                await self.changed.wait()

    async def has_received(self, number: int) -> None:
        await self.until(lambda: len(self.received) >= number)

    async def all_closed(self) -> None:
        """Returns once the clients have closed every connection."""
        await self.until(lambda: not self.open)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        try:
            while (request := await self._read(reader, writer)) is not None:
                self.received.append(request)
                self.changed.set()
                reply = self.reply(request)
                answer = reply if isinstance(reply, bytes) else await reply
                if answer is None:
                    await reader.read()
                    return
                writer.write(answer)
                await writer.drain()
                if b"connection: close" in answer.lower():
                    return
        except OSError:
            pass
        finally:
            self.open -= 1
            self.changed.set()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Received | None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except (asyncio.IncompleteReadError, OSError):
            return None
        start, *lines = head.split("\r\n")[:-2]
        method, target, _ = start.split(" ")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        return Received(method, target, headers, body, writer)


def answer(status: int = 200, body: bytes = b"{}", **headers: str) -> bytes:
    """The bytes of an answer; `retry_after="1"` makes a Retry-After field."""
    lines = [f"HTTP/1.1 {status} Words", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Names(AbstractResolver):
    """A resolver that answers from a script: for each question the next of the given addresses, then the last again."""

    def __init__(self, **script: Sequence[str | OSError]) -> None:
        self.script = {name.replace("_", "."): list(answers) for name, answers in script.items()}
        self.asked: list[str] = []

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[ResolveResult]:
        answers = self.script[host]
        self.asked.append(host)
        given = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(given, OSError):
            raise given
        return [
            {"hostname": host, "host": address, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}
            for address in given.split()
        ]

    async def close(self) -> None:
        pass


Serve = Callable[..., Awaitable[Platform]]
Make = Callable[..., OutboundClient]
