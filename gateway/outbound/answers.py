"""Takes an answer in, within its bounds."""

import asyncio
from collections.abc import Mapping

import aiohttp
from aiohttp import hdrs
from multidict import CIMultiDictProxy

from gateway.errors import UpstreamError
from gateway.outbound.events import MEDIA_TYPE, Events
from gateway.outbound.messages import Request, Response
from gateway.outbound.room import LARGE, STRIDE, Room

# Bounds of an answer's head: bytes of a line or field, and number of fields. RFC 9110, section 5.4, sets none.
MAX_FIELD_BYTES = 16 * 1024
MAX_FIELDS = 128
# Lines of a stream of events, and how many bytes of it are read in a row: each line takes its time, also an empty one.
MAX_LINES = 100_000
_SLICE = 1024
_BODILESS = frozenset({204, 304})


async def take_in(answer: aiohttp.ClientResponse, request: Request, url: str, host: str, room: Room) -> Response:
    """The whole answer, read to its end. Whoever calls closes the connection when this raises.

    Raises UpstreamError where the body is longer than `request.max_bytes`, or in a coding: `identity` was asked for,
    so there is nothing that could unfold to more than was counted.
    """
    status, headers, content = answer.status, answer.headers, answer.content
    if status == 101:
        raise refused(host, "wants to switch to a protocol that nobody asked for")
    if request.method == "HEAD" or status in _BODILESS:
        body = b""
    else:
        coding, transfer = headers.get(hdrs.CONTENT_ENCODING), headers.get(hdrs.TRANSFER_ENCODING)
        # aiohttp undoes `chunked` and leaves other transfer codings in place (RFC 9112, section 7).
        if (coding and coding.lower() != "identity") or (transfer and transfer.lower() != "chunked"):
            raise refused(host, "answered in a coding that was not asked for")
        if (answer.content_length or 0) > request.max_bytes:
            raise _too_large(request, host)
        if request.on_event is not None and 200 <= status < 300 and _is_stream(headers):
            await _hand_over(answer, request, host)
            return Response(status, _fields(headers), b"", url)
        body = await content.readany()
        if not content.at_eof():
            body = await _rest(content, body, request, host, room)
        if len(body) > request.max_bytes:
            raise _too_large(request, host)
        if len(body) > LARGE:
            # The last wait: whoever called works on the answer when this returns.
            await room.turn()
    return Response(status, _fields(headers), body, url)


async def _rest(content: aiohttp.StreamReader, start: bytes, request: Request, host: str, room: Room) -> bytes:
    # One buffer: a list of ten million chunks of one byte would take a hundred times what is counted.
    body = bytearray(start)
    large, rest_at = False, STRIDE
    try:
        while chunk := await content.readany():
            body += chunk
            if len(body) > request.max_bytes:
                raise _too_large(request, host)
            # Meanwhile the platform is not read from.
            if not large and len(body) > LARGE:
                await room.enter()
                large = True
            if len(body) > rest_at:
                await room.pause()
                rest_at = len(body) + STRIDE
        return bytes(body)
    finally:
        # An exception's traceback would keep it for as long as somebody still deals with the exception.
        body.clear()
        if large:
            room.leave()


async def _hand_over(answer: aiohttp.ClientResponse, request: Request, host: str) -> None:
    assert request.on_event is not None
    events, count = Events(), 0
    while chunk := await answer.content.readany():
        count += len(chunk)
        if count > request.max_bytes:
            raise _too_large(request, host)
        for start in range(0, len(chunk), _SLICE):
            for data in events.feed(chunk[start : start + _SLICE]):
                if await request.on_event(data):
                    # The rest is no use to another call either.
                    answer.close()
                    return
            if events.lines > MAX_LINES:
                raise refused(host, f"answered with more than {MAX_LINES} lines of events, which is the limit")
            await asyncio.sleep(0)


def _is_stream(headers: CIMultiDictProxy[str]) -> bool:
    return headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0].strip().lower() == MEDIA_TYPE


def _fields(headers: CIMultiDictProxy[str]) -> Mapping[str, str]:
    fields: dict[str, str] = {}
    for name, value in headers.items():
        name = name.lower()
        if name == "set-cookie":
            continue
        if not value.isascii():
            # Bytes that are not UTF-8 came as lone surrogates, which no JSON can hold.
            value = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields


def refused(host: str, why: str) -> UpstreamError:
    """The platform did answer, but with something that is not accepted."""
    return UpstreamError(f"{host} {why}", details={"host": host})


def _too_large(request: Request, host: str) -> UpstreamError:
    return refused(host, f"answered with more than {request.max_bytes} bytes, which is the limit")
