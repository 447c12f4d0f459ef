"""Answers in server-sent events: parsed whatever the pieces, handed over as they come, within the same limits."""

import asyncio
import time

import pytest
from outbound_support import Make, Received, Serve, answer

from gateway.errors import UpstreamError, UpstreamTimeout
from gateway.outbound.events import Events
from gateway.outbound.messages import Request

STREAM = (
    b"\xef\xbb\xbf: comment\r\ndata: one\r\n\r\nevent: x\nid: 5\n"
    b"data:two\ndata:  three\n\ndata\n\nretry: 5\n\ndata: lost"
)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"


def fed(stream: bytes, size: int) -> list[bytes]:
    events = Events()
    return [data for at in range(0, len(stream), size) for data in events.feed(stream[at : at + size])]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 1000])
def test_the_pieces_do_not_matter(size: int) -> None:
    assert fed(STREAM, size) == [b"one", b"two\n three", b""]
    assert fed(STREAM.replace(b"\r\n", b"\n").replace(b"\n", b"\r") + b"\r\rx", size) == [
        b"one",
        b"two\n three",
        b"",
        b"lost",
    ]


async def test_events_are_handed_over_as_they_come(serve: Serve, make: Make) -> None:
    heard: list[bytes] = []
    first = asyncio.Event()

    async def reply(request: Received) -> bytes:
        request.writer.write(HEAD + b"Connection: close\r\n\r\ndata: 1\n\n")
        await first.wait()
        return b"data: 2\n\nConnection: close\n"

    async def hear(data: bytes) -> bool:
        heard.append(data)
        first.set()
        return False

    platform = await serve(reply)
    response = await make().send(Request(method="POST", url=f"{platform.url}/", on_event=hear, timeout=5))
    assert (heard, response.body, response.status) == ([b"1", b"2"], b"", 200)


async def test_enough_is_enough(serve: Serve, make: Make) -> None:
    async def reply(request: Received) -> None:
        request.writer.write(HEAD + b"\r\ndata: 1\n\ndata: 2\n\n")

    heard: list[bytes] = []

    async def hear(data: bytes) -> bool:
        heard.append(data)
        return True

    platform = await serve(reply)
    await make().send(Request(method="POST", url=f"{platform.url}/", on_event=hear, timeout=5))
    await platform.all_closed()
    assert heard == [b"1"]


async def test_other_answers_come_whole(serve: Serve, make: Make) -> None:
    async def hear(_: bytes) -> bool:
        raise AssertionError

    platform = await serve(answer(500, b"data: x\n\n", content_type="text/event-stream"))
    response = await make().send(Request(method="POST", url=f"{platform.url}/", on_event=hear))
    assert response.body == b"data: x\n\n"


async def test_the_limits_hold(serve: Serve, make: Make) -> None:
    async def hear(_: bytes) -> bool:
        return False

    async def endless(request: Received) -> bytes:
        request.writer.write(HEAD + b"\r\n")
        while True:
            request.writer.write(b"data: " + b"x" * 1000 + b"\n\n")
            await request.writer.drain()

    async def silent(request: Received) -> None:
        request.writer.write(HEAD + b"\r\n")

    platform = await serve(endless)
    with pytest.raises(UpstreamError, match="more than 50000 bytes"):
        await make().send(Request(method="POST", url=f"{platform.url}/", on_event=hear, max_bytes=50_000))
    platform = await serve(silent)
    with pytest.raises(UpstreamTimeout):
        await make().send(Request(method="POST", url=f"{platform.url}/", on_event=hear, timeout=0.2))
    await platform.all_closed()


async def test_what_the_listener_raises_ends_the_call(serve: Serve, make: Make) -> None:
    async def hear(_: bytes) -> bool:
        raise UpstreamError("not this")

    async def reply(request: Received) -> None:
        request.writer.write(HEAD + b"\r\ndata: 1\n\n")

    platform = await serve(reply)
    with pytest.raises(UpstreamError, match="not this"):
        await make().send(Request(method="POST", url=f"{platform.url}/", on_event=hear, timeout=5))
    await platform.all_closed()


@pytest.mark.parametrize("line", [b"\n", b":\n", b"\r", b"data:{}\n\n"])
async def test_a_flood_of_lines_is_cut_and_lets_others_work(serve: Serve, make: Make, line: bytes) -> None:
    """Few bytes each, and some work each."""

    async def reply(request: Received) -> None:
        request.writer.write(HEAD + b"\r\n")
        while not request.writer.is_closing():
            request.writer.write(line * 60_000)
            await request.writer.drain()

    async def hear(data: bytes) -> bool:
        return False

    longest = 0.0

    async def work() -> None:
        nonlocal longest
        while True:
            begun = time.monotonic()
            await asyncio.sleep(0)
            longest = max(longest, time.monotonic() - begun)

    platform = await serve(reply)
    working = asyncio.create_task(work())
    with pytest.raises(UpstreamError, match="more than 100000 lines of events"):
        await make().send(Request(method="POST", url=platform.url, on_event=hear, timeout=20))
    working.cancel()
    await platform.all_closed()
    # The platform works in the same loop.
    assert longest < 0.2
