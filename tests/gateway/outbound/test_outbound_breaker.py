"""A host that fails again and again is left alone for a while."""

import asyncio
import logging
import socket

import pytest
from outbound_support import Make, Names, Received, Serve, answer

from gateway.errors import Unavailable, UpstreamError, UpstreamTimeout
from gateway.outbound.breaker import Breaker
from gateway.outbound.messages import Origin, Request


class Clock:
    """Monotonic seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


class TestBreaker:
    def test_it_opens_after_failures_in_a_row(self, clock: Clock) -> None:
        breaker = Breaker("a.test", 3, 15, clock)
        for _ in range(2):
            breaker.failed()
        breaker.succeeded()
        for _ in range(2):
            breaker.failed()
            assert breaker.admit() == breaker.held_back() == 0
        breaker.failed()
        assert breaker.admit() == breaker.held_back() == 15
        clock.now += 14.9
        assert breaker.admit() == pytest.approx(0.1)

    def test_one_probe_goes_through_and_closes_it(self, clock: Clock) -> None:
        breaker = Breaker("a.test", 1, 15, clock)
        breaker.failed()
        clock.now += 15
        assert [breaker.admit(), breaker.admit(), breaker.held_back()] == [0, 15, 15]
        breaker.succeeded()
        assert [breaker.admit(), breaker.admit()] == [0, 0]

    def test_a_probe_that_fails_opens_it_again(self, clock: Clock) -> None:
        breaker = Breaker("a.test", 3, 15, clock)
        for _ in range(3):
            breaker.failed()
        clock.now += 15
        assert breaker.admit() == 0
        clock.now += 5
        breaker.failed()
        assert breaker.admit() == 15

    def test_a_probe_that_never_reports_blocks_nobody_for_good(self, clock: Clock) -> None:
        breaker = Breaker("a.test", 1, 15, clock)
        breaker.failed()
        clock.now += 15
        assert breaker.admit() == 0
        clock.now += 15
        assert [breaker.admit(), breaker.admit()] == [0, 15]

    def test_looking_is_not_probing(self, clock: Clock) -> None:
        breaker = Breaker("a.test", 1, 15, clock)
        breaker.failed()
        clock.now += 20
        assert [breaker.held_back(), breaker.held_back(), breaker.admit()] == [0, 0, 0]

    def test_the_operator_sees_both_ends(self, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
        breaker = Breaker("a.test", 2, 15, clock)
        with caplog.at_level(logging.INFO):
            for _ in range(4):
                breaker.failed()
            breaker.succeeded()
            breaker.succeeded()
        assert [record.getMessage() for record in caplog.records] == [
            "a.test failed 2 times in a row: calls are held back",
            "a.test answers again",
        ]


async def test_it_opens_half_opens_and_closes(serve: Serve, make: Make, clock: Clock) -> None:
    status = 503
    platform = await serve(lambda _: answer(status))
    client = make(retries=0, clock=clock)
    for _ in range(10):
        assert (await client.send(Request("GET", platform.url))).status == 503
    with pytest.raises(Unavailable) as caught:
        await client.send(Request("GET", platform.url))
    assert caught.value.details == {"host": "127.0.0.1", "retryAfter": 15}
    assert "127.0.0.1 has failed many times in a row" in caught.value.message
    assert "15 more seconds" in caught.value.message
    assert len(platform.received) == 10

    clock.now += 15
    status = 200
    results = await asyncio.gather(
        *(client.send(Request("GET", platform.url)) for _ in range(5)), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["Response"] + ["Unavailable"] * 4
    assert len(platform.received) == 11

    assert (await client.send(Request("GET", platform.url))).status == 200


@pytest.mark.parametrize("last", [200, 404, 429, 500])
async def test_any_other_answer_shows_that_the_host_is_there(serve: Serve, make: Make, last: int) -> None:
    statuses = iter([503, 502, last, 504, 503, last])
    platform = await serve(lambda _: answer(next(statuses)))
    client = make(retries=0, breaker_failures=3)
    for _ in range(6):
        await client.send(Request("GET", platform.url))
    assert len(platform.received) == 6


async def test_connections_that_fail_count(make: Make, free_port: int) -> None:
    client = make(retries=0, breaker_failures=3)
    for _ in range(3):
        with pytest.raises(UpstreamError):
            await client.send(Request("GET", f"http://127.0.0.1:{free_port}/"))
    with pytest.raises(Unavailable):
        await client.send(Request("GET", f"http://127.0.0.1:{free_port}/"))


async def test_connections_that_break_count(serve: Serve, make: Make) -> None:
    async def reset(received: Received) -> bytes:
        received.writer.transport.abort()
        return b""

    platform = await serve(reset)
    client = make(retries=0, breaker_failures=3)
    for _ in range(3):
        with pytest.raises(UpstreamError):
            await client.send(Request("GET", platform.url))
    with pytest.raises(Unavailable):
        await client.send(Request("GET", platform.url))


async def test_retries_count_and_stop_when_it_opens(serve: Serve, make: Make) -> None:
    platform = await serve(answer(503))
    client = make(retries=5, breaker_failures=2)
    # The answer, not "held back": this caller has one.
    assert (await client.send(Request("GET", platform.url))).status == 503
    assert len(platform.received) == 2


@pytest.mark.parametrize("case", ["blocked", "header", "too large", "coded", "slow"])
async def test_what_is_not_the_hosts_fault_does_not_count(serve: Serve, make: Make, case: str) -> None:
    async def hang(received: Received) -> None:
        return None

    platform = await serve(
        {"too large": answer(200, b"12345"), "coded": answer(200, b"1", Content_Encoding="gzip")}.get(case, hang)
    )
    names = Names(inside_test=["10.0.0.1"])
    client = make(retries=0, breaker_failures=2, resolver=names)
    request, told = {
        "blocked": (Request("GET", "http://inside.test/"), "may not be called"),
        "header": (Request("GET", platform.url, {"X": "a\r\nb"}), "cannot be sent"),
        "too large": (Request("GET", platform.url, max_bytes=4), "more than 4 bytes"),
        "coded": (Request("GET", platform.url), "coding"),
        "slow": (Request("GET", platform.url, timeout=0.02), "did not answer"),
    }[case]
    for _ in range(4):
        with pytest.raises(Exception, match=told) as caught:
            await client.send(request)
        assert not isinstance(caught.value, Unavailable)


async def test_each_origin_has_its_own(serve: Serve, make: Make) -> None:
    bad, good = await serve(answer(503)), await serve(answer())
    client = make(retries=0, breaker_failures=1, resolver=Names(other_test=["127.0.0.1"]))
    await client.send(Request("GET", bad.url))
    assert (await client.send(Request("GET", good.url))).status == 200
    assert (await client.send(Request("GET", f"http://other.test:{bad.port}/"))).status == 503
    with pytest.raises(Unavailable):
        await client.send(Request("GET", bad.url.replace("http", "HTTP")))


async def test_those_who_waited_for_a_slot_do_not_go_once_it_is_open(serve: Serve, make: Make) -> None:
    platform = await serve(answer(503))
    client = make(retries=0, breaker_failures=2, per_host=1)
    results = await asyncio.gather(
        *(client.send(Request("GET", platform.url)) for _ in range(6)), return_exceptions=True
    )
    assert [type(result).__name__ for result in results] == ["Response"] * 2 + ["Unavailable"] * 4
    assert len(platform.received) == 2


async def test_calls_are_held_back_at_once_although_all_slots_are_taken(serve: Serve, make: Make) -> None:
    async def hang_or_fail(received: Received) -> bytes | None:
        return answer(503) if received.target == "/fail" else None

    platform = await serve(hang_or_fail)
    client = make(retries=0, breaker_failures=1, per_host=2)
    hanging = [asyncio.create_task(client.send(Request("GET", platform.url + "/hang")))]
    await platform.has_received(1)
    await client.send(Request("GET", platform.url + "/fail"))
    # A late comer that had passed the breaker before it opened takes the last slot.
    assert client._slots.take_now(client._tenants.of("").lane(Origin("http", "127.0.0.1", platform.port)))
    with pytest.raises(Unavailable, match="held back"):
        await asyncio.wait_for(client.send(Request("GET", platform.url)), 0.5)
    hanging[0].cancel()
    await asyncio.gather(*hanging, return_exceptions=True)


async def test_a_name_that_cannot_be_resolved_counts(make: Make) -> None:
    names = Names(gone_test=[socket.gaierror(socket.EAI_NONAME, "Name or service not known")])
    client = make(retries=0, breaker_failures=2, resolver=names)
    for _ in range(2):
        with pytest.raises(UpstreamError):
            await client.send(Request("GET", "http://gone.test/"))
    with pytest.raises(Unavailable):
        await client.send(Request("GET", "http://gone.test/"))


async def test_no_connection_in_time_counts(make: Make) -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(never, "127.0.0.1", 0)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    client = make(retries=0, breaker_failures=1, connect_timeout=0.05)
    with pytest.raises(UpstreamTimeout):
        await client.send(Request("GET", url))
    with pytest.raises(Unavailable):
        await client.send(Request("GET", url))
    server.close()
