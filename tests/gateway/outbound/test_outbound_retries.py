"""What is sent again, how often, and when."""

import asyncio
import socket
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from outbound_support import Make, Names, Received, Serve, answer

from gateway.errors import ToolgateError, Unavailable, UpstreamError
from gateway.outbound.failures import Failure
from gateway.outbound.messages import Request, Response
from gateway.outbound.retries import pause, retry_after

IDEMPOTENT = ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]


@pytest.mark.parametrize(
    ("method", "status", "after", "attempts"),
    [
        *((method, status, None, 3) for method in IDEMPOTENT for status in (429, 502, 503, 504)),
        *((method, status, None, 1) for method in ("POST", "PATCH") for status in (429, 502, 503, 504)),
        *(("POST", status, "0", 3) for status in (429, 503)),
        *(("POST", status, "0", 1) for status in (502, 504)),
        ("POST", 503, "soon", 1),
        *(("GET", status, "0", 1) for status in (200, 400, 401, 404, 408, 409, 500, 501, 505)),
    ],
)
async def test_which_answers_are_asked_for_again(
    serve: Serve, make: Make, method: str, status: int, after: str | None, attempts: int
) -> None:
    platform = await serve(answer(status, b"", **({"Retry-After": after} if after else {})))
    response = await make().send(Request(method, platform.url, body=b"x"))
    assert response.status == status
    assert len(platform.received) == attempts
    assert {received.body for received in platform.received} == {b"x"}


@pytest.mark.parametrize(
    ("idempotent", "method", "attempts"), [(True, "POST", 3), (False, "GET", 1), (False, "PUT", 1)]
)
async def test_the_caller_knows_better(serve: Serve, make: Make, idempotent: bool, method: str, attempts: int) -> None:
    platform = await serve(answer(502))
    await make().send(Request(method, platform.url, idempotent=idempotent))
    assert len(platform.received) == attempts


async def test_a_later_answer_is_the_answer(serve: Serve, make: Make) -> None:
    answers = iter([answer(503), answer(429), answer(200, b"at last")])
    platform = await serve(lambda _: next(answers))
    assert (await make().send(Request("GET", platform.url))).body == b"at last"


@pytest.mark.parametrize("retries", [0, 1, 4])
async def test_the_number_of_retries_is_bounded(serve: Serve, make: Make, retries: int) -> None:
    platform = await serve(answer(503))
    await make(retries=retries).send(Request("GET", platform.url))
    assert len(platform.received) == retries + 1


async def test_retries_are_counted_over_all_hops(serve: Serve, make: Make) -> None:
    seen: set[str] = set()

    def fail_once(received: Received) -> bytes:
        if received.target in seen:
            return answer(302, Location=f"/{len(seen)}")
        seen.add(received.target)
        return answer(503)

    platform = await serve(fail_once)
    assert (await make().send(Request("GET", platform.url + "/0"))).status == 503
    assert platform.targets == ["/0", "/0", "/1", "/1", "/2"]


@pytest.mark.parametrize(
    ("method", "idempotent", "attempts"),
    [("GET", None, 3), ("PUT", None, 3), ("POST", None, 1), ("POST", True, 3), ("GET", False, 1), ("DELETE", False, 1)],
)
@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"])
async def test_a_connection_that_breaks(
    serve: Serve, make: Make, method: str, idempotent: bool | None, attempts: int, start: bytes
) -> None:
    """Exactly so many: aiohttp's own second try is switched off."""

    async def break_off(received: Received) -> bytes:
        received.writer.write(start)
        await received.writer.drain()
        received.writer.close()
        return b""

    platform = await serve(break_off)
    with pytest.raises(UpstreamError):
        await make().send(Request(method, platform.url, body=b"x", idempotent=idempotent))
    assert len(platform.received) == attempts


async def test_a_connection_that_was_left_open_too_long(serve: Serve, make: Make) -> None:
    """The platform closes an idle connection just as the next request is on its way."""

    async def answer_once(received: Received) -> bytes:
        if len(platform.received) == 2:
            received.writer.transport.abort()
        return answer()

    platform = await serve(answer_once)
    client = make()
    for _ in range(2):
        assert (await client.send(Request("GET", platform.url))).status == 200
    assert len(platform.received) == 3


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_what_was_never_sent_is_sent_again_whatever_it_is(serve: Serve, make: Make, method: str) -> None:
    platform = await serve(answer())
    names = Names(platform_test=[socket.gaierror(socket.EAI_AGAIN, "Temporary failure"), "127.0.0.1"])
    response = await make(resolver=names).send(
        Request(method, f"http://platform.test:{platform.port}/", body=b"x", idempotent=False)
    )
    assert response.status == 200
    assert len(platform.received) == 1
    assert names.asked == ["platform.test"] * 2


