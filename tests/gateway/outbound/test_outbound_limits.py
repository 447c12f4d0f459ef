"""Nothing that a platform does takes more memory or time than it was given."""

import asyncio
import gzip
import tracemalloc
from collections.abc import Awaitable, Callable

import pytest
from outbound_support import Make, Received, Serve, answer

from gateway.errors import Unavailable, UpstreamError, UpstreamTimeout
from gateway.outbound.deadline import Deadline
from gateway.outbound.messages import Request


def endless(head: bytes, piece: bytes, pause: float = 0.0) -> Callable[[Received], Awaitable[None]]:
    """Answers with `head`, and then with `piece` again and again until the peer has gone."""

    async def flood(received: Received) -> None:
        received.writer.write(head)
        while not received.writer.is_closing():
            received.writer.write(piece)
            await received.writer.drain()
            await asyncio.sleep(pause)

    return flood


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class TestSize:
    @pytest.mark.parametrize(("length", "fits"), [(999, True), (1000, True), (1001, False)])
    @pytest.mark.parametrize("chunked", [False, True])
    async def test_the_limit_is_exact(self, serve: Serve, make: Make, length: int, fits: bool, chunked: bool) -> None:
        body = b"x" * length
        platform = await serve(CHUNKED + b"%x\r\n%s\r\n0\r\n\r\n" % (length, body) if chunked else answer(200, body))
        request = Request("GET", platform.url, max_bytes=1000)
        if fits:
            assert (await make().send(request)).body == body
        else:
            with pytest.raises(UpstreamError, match="more than 1000 bytes"):
                await make().send(request)

    async def test_a_length_over_the_limit_is_not_waited_for(self, serve: Serve, make: Make) -> None:
        platform = await serve(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n")
        with pytest.raises(UpstreamError, match="more than 10485760 bytes"):
            await make().send(Request("GET", platform.url, timeout=2))
        await platform.all_closed()

    @pytest.mark.parametrize(
        ("head", "piece", "limit"),
        [
            (CHUNKED, b"10000\r\n" + b"x" * 65536 + b"\r\n", 1024 * 1024),
            (CHUNKED, b"1\r\nx\r\n" * 1000, 64 * 1024),
            (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536, 1024 * 1024),
        ],
    )
    async def test_an_endless_body_is_cut(
        self, serve: Serve, make: Make, head: bytes, piece: bytes, limit: int
    ) -> None:
        platform = await serve(endless(head, piece))
        tracemalloc.start()
        with pytest.raises(UpstreamError, match=f"more than {limit} bytes"):
            await make().send(Request("GET", platform.url, timeout=10, max_bytes=limit))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 4 * 1024 * 1024 + limit
        await platform.all_closed()

    async def test_an_answer_in_gzip_is_refused_unread(self, serve: Serve, make: Make) -> None:
        piece = gzip.compress(bytes(10_000_000))
        head = CHUNKED[:-2] + b"Content-Encoding: gzip\r\n\r\n"
        platform = await serve(endless(head, b"%x\r\n%s\r\n" % (len(piece), piece)))
        with pytest.raises(UpstreamError, match="coding that was not asked for"):
            await make().send(Request("GET", platform.url))
        await platform.all_closed()

    @pytest.mark.parametrize("coding", ["br", "deflate", "GZIP", "identity, gzip", "zstd"])
    async def test_any_coding_is_refused(self, serve: Serve, make: Make, coding: str) -> None:
        platform = await serve(answer(200, b"?", Content_Encoding=coding))
        with pytest.raises(UpstreamError, match="coding that was not asked for"):
            await make().send(Request("GET", platform.url))

    async def test_a_transfer_coding_is_refused(self, serve: Serve, make: Make) -> None:
        platform = await serve(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\n?\r\n0\r\n\r\n")
        with pytest.raises(UpstreamError, match="coding that was not asked for"):
            await make().send(Request("GET", platform.url))

    async def test_no_body_no_coding(self, serve: Serve, make: Make) -> None:
        platform = await serve(lambda r: answer(200 if r.method == "HEAD" else 204, b"", Content_Encoding="gzip"))
        assert (await make().send(Request("HEAD", platform.url))).status == 200
        assert (await make().send(Request("GET", platform.url))).status == 204
        identity = await serve(answer(200, b"plain", Content_Encoding="Identity"))
        assert (await make().send(Request("GET", identity.url))).body == b"plain"


class TestHead:
    async def test_what_fits(self, serve: Serve, make: Make) -> None:
        fields = {f"X-{number}": "v" for number in range(100)}
        platform = await serve(answer(200, b"", X_Long="x" * 16_000, **fields))
        response = await make().send(Request("GET", platform.url))
        assert len(response.headers["x-long"]) == 16_000
        assert len(response.headers) == 102

    @pytest.mark.parametrize(
        "head",
        [
            b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 17_000 + b"\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n" + b"x" * 17_000 + b": y\r\n\r\n",
            b"HTTP/1.1 200 " + b"O" * 17_000 + b"\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        ],
    )
    async def test_what_does_not(self, serve: Serve, make: Make, head: bytes) -> None:
        platform = await serve(head)
        with pytest.raises(UpstreamError, match="headers that are too large"):
            await make().send(Request("GET", platform.url))
        await platform.all_closed()

    async def test_endless_fields_are_cut(self, serve: Serve, make: Make) -> None:
        platform = await serve(endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 1000))
        with pytest.raises(UpstreamError, match="headers that are too large"):
            await make().send(Request("GET", platform.url, timeout=10))
        await platform.all_closed()


class TestTime:
    @pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"])
    @pytest.mark.parametrize("method", ["GET", "POST"])
    async def test_a_platform_that_hangs(self, serve: Serve, make: Make, head: bytes, method: str) -> None:
        async def hang(received: Received) -> None:
            received.writer.write(head)

        platform = await serve(hang)
        await within(0.2, make().send(Request(method, platform.url, timeout=0.2)))
        await platform.all_closed()

    async def test_the_time_is_told_as_a_person_would(self, serve: Serve, make: Make) -> None:
        """What is left of a second after a look at the store is still a second."""

        async def hang(received: Received) -> None:
            return None

        platform = await serve(hang)
        with pytest.raises(UpstreamTimeout, match=r"did not answer within 0\.2 seconds"):
            await make().send(Request("GET", platform.url, timeout=0.1999))

    async def test_a_slow_drip(self, serve: Serve, make: Make) -> None:
        """Each byte comes soon enough, all of them would not."""
        platform = await serve(endless(CHUNKED, b"1\r\nx\r\n", pause=0.01))
        await within(0.3, make().send(Request("GET", platform.url, timeout=0.3)))
        await platform.all_closed()

    async def test_endless_interim_answers(self, serve: Serve, make: Make) -> None:
        platform = await serve(endless(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", pause=0.05))
        await within(0.3, make().send(Request("GET", platform.url, timeout=0.3)))
        await platform.all_closed()

    @pytest.mark.parametrize(
        ("head", "piece"),
        [
            (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 1000),
            (CHUNKED, b"1\r\nx\r\n" * 1000),
            (CHUNKED + b"1;", b"x" * 65536),
        ],
    )
    async def test_much_that_is_no_answer_is_not_listened_to(
        self, serve: Serve, make: Make, head: bytes, piece: bytes
    ) -> None:
        """It would take the time that all calls share."""
        platform = await serve(endless(head, piece))
        with pytest.raises(UpstreamError, match="too much that is no answer"):
            await make(retries=0).send(Request("GET", platform.url, timeout=20, max_bytes=2**30))
        await platform.all_closed()

    async def test_some_interim_answers_and_small_chunks_are_listened_to(self, serve: Serve, make: Make) -> None:
        interim = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 16
        platform = await serve(interim + CHUNKED + b"1\r\nx\r\n" * 20_000 + b"0\r\n\r\n")
        client = make()
        for _ in range(2):
            assert (await client.send(Request("GET", platform.url))).body == b"x" * 20_000
        assert platform.connections == 1

    @pytest.mark.parametrize("piece", [answer(200, b"next"), b"HTTP/1.1 103 Early Hints\r\n\r\n"])
    async def test_a_platform_that_goes_on_after_its_answer(self, serve: Serve, make: Make, piece: bytes) -> None:
        """A connection that waits for the next call takes nothing in."""
        idle = asyncio.Event()

        async def later(received: Received) -> None:
            received.writer.write(answer(200, b"ours"))
            await idle.wait()
            await endless(b"", piece * 1000)(received)

        platform = await serve(later)
        assert (await make().send(Request("GET", platform.url))).body == b"ours"
        idle.set()
        await platform.all_closed()

    async def test_a_platform_that_does_not_read(self, make: Make) -> None:
        ended = asyncio.Event()

        async def ignore(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            reader._transport.pause_reading()  # type: ignore[attr-defined]
            await ended.wait()
            writer.close()

        server = await asyncio.start_server(ignore, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        await within(0.3, make().send(Request("PUT", url, body=bytes(30_000_000), timeout=0.3)))
        ended.set()
        server.close()

    async def test_the_limit_is_for_all_attempts_together(self, serve: Serve, make: Make) -> None:
        async def slow(received: Received) -> bytes:
            await asyncio.sleep(0.2)
            return answer(503)

        platform = await serve(slow)
        await within(0.3, make().send(Request("GET", platform.url, timeout=0.3)))
        assert len(platform.received) == 2

    async def test_the_limit_is_for_all_hops_together(self, serve: Serve, make: Make) -> None:
        async def slow(received: Received) -> bytes:
            await asyncio.sleep(0.2)
            return answer(302, Location="/again")

        platform = await serve(slow)
        await within(0.3, make().send(Request("GET", platform.url, timeout=0.3)))
        assert len(platform.received) == 2

    async def test_a_caller_who_goes_away_closes_the_connection(self, serve: Serve, make: Make) -> None:
        starts = iter([b"", CHUNKED, CHUNKED + b"3\r\nabc\r\n"])

        async def hang(received: Received) -> None:
            received.writer.write(next(starts))

        platform = await serve(hang)
        client = make()
        calls = [asyncio.create_task(client.send(Request("POST", platform.url, timeout=20))) for _ in range(3)]
        await platform.has_received(3)
        await asyncio.sleep(0.02)
        for call in calls:
            call.cancel()
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(result) for result in results] == [asyncio.CancelledError] * 3
        await platform.all_closed()
        assert (await make().send(Request("GET", (await serve(answer())).url))).status == 200


async def within(seconds: float, call: Awaitable[object]) -> None:
    """The call ends with UpstreamTimeout after so many seconds."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    with pytest.raises(UpstreamTimeout):
        await call
    assert seconds - 0.01 <= loop.time() - start < seconds + 0.5


class TestConcurrency:
    async def test_calls_to_one_host_wait_for_each_other(self, serve: Serve, make: Make) -> None:
        at_once = most = 0

        async def count(received: Received) -> bytes:
            nonlocal at_once, most
            at_once += 1
            most = max(most, at_once)
            await asyncio.sleep(0.01)
            at_once -= 1
            return answer()

        platform = await serve(count)
        client = make(per_host=3)
        await asyncio.gather(*(client.send(Request("GET", platform.url)) for _ in range(12)))
        assert (most, len(platform.received)) == (3, 12)

    async def test_calls_in_all(self, serve: Serve, make: Make) -> None:
        at_once = most = 0

        async def count(received: Received) -> bytes:
            nonlocal at_once, most
            at_once += 1
            most = max(most, at_once)
            await asyncio.sleep(0.01)
            at_once -= 1
            return answer()

        platforms = [await serve(count) for _ in range(4)]
        client = make(max_concurrency=6)
        await asyncio.gather(*(client.send(Request("GET", platform.url)) for platform in platforms * 3))
        # Half of them, for all of these calls are one tenant's.
        assert most == 3

    async def test_a_host_that_hangs_stops_no_other(self, serve: Serve, make: Make) -> None:
        async def hang(received: Received) -> None:
            return None

        hanging, good = await serve(hang), await serve(answer())
        client = make(per_host=2, max_concurrency=8)
        calls = [asyncio.create_task(client.send(Request("GET", hanging.url, timeout=1))) for _ in range(20)]
        await hanging.has_received(2)
        assert (await client.send(Request("GET", good.url, timeout=0.5))).status == 200
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    async def test_no_slot_in_time(self, serve: Serve, make: Make) -> None:
        async def hang(received: Received) -> None:
            return None

        platform = await serve(hang)
        client = make(per_host=1)
        first = asyncio.create_task(client.send(Request("GET", platform.url, timeout=0.3)))
        await platform.has_received(1)
        with pytest.raises(Unavailable) as caught:
            await client.send(Request("GET", platform.url, timeout=0.1))
        assert caught.value.message == "Too many calls to 127.0.0.1 are under way"
        with pytest.raises(UpstreamTimeout):
            await first
        assert len(platform.received) == 1


class TestDeadline:
    async def test_in_time(self) -> None:
        with Deadline(0.05) as deadline:
            assert 0.04 < deadline.left() < 0.06
            await asyncio.sleep(0)
        # Nothing of it is left when its time comes.
        await asyncio.sleep(0.06)

    async def test_too_late(self) -> None:
        with pytest.raises(TimeoutError), Deadline(0.01) as deadline:
            await asyncio.sleep(5)
        assert deadline.left() < 0.005
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0

    async def test_ended_early_and_twice(self) -> None:
        async def end(deadline: Deadline) -> None:
            deadline.end()
            deadline.end()

        with pytest.raises(TimeoutError), Deadline(5) as deadline:
            await asyncio.gather(end(deadline), asyncio.sleep(5))
        # No cancellation is left over.
        await asyncio.sleep(0.01)

    async def test_a_cancellation_from_outside_wins(self) -> None:
        async def work() -> None:
            with Deadline(5) as deadline:
                asyncio.get_running_loop().call_soon(deadline.end)
                await asyncio.sleep(5)

        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def test_an_inner_deadline_is_not_the_outer_one(self) -> None:
        with Deadline(5):
            with pytest.raises(TimeoutError), Deadline(0.01):
                await asyncio.sleep(5)
            await asyncio.sleep(0.01)

    async def test_it_needs_a_task(self) -> None:
        def enter() -> None:
            with pytest.raises(RuntimeError, match="needs a task"), Deadline(1):
                pass
            done.set()

        done = asyncio.Event()
        asyncio.get_running_loop().call_soon(enter)
        await asyncio.wait_for(done.wait(), 1)
