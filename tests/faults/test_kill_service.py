"""kill -9 of the running service in the middle of a burst of writes: what was answered is there after the restart."""

import contextlib
import random
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from support.service import Service, serving

ROUNDS = 3
WRITERS = 12


def burst(service: Service, prefix: str, kill_after: int) -> dict[str, str]:
    """Create servers from many connections until the service is killed; server id -> name of each answered one."""
    answered: dict[str, str] = {}
    enough = threading.Event()

    def write(writer: int) -> None:
        with (
            contextlib.suppress(httpx.TransportError),
            httpx.Client(base_url=service.url, headers={"Authorization": f"Bearer {service.key}"}) as client,
        ):
            for number in range(10_000):
                name = f"{prefix} {writer} {number}"
                answer = client.post("/api/servers", json={"name": name})
                answered[answer.json()["serverId"]] = name
                if len(answered) >= kill_after:
                    enough.set()

    with ThreadPoolExecutor(WRITERS) as pool:
        writers = [pool.submit(write, writer) for writer in range(WRITERS)]
        assert enough.wait(60)
        service.process.send_signal(signal.SIGKILL)
        service.process.wait()
        for writer in writers:
            writer.result()
    return answered


def test_nothing_answered_is_lost(tmp_path: Path) -> None:
    seed = random.randrange(1_000_000)
    chance = random.Random(seed)
    expected: dict[str, str] = {}
    for round_ in range(ROUNDS):
        with serving(tmp_path) as service:
            expected |= burst(service, f"round {round_}", chance.randint(50, 400))
    with serving(tmp_path) as healed:
        client = healed.client()
        lost = [
            server_id
            for server_id, name in expected.items()
            if client.get(f"/api/servers/{server_id}").json().get("name") != name
        ]
        total = client.get("/api/servers", params={"limit": 1}).json()["total"]
    print(f"seed {seed}: {ROUNDS} kills, {len(expected)} writes answered, {total} stored, {len(lost)} lost")
    assert lost == []
    # What was not answered may or may not be there; nothing else is.
    assert len(expected) <= total <= len(expected) + ROUNDS * WRITERS