async def test_a_refused_connection_is_tried_again(make: Make, free_port: int) -> None:
    names = Names(platform_test=["127.0.0.1"])
    client = make(resolver=names, dns_seconds=0, backoff=0.01)
    with pytest.raises(UpstreamError, match="Connection refused"):
        await client.send(Request("POST", f"http://platform.test:{free_port}/"))
    assert len(names.asked) == 3


async def test_what_lasts_is_not_tried_again(make: Make) -> None:
    names = Names(gone_test=[socket.gaierror(socket.EAI_NONAME, "Name or service not known")], inside_test=["10.0.0.1"])
    client = make(resolver=names, dns_seconds=0)
    for host in ("gone.test", "inside.test"):
        with pytest.raises(UpstreamError):
            await client.send(Request("GET", f"http://{host}/"))
    assert names.asked == ["gone.test", "inside.test"]


async def test_retry_after_is_waited_for(serve: Serve, make: Make) -> None:
    times: list[float] = []

    def busy(received: Received) -> bytes:
        times.append(time.monotonic())
        return answer(429, Retry_After="1") if len(times) == 1 else answer()

    platform = await serve(busy)
    assert (await make().send(Request("POST", platform.url, timeout=5))).status == 200
    assert 0.99 <= times[1] - times[0] < 1.5


async def test_a_retry_after_beyond_the_deadline_is_the_callers_to_know(serve: Serve, make: Make) -> None:
    platform = await serve(answer(429, b"slow down", Retry_After="60"))
    response = await asyncio.wait_for(make().send(Request("GET", platform.url, timeout=30)), 1)
    assert (response.status, response.headers["retry-after"], response.body) == (429, "60", b"slow down")
    assert len(platform.received) == 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("0", 0.0),
        ("120", 120.0),
        ("999999999", 999999999.0),
        # The three forms of RFC 9110, section 5.6.7, and one that is seen.
        ("Sun, 06 Nov 1994 08:51:17 GMT", 100.0),
        ("Sunday, 06-Nov-94 08:51:17 GMT", 100.0),
        ("Sun Nov  6 08:51:17 1994", 100.0),
        ("Sun, 06 Nov 1994 08:51:17 -0000", 100.0),
        ("Sun, 06 Nov 1994 08:49:36 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 252618189022.0),
        ("-1", None),
        ("1.5", None),
        ("1e3", None),
        ("٣", None),
        ("", None),
        ("soon", None),
        ("9999999999999999999999", None),
        ("Sun, 99 Nov 1994 08:49:37 GMT", None),
    ],
)
def test_retry_after(monkeypatch: pytest.MonkeyPatch, value: str | None, expected: float | None) -> None:
    monkeypatch.setattr(time, "time", lambda: 784111777.0)  # Sun, 06 Nov 1994 08:49:37 GMT
    assert retry_after(value) == expected


@given(st.text() | st.from_regex(r"\A[A-Z][a-z]{2}, [0-9]{1,9} [A-Z][a-z]{2} [0-9]{1,9} [0-9:]{1,9} [+-]?[0-9A-Z]*\Z"))
def test_any_retry_after_gets_a_verdict(value: str) -> None:
    seconds = retry_after(value)
    assert seconds is None or seconds >= 0


def test_who_asks_for_a_long_pause_is_not_waited_for() -> None:
    request = Request("GET", "http://a.test/", timeout=300)
    for seconds, waits in (("30", True), ("31", False), ("3600", False)):
        response = Response(429, {"retry-after": seconds}, b"", request.url)
        assert (pause(request, response, 0, 0.001) is not None) == waits


def test_pauses_grow_and_are_spread() -> None:
    """Full jitter: anywhere from nothing to twice as much each time."""
    request, busy = Request("GET", "http://a.test"), Response(503, {}, b"", "http://a.test")
    for retry, most in ((0, 0.2), (1, 0.4), (2, 0.8), (20, 30.0)):
        pauses = [pause(request, busy, retry, 0.2) or 0.0 for _ in range(300)]
        assert all(0 <= seconds <= most for seconds in pauses)
        assert min(pauses) < most * 0.2
        assert max(pauses) > most * 0.8


def test_the_pause_is_never_shorter_than_what_is_asked_for() -> None:
    request, busy = Request("POST", "http://a.test"), Response(429, {"retry-after": "7"}, b"", "http://a.test")
    assert pause(request, busy, 0, 0.2) == 7.0


@pytest.mark.parametrize(
    ("failure", "method", "again"),
    [
        ({"unsent": True}, "POST", True),
        ({"unsent": False}, "POST", False),
        ({"unsent": False}, "GET", True),
        ({"unsent": True, "lasting": True}, "GET", False),
    ],
)
def test_failures(failure: dict[str, bool], method: str, again: bool) -> None:
    error: ToolgateError = Unavailable("no")
    assert (pause(Request(method, "http://a.test"), Failure(error, **failure), 0, 0.2) is not None) is again
