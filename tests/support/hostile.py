"""A platform that means harm: a raw server on loopback with one way to misbehave per path."""

import asyncio
import contextlib
import email.utils
import gzip
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

GOOD = "good"
_BLOCK = 64 * 1024


@dataclass
class Call:
    """One request that came, and the way to answer it."""

    target: str
    headers: dict[str, str]
    # The how manieth to this path.
    number: int
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def again_and_again(self, data: bytes, pause: float = 0.0) -> None:
        """Until the other side has gone, or has had half a minute of it."""
        end = time.monotonic() + 30
        while not self.writer.is_closing() and time.monotonic() < end:
            await self.send(data)
            await asyncio.sleep(pause)

    def reset(self) -> None:
        """Close so that the other side sees a reset, not an end."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Way = Callable[["Hostile", Call], Awaitable[bool | None]]
"""Answers a call; True keeps the connection for the next one."""


def answer(body: bytes, status: int = 200, kind: str = "application/json", *fields: str) -> bytes:
    head = [f"HTTP/1.1 {status} Words", f"Content-Length: {len(body)}", *fields]
    if kind:
        head.append(f"Content-Type: {kind}")
    return "\r\n".join([*head, "", ""]).encode("latin-1") + body


def head(*fields: str, status: str = "200 OK") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *fields, "", ""]).encode("latin-1")


CHUNKED = head("Content-Type: application/json", "Transfer-Encoding: chunked")
WAYS: dict[str, Way] = {}


def way(name: str) -> Callable[[Way], Way]:
    def keep(function: Way) -> Way:
        WAYS[name] = function
        return function

    return keep


def always(name: str, data: bytes, *, keeps: bool = False) -> None:
    async def send(_: "Hostile", call: Call) -> bool:
        await call.send(data)
        return keeps

    WAYS[name] = send


def pouring(name: str, start: bytes, piece: bytes, pause: float = 0.0) -> None:
    async def pour(_: "Hostile", call: Call) -> None:
        await call.send(start)
        await call.again_and_again(piece, pause)

    WAYS[name] = pour


@way("good")
async def _good(_: "Hostile", call: Call) -> bool:
    await call.send(answer(b'{"good": true}'))
    return True


@way("echo")
async def _echo(_: "Hostile", call: Call) -> bool:
    """Everything that it was sent, the credential among it."""
    text = "\n".join([call.target, *(f"{name}: {value}" for name, value in call.headers.items())])
    await call.send(answer(text.encode(), 400, "text/plain"))
    return True


# Slowness.
@way("black-hole")
async def _black_hole(_: "Hostile", call: Call) -> None:
    await asyncio.sleep(30)


pouring("slow-head", b"HTTP/1.1 200 OK\r\n", b"X", 0.05)
pouring("slow-body", CHUNKED, b"1\r\n1\r\n", 0.05)
pouring("endless-interim", b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 1000)

# Sizes.
_PIECE = b"%x\r\n%s\r\n" % (_BLOCK, b"1" * _BLOCK)
pouring("endless-chunks", CHUNKED, _PIECE)
pouring("endless-tiny-chunks", CHUNKED, b"1\r\n1\r\n" * 4000)
pouring("endless-to-close", head("Content-Type: text/plain"), b"x" * _BLOCK)
pouring("endless-events", head("Content-Type: text/event-stream"), b"data: " + b"x" * _BLOCK + b"\n\n")
pouring("endless-chunk-extension", CHUNKED, b"1;" + b"x" * _BLOCK)
pouring("endless-trailers", CHUNKED + b"0\r\n", b"X: y\r\n" * 1000)
always("length-of-a-terabyte", head("Content-Length: 1099511627776"))
always("dense-json", answer(b"[" + b"0," * 4_900_000 + b"0]"))
always("deep-json", answer(b"[" * 4_000_000 + b"]" * 4_000_000))

# Bombs.
_BOMB = gzip.compress(bytes(50_000_000))
for _coding in ("gzip", "deflate", "br", "zstd", "identity, gzip", "GZIP"):
    always(f"bomb-{_coding.replace(', ', '-')}", answer(_BOMB, 200, "application/json", f"Content-Encoding: {_coding}"))
always("bomb-transfer", head("Transfer-Encoding: gzip, chunked") + b"%x\r\n%s\r\n0\r\n\r\n" % (len(_BOMB), _BOMB))
always("bomb-undeclared", answer(_BOMB))

# Heads.
always("many-fields", head(*(f"X-{number}: y" for number in range(500))))
always("long-field", head("X: " + "y" * 200_000))
always("long-reason", head(status="200 " + "O" * 200_000))
pouring("endless-fields", b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 1000)
pouring("endless-field", b"HTTP/1.1 200 OK\r\nX: ", b"y" * _BLOCK)
always("not-http", b"SSH-2.0-OpenSSH_9.9\r\n\r\n")
always("old-http", b"<html>no head at all</html>")
always("two-lengths", head("Content-Length: 5", "Content-Length: 6") + b"123456")
always("length-and-chunks", head("Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n")
always("negative-length", head("Content-Length: -1"))
always("switching", head("Upgrade: h2c", "Connection: upgrade", status="101 Switching Protocols"))
always("status-999", answer(b"{}", 999))
always("status-000", head(status="000 None"))
always("cookies", answer(b'{"good": true}', 200, "application/json", "Set-Cookie: a=b", "X-Api-Key: passed on"))


# Connections.
@way("half-closed")
async def _half_closed(_: "Hostile", call: Call) -> None:
    """Says that it has no more to say in the middle of its answer, and stays to listen."""
    await call.send(head("Content-Length: 100") + b"{")
    call.writer.write_eof()
    await asyncio.sleep(30)


@way("half-closed-at-once")
async def _half_closed_at_once(_: "Hostile", call: Call) -> None:
    call.writer.write_eof()
    await asyncio.sleep(30)


@way("reset")
async def _reset(_: "Hostile", call: Call) -> None:
    call.reset()


@way("reset-in-body")
async def _reset_in_body(_: "Hostile", call: Call) -> None:
    await call.send(head("Content-Length: 100") + b"{")
    await asyncio.sleep(0.02)
    call.reset()


@way("an-answer-too-many")
async def _an_answer_too_many(_: "Hostile", call: Call) -> bool:
    """And a second one, for whoever comes next on this connection."""
    await call.send(answer(b'{"first": true}') + answer(b'{"smuggled": true}'))
    return True


@way("a-late-answer-too-many")
async def _a_late_answer_too_many(_: "Hostile", call: Call) -> bool:
    await call.send(answer(b'{"first": true}'))
    await asyncio.sleep(0.05)
    await call.send(answer(b'{"smuggled": true}'))
    return True


# Not now.
for _status in (429, 502, 503, 504):
    always(f"status-{_status}", answer(b'{"message": "not now"}', _status), keeps=True)
for _name, _value in {"long": "3600", "odd": "²", "huge": "9" * 40, "past": "Thu, 01 Jan 1970 00:00:00 GMT"}.items():
    always(f"retry-after-{_name}", answer(b"{}", 429, "application/json", f"Retry-After: {_value}"))


@way("retry-after-seconds")
async def _retry_after_seconds(_: "Hostile", call: Call) -> None:
    again = answer(b"{}", 429, "application/json", "Retry-After: 1")
    await call.send(again if call.number % 2 else answer(b'{"good": true}'))


@way("retry-after-date")
async def _retry_after_date(_: "Hostile", call: Call) -> None:
    date = email.utils.formatdate(time.time() + 2, usegmt=True)
    again = answer(b"{}", 503, "application/json", f"Retry-After: {date}")
    await call.send(again if call.number % 2 else answer(b'{"good": true}'))


# Redirects. `{port}` is the platform's own.
REDIRECTS = {
    "metadata": "http://169.254.169.254/latest/meta-data/",
    "metadata-mapped": "http://[::ffff:169.254.169.254]/",
    "metadata-nat64": "http://[64:ff9b::a9fe:a9fe]/",
    "metadata-6to4": "http://[2002:a9fe:a9fe::]/",
    "metadata-teredo": "http://[2001:0:4136:e378:8000:63bf:5601:5601]/",
    "metadata-aws-v6": "http://[fd00:ec2::254]/",
    "metadata-decimal": "http://2852039166/",
    "metadata-hex": "http://0xA9FEA9FE/",
    "metadata-octal": "http://0251.0376.0251.0376/",
    "metadata-short": "http://169.254.43518/",
    "metadata-dot": "http://169.254.169.254./",
    "metadata-alibaba": "http://100.100.100.200/",
    "metadata-wide": "http://\uff11\uff16\uff19.254.169.254/",
    "loopback": "http://127.0.0.2:{port}/good",
    "loopback-v6": "http://[::1]:{port}/good",
    "loopback-mapped": "http://[::ffff:127.0.0.2]:{port}/good",
    "loopback-short": "http://127.2:{port}/good",
    "loopback-decimal": "http://2130706434:{port}/good",
    "loopback-hex": "http://0x7f.0.0.2:{port}/good",
    "loopback-name": "http://localhost.localdomain.invalid:{port}/good",
    "private": "http://10.0.0.1/",
    "nowhere": "http://0.0.0.0:{port}/good",
    "multicast": "http://224.0.0.1/",
    "broadcast": "http://255.255.255.255/",
    "link-local-zone": "http://[fe80::1%25eth0]/",
    "user": "http://127.0.0.1:{port}@169.254.169.254/",
    "user-of-good": "http://169.254.169.254@127.0.0.1:{port}/good",
    "file": "file:///etc/passwd",
    "gopher": "gopher://127.0.0.1:{port}/",
    "port-0": "http://127.0.0.1:0/",
    "port-too-large": "http://127.0.0.1:65536/",
    "ssh-port": "http://10.0.0.1:22/",
}


def _redirecting(name: str, target: str) -> None:
    @way(f"redirect-{name}")
    async def redirect(platform: "Hostile", call: Call) -> None:
        location = target.replace("{port}", str(platform.port)).encode()
        await call.send(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n")


for _name, _target in REDIRECTS.items():
    _redirecting(_name, _target)


always("redirect-loop", head("Location: /redirect-loop", "Content-Length: 0", status="302 Found"), keeps=True)


@way("redirect-elsewhere")
async def _redirect_elsewhere(platform: "Hostile", call: Call) -> None:
    """To another origin that may be called, which tells what came with it."""
    await call.send(head(f"Location: http://127.0.0.1:{platform.other_port}/echo", "Content-Length: 0", status="302 F"))


# Lies about content.
LIES: dict[str, tuple[str, bytes]] = {
    "json-is-html": ("application/json", b"<html>Sorry</html>"),
    "json-is-nothing": ("application/json", b""),
    "json-is-blank": ("application/json", b" \r\n "),
    "json-is-cut": ("application/json", b'{"a": [1, 2'),
    "json-is-latin": ("application/json; charset=iso-8859-1", b'{"name": "Caf\xe9"}'),
    "json-is-not-utf8": ("application/json", b'{"a": "\xff\xfe"}'),
    "json-is-utf16": ("application/json; charset=utf-16", '{"a": 1}'.encode("utf-16")),
    "json-has-nul": ("application/json", b'{"a\\u0000": "b\\u0000"}'),
    "json-has-raw-nul": ("application/json", b'{"a": "\x00"}'),
    "json-has-surrogates": ("application/json", b'{"a": "\\ud800"}'),
    "json-has-infinity": ("application/json", b'{"a": 1e999}'),
    "json-has-nan": ("application/json", b'{"a": NaN}'),
    "json-has-a-huge-number": ("application/json", b'{"a": ' + b"9" * 5000 + b"}"),
    "json-has-a-large-number": ("application/json", b'{"a": 123456789012345678901234567890}'),
    "json-has-a-key-twice": ("application/json", b'{"a": 1, "a": 2}'),
    "html-is-json": ("text/html", b'{"a": 1}'),
    "png-is-json": ("image/png", b'{"a": 1}'),
    "text-is-binary": ("text/plain", bytes(range(256))),
    "text-in-an-unknown-charset": ("text/plain; charset=klingon", b"nuqneH"),
    "type-is-nonsense": ("\x01;;;=;", b'{"a": 1}'),
    "type-is-long": ("a/" + "b" * 10_000, b"{}"),
    "no-type": ("", b"\x00\x01\x02"),
    "byte-order-mark": ("application/json", b'\xef\xbb\xbf{"a": 1}'),
}
for _name, (_kind, _body) in LIES.items():
    always(_name, answer(_body, 200, _kind), keeps=True)


@dataclass
class Hostile:
    """The running platform, on two ports: two origins."""

    port: int = 0
    other_port: int = 0
    calls: Counter[str] = field(default_factory=Counter)
    # (path, headers) of each call, in order.
    received: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    open: int = 0
    ways: dict[str, Way] = field(default_factory=lambda: WAYS)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def document(self, *, bearer: bool = True) -> dict[str, Any]:
        """An OpenAPI document: an action to read with for each way, and `write-…` for some to write with."""
        answers = {"responses": {"200": {"description": "ok"}}}
        paths: dict[str, Any] = {
            f"/{name}": {
                "get": {"operationId": name, "summary": name, **answers},
                "post": {"operationId": f"write-{name}", "summary": name, **answers},
            }
            for name in self.ways
        }
        guarded = {
            "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
            "security": [{"key": []}],
        }
        return {
            "openapi": "3.0.3",
            "info": {"title": "Hostile", "version": "1"},
            "servers": [{"url": self.url}],
            "paths": paths,
            **(guarded if bearer else {}),
        }

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            # Cancelled is who still hangs when the platform ends.
            ends = (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError)
            with contextlib.suppress(*ends):
                while await self._one(reader, writer):
                    pass
        finally:
            self.open -= 1
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool | None:
        start, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
        headers = dict(line.lower().split(": ", 1) for line in lines)
        await reader.readexactly(int(headers.get("content-length", 0)))
        target = start.split(" ")[1]
        name = target.partition("?")[0].strip("/")
        self.calls[name] += 1
        self.received.append((name, headers))
        return await self.ways[name](self, Call(target, headers, self.calls[name], writer))


@contextlib.contextmanager
def hostile(**more: Way) -> Iterator[Hostile]:
    """Start it, with more ways than it has of itself."""
    platform = Hostile(ways={**WAYS, **more})
    ready = threading.Event()
    done: asyncio.Event
    loop: asyncio.AbstractEventLoop

    async def run() -> None:
        nonlocal done, loop
        done, loop = asyncio.Event(), asyncio.get_running_loop()
        servers = [await asyncio.start_server(platform.serve, "127.0.0.1", 0, backlog=512) for _ in range(2)]
        platform.port, platform.other_port = (server.sockets[0].getsockname()[1] for server in servers)
        ready.set()
        await done.wait()
        for server in servers:
            server.close()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield platform
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join()
