"""What one tenant does to a platform, or has done to it, is felt by no other."""

import asyncio
import itertools
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from outbound_support import Make, Received, Serve, answer

from gateway.errors import Unavailable, UpstreamError
from gateway.outbound.breaker import Breaker
from gateway.outbound.lanes import Lane, Tenant, Tenants
from gateway.outbound.messages import Origin, Request
from gateway.outbound.names import Resolver
from gateway.outbound.room import Rooms
from gateway.outbound.slots import Share


async def hang(received: Received) -> None:
    return None


def lane(origin: Origin, share: Share) -> Lane:
    return Lane(Breaker(origin.host), share, 8)


class TestMemory:
    def test_as_many_hosts_as_it_may_are_remembered(self) -> None:
        tenant = Tenant(lane, 2, Rooms())
        a, b, c = (Origin("http", name, 80) for name in ("a.test", "b.test", "c.test"))
        first, second = tenant.lane(a), tenant.lane(b)
        assert tenant.lane(a) is first
        tenant.lane(c)
        assert tenant.hosts == 2
        assert tenant.lane(a) is first
        assert tenant.lane(b) is not second

    def test_a_host_with_calls_under_way_is_not_forgotten(self) -> None:
        tenant = Tenant(lane, 1, Rooms())
        busy = tenant.lane(Origin("http", "a.test", 80))
        busy.held = 1
        for number in range(5):
            tenant.lane(Origin("http", f"{number}.test", 80))
        assert tenant.lane(Origin("http", "a.test", 80)) is busy
        assert tenant.hosts == 2

    def test_a_tenant_with_calls_under_way_is_not_forgotten(self) -> None:
        left: list[Tenant] = []
        tenants = Tenants(lambda: Tenant(lane, 1, Rooms()), 1, left.append)
        busy = tenants.of("busy")
        busy.calls = 1
        for number in range(5):
            tenants.of(str(number))
        assert tenants.of("busy") is busy
        assert len(tenants) == 2
        assert len(left) == 4


class TestSlots:
    async def test_black_holes_of_one_tenant_leave_room_for_the_next(self, serve: Serve, make: Make) -> None:
        holes, good = [await serve(hang) for _ in range(8)], await serve(answer())
        client = make(max_concurrency=32, per_host=4)
        calls = [
            asyncio.create_task(client.send(Request("GET", hole.url, timeout=20, tenant="greedy")))
            for hole in holes * 4
        ]
        await asyncio.sleep(0.1)
        assert sum(len(hole.received) for hole in holes) == 15
        for number in range(3):
            assert (await client.send(Request("GET", good.url, timeout=1, tenant=f"other {number}"))).status == 200
        await ended(calls)

    async def test_a_shared_host_has_room_for_each_tenant(self, serve: Serve, make: Make) -> None:
        """As api.slack.com, which one account may fill with calls that take long."""

        async def reply(received: Received) -> bytes | None:
            return None if received.target == "/slow" else answer()

        shared = await serve(reply)
        client = make(per_host=4)
        slow = Request("GET", f"{shared.url}/slow", timeout=20, tenant="greedy")
        calls = [asyncio.create_task(client.send(slow)) for _ in range(100)]
        await shared.has_received(4)
        answered = [client.send(Request("GET", shared.url, timeout=1, tenant="other")) for _ in range(20)]
        assert [response.status for response in await asyncio.gather(*answered)] == [200] * 20
        assert shared.targets.count("/slow") == 4
        await ended(calls)

    async def test_of_one_tenant_one_host_stops_no_other(self, serve: Serve, make: Make) -> None:
        holes, good = [await serve(hang) for _ in range(3)], await serve(answer())
        client = make(max_concurrency=64, per_host=8)
        calls = [asyncio.create_task(client.send(Request("GET", hole.url, timeout=20))) for hole in holes * 20]
        await asyncio.sleep(0.1)
        assert (await client.send(Request("GET", good.url, timeout=1))).status == 200
        await ended(calls)

    async def test_calls_that_wait_are_bounded_by_number(self, serve: Serve, make: Make) -> None:
        hole = await serve(hang)
        client = make(max_calls=16, per_host=4)
        request = Request("GET", hole.url, timeout=20, tenant="greedy")
        calls = [asyncio.create_task(client.send(request)) for _ in range(16)]
        await hole.has_received(4)
        with pytest.raises(Unavailable, match="Too many calls of this account") as caught:
            await client.send(request)
        assert caught.value.details == {"retryAfter": 1}
        last = calls.pop()
        await ended([last])
        with pytest.raises(Unavailable, match=r"Too many calls to 127\.0\.0\.1"):
            await client.send(Request("GET", hole.url, timeout=0.05, tenant="greedy"))
        await ended(calls)
        assert (await client.send(Request("GET", (await serve(answer())).url, tenant="greedy"))).status == 200

    async def test_calls_that_pause_between_tries_count_too(self, serve: Serve, make: Make) -> None:
        platform = await serve(answer(429, retry_after="20"))
        client = make(max_calls=4)
        request = Request("GET", platform.url, timeout=60, tenant="greedy")
        calls = [asyncio.create_task(client.send(request)) for _ in range(4)]
        await platform.has_received(4)
        with pytest.raises(Unavailable, match="Too many calls of this account"):
            await client.send(request)
        await ended(calls)


