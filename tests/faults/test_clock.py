"""The clock jumps by hours under a running service: nothing hangs, nothing fails, and nobody is locked out for long."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from writers import names_there, writing

from support.jwts import token
from support.listening import Wire, meta
from support.service import Service, serving

HOUR = 3600

# The service as it is, but that its wall clock is off by what stands in a file.
SHIFTED = """
import time
_real = time.time
def _offset():
    with open({file!r}) as file:
        return float(file.read() or 0)
time.time = lambda: _real() + _offset()
import storage.times
class _Shifted(storage.times.datetime):
    @classmethod
    def now(cls, zone=None):
        return cls.fromtimestamp(time.time(), zone)
storage.times.datetime = _Shifted
from gateway.cli import main
main()
"""


class Clock:
    def __init__(self, folder: Path) -> None:
        self._file = folder / "offset"
        self.set(0)

    def set(self, seconds: float) -> None:
        """Put the service's clock so far ahead of the real one; in one step, so that nobody reads half of it."""
        fresh = self._file.with_name("fresh")
        fresh.write_text(str(seconds))
        fresh.replace(self._file)
        self.offset = seconds

    def now(self) -> float:
        return time.time() + self.offset

    def launch(self, line: list[str]) -> list[str]:
        return [line[0], "-c", SHIFTED.format(file=str(self._file)), *line[3:]]


@contextmanager
def shifted(folder: Path, **settings: str) -> Iterator[tuple[Service, Clock]]:
    clock = Clock(folder)
    with serving(folder, launch=clock.launch, **settings) as service:
        yield service, clock


def ping(url: str) -> int:
    return httpx.post(url, json={"jsonrpc": "2.0", "method": "ping", "id": 1}, trust_env=False).status_code


def by_jwt(service: Service, **claims: Any) -> httpx.Response:
    with service.client(Authorization=f"Bearer {token(userId='jo', **claims)}") as client:
        return client.get("/api/servers")


@pytest.mark.parametrize("hours", [5, -5])
def test_a_jump_under_load(tmp_path: Path, hours: int, figures: Callable[[str], None]) -> None:
    with shifted(tmp_path) as (service, clock):
        client = service.client()
        server = client.post("/api/servers", json={"name": "before"}).json()
        own = f"/api/servers/{server['serverId']}"
        once = {"json": {"name": "once"}, "headers": {"Idempotency-Key": "k"}}
        first = client.post("/api/servers", **once)
        listen: dict[str, Any] = {"jsonrpc": "2.0", "id": 7, "method": "subscriptions/listen"}
        listen["params"] = {"_meta": meta(), "notifications": {"toolsListChanged": True}}
        with Wire(service, server["accessUrl"], listen) as wire:
            wire.event()
            with writing(service, writers=4) as writers:
                time.sleep(0.5)
                clock.set(hours * HOUR)
                jumped = time.monotonic()
                time.sleep(1)
                assert client.post(f"{own}/pause").status_code == 200
                assert client.post(f"{own}/resume").status_code == 200
                changed = client.put(own, json={"restrictions": {"connectors": {"blockedIds": ["slack"]}}})
                assert changed.status_code == 200
                # The stream lives on, and tells of it.
                begun = time.monotonic()
                while (event := wire.event())["method"] != "notifications/tools/list_changed":
                    pass
                heard = time.monotonic() - begun
                assert event is not None
                time.sleep(0.5)
                clock.set(0)
                time.sleep(0.5)
        assert heard < 5
        assert set(writers.statuses()) == {201}
        assert {read.status for read in writers.reads} == {200}
        slowest = max(told.seconds for told in (*writers.told, *writers.reads))
        assert slowest < 5
        assert names_there(service) == writers.made() | {"before", "once"}
        # Done once, before and after; tokens without an end have none.
        again = client.post("/api/servers", **once)
        assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
        assert ping(server["accessUrl"]) == 200
        # Lists follow the clock; the chain of the trail, and with it what is verified, follows what happened.
        assert "server.update" in [row["event"] for row in client.get(f"{own}/activity").json()["activity"]]
        with closing(sqlite3.connect(service.data_dir / "toolgate.db")) as connection:
            rows = connection.execute(
                "SELECT event FROM audit WHERE server_id = ? ORDER BY audit_id", (server["serverId"],)
            ).fetchall()
            (backwards,) = connection.execute(
                "SELECT count(*) FROM audit a JOIN audit b ON b.audit_id = a.audit_id + 1 WHERE b.at < a.at"
            ).fetchone()
        changes = [event for (event,) in rows if event.startswith("server.")]
        assert changes == ["server.create", "server.pause", "server.resume", "server.update"]
        assert backwards >= 1
        service.run("audit", "verify")
        after = sum(told.begun > jumped for told in writers.told)
    figures(
        f"clock {hours:+d} h and back under load: {len(writers.told)} writes ({after} after the jump) and "
        f"{len(writers.reads)} reads, none refused or failed, the slowest in {slowest * 1000:.0f} ms; the stream told "
        f"of a change {heard:.1f} s after it"
    )


def test_what_expires_follows_the_clock(tmp_path: Path) -> None:
    with shifted(tmp_path) as (service, clock):
        client = service.client()
        url = client.post("/api/servers", json={"name": "a day", "tokenExpiresInDays": 1}).json()["accessUrl"]
        hour = {"exp": int(clock.now()) + HOUR, "nbf": int(clock.now()) - 5}
        assert by_jwt(service, **hour).status_code == 200
        clock.set(5 * HOUR)
        assert by_jwt(service, **hour).status_code == 401
        assert by_jwt(service, exp=int(clock.now()) + 60).status_code == 200
        assert ping(url) == 200
        clock.set(25 * HOUR)
        assert ping(url) == 401
        # Whoever puts the clock back gives time back. A token that is not valid yet waits.
        clock.set(-5 * HOUR)
        assert ping(url) == 200
        assert by_jwt(service, **hour).status_code == 401
        assert by_jwt(service, exp=hour["exp"]).status_code == 200
        clock.set(0)
        assert by_jwt(service, **hour).status_code == 200


@pytest.mark.parametrize("hours", [5, -5])
def test_nobody_is_limited_for_hours(tmp_path: Path, hours: int, figures: Callable[[str], None]) -> None:
    with shifted(tmp_path, TOOLGATE_RATE_LIMIT="20") as (service, clock):
        client = service.client()
        answers = [client.get("/api/servers") for _ in range(21)]
        assert [answer.status_code for answer in answers] == [200] * 20 + [429]
        waits = [int(answers[-1].headers["retry-after"])]
        for jump in (hours, 0, hours, -hours, 0):
            clock.set(jump * HOUR)
            answer = client.get("/api/servers")
            # The limit is a matter of the time that passes, not of what the clock says.
            assert answer.status_code == 429
            waits.append(int(answer.headers["retry-after"]))
        assert max(waits) <= 60
    figures(f"rate limit over jumps of {hours} h: the longest Retry-After was {max(waits)} s, and no jump set it back")