class TestBreaker:
    async def test_it_opens_for_the_tenant_that_saw_the_failures(self, serve: Serve, make: Make) -> None:
        """Anybody can ask a shared host for something that it answers with 503."""
        platform = await serve(lambda received: answer(503 if received.target == "/bad" else 200))
        client = make(breaker_failures=3, retries=0)
        for _ in range(3):
            await client.send(Request("GET", f"{platform.url}/bad", tenant="one"))
        with pytest.raises(Unavailable, match="held back"):
            await client.send(Request("GET", platform.url, tenant="one"))
        assert (await client.send(Request("GET", platform.url, tenant="another"))).status == 200


class TestNames:
    @pytest.fixture
    def silent(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
        """A name server that never answers for `*.hole.test`, and says loopback for all other names."""
        asked: list[str] = []
        over = threading.Event()

        def look_up(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
            asked.append(host)
            if host.endswith(".hole.test"):
                over.wait(20)
                raise socket.gaierror(socket.EAI_AGAIN, "no answer")
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

        monkeypatch.setattr("gateway.outbound.names.socket.getaddrinfo", look_up)
        yield asked
        over.set()

    async def test_names_without_an_answer_leave_room_for_others(
        self, serve: Serve, make: Make, silent: list[str]
    ) -> None:
        good = await serve(answer())
        client = make(per_host=4, connect_timeout=5)
        calls = [
            asyncio.create_task(client.send(Request("GET", f"http://{n}.hole.test/", timeout=20, tenant="greedy")))
            for n in range(60)
        ]
        await asyncio.sleep(0.1)
        assert len(silent) == 16
        for number in range(3):
            url = f"http://good{number}.test:{good.port}/"
            assert (await client.send(Request("GET", url, timeout=2, tenant=f"other {number}"))).status == 200
        await ended(calls)
        # Given up by those who asked, the threads are still theirs.
        assert (await client.send(Request("GET", f"http://g.test:{good.port}/", timeout=2, tenant="x"))).status == 200

    async def test_threads_come_back(self, make: Make, silent: list[str]) -> None:
        resolver = Resolver(threads=3)
        found = await asyncio.gather(*(resolver.resolve(f"{n}.test", 80) for n in range(20)))
        assert [one["host"] for each in found for one in each] == ["127.0.0.1"] * 20
        await asyncio.sleep(0.05)
        assert not resolver._places
        assert resolver._slots.free == 3
        await resolver.close()
        with pytest.raises(OSError, match="no more names"):
            await resolver.resolve("late.test", 80)

    async def test_real_names(self, serve: Serve, make: Make) -> None:
        resolver = Resolver()
        found = await resolver.resolve("localhost", 80, socket.AF_INET)
        assert {one["host"] for one in found} == {"127.0.0.1"}
        with pytest.raises(OSError, match=r"."):
            await resolver.resolve("no-such-name.invalid", 80)
        await resolver.close()

    async def test_a_zone_does_not_get_past_the_guard(self, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        link_local = [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1", 80, 0, 1))]
        monkeypatch.setattr("gateway.outbound.names.socket.getaddrinfo", lambda *_, **__: link_local)
        with pytest.raises(UpstreamError, match="private or reserved"):
            await make().send(Request("GET", "http://zone.test/"))


async def ended(calls: list["asyncio.Task[Any]"]) -> None:
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)


class TestConnections:
    async def test_each_tenant_has_its_own(self, serve: Serve, make: Make) -> None:
        platform = await serve(answer())
        client = make()
        for tenant in ("one", "other", "one", "other"):
            await client.send(Request("GET", platform.url, tenant=tenant))
        assert (platform.connections, len(platform.received)) == (2, 4)
        await client.close()
        await platform.all_closed()

    async def test_an_answer_that_nobody_asked_for_is_nobodys(self, serve: Serve, make: Make) -> None:
        async def reply(received: Received) -> bytes:
            if received.target != "/late":
                return answer(200, b"asked")
            received.writer.write(answer(200, b"first"))
            await asyncio.sleep(0.02)
            return answer(200, b"smuggled")

        platform = await serve(reply)
        client = make()
        assert (await client.send(Request("GET", f"{platform.url}/late"))).body == b"first"
        await asyncio.sleep(0.05)
        assert (await client.send(Request("GET", platform.url))).body == b"asked"
        assert platform.connections == 2

    async def test_those_of_a_tenant_that_is_forgotten_are_closed(
        self, serve: Serve, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gateway.outbound.client._TENANTS", 2)
        platform = await serve(answer())
        client = make()
        for number in range(6):
            await client.send(Request("GET", platform.url, tenant=str(number)))
        await platform.until(lambda: platform.open == 2)
        assert platform.connections == 6


class TestMemoryOfAnswers:
    async def test_large_answers_are_held_in_turns(self, serve: Serve, make: Make) -> None:
        """A quarter of the room is one tenant's; who waits for it holds little, and others have room."""
        over = asyncio.Event()

        async def large(received: Received) -> bytes:
            received.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 900_000)
            await over.wait()
            return b"x" * 100_000

        platform, other = await serve(large), await serve(answer(200, b"y" * 1_000_000))
        client = make()
        calls = [
            asyncio.create_task(client.send(Request("GET", platform.url, timeout=20, tenant="greedy")))
            for _ in range(12)
        ]
        await platform.has_received(12)
        await asyncio.sleep(0.2)
        assert client._tenants.of("greedy").room.held.held == 4
        assert len((await client.send(Request("GET", other.url, timeout=2, tenant="other"))).body) == 1_000_000
        over.set()
        assert [len(response.body) for response in await asyncio.gather(*calls)] == [1_000_000] * 12
        assert client._rooms.held.free == 16

    async def test_what_is_too_large_is_not_kept_by_the_error(self, serve: Serve, make: Make) -> None:
        platform = await serve(
            answer(200, b"x" * 600_000).replace(b"Content-Length: 600000\r\n", b"Connection: close\r\n")
        )
        with pytest.raises(UpstreamError, match="more than 500000") as caught:
            await make().send(Request("GET", platform.url, max_bytes=500_000))
        trace = caught.tb
        while trace is not None:
            assert not any(isinstance(each, bytearray) and each for each in trace.tb_frame.f_locals.values())
            trace = trace.tb_next

    async def test_large_answers_are_worked_on_one_at_a_time_with_a_rest(self, serve: Serve, make: Make) -> None:
        platform = await serve(answer(200, b"x" * 400_000))
        client = make()
        worked: list[tuple[float, float]] = []

        async def call(tenant: str) -> None:
            await client.send(Request("GET", platform.url, timeout=20, tenant=tenant))
            begun = time.perf_counter()
            while time.perf_counter() < begun + 0.02:
                pass
            worked.append((begun, time.perf_counter()))

        await asyncio.gather(*(call(tenant) for tenant in ("one", "one", "one", "other")))
        worked.sort()
        rests = [later - end for (_, end), (later, _) in itertools.pairwise(worked)]
        assert len(rests) == 3
        assert min(rests) >= 0.035

    async def test_small_answers_wait_for_no_turn(self, serve: Serve, make: Make) -> None:
        platform = await serve(answer(200, b"x" * 100_000))
        client = make()
        room = client._tenants.of("").room
        assert client._rooms.worked_on.take_now(room.worked_on)
        assert len((await client.send(Request("GET", platform.url, timeout=1))).body) == 100_000
