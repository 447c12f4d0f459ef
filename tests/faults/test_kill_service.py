"""kill -9 of the running service at random moments under load: what was answered is there, and nothing is half done."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from loaders import CONNECTOR, Loader
from stored import problems_of_the_file, stored_of

from support.service import Service, free_port, serving
from support.upstream import Upstream, running

ROUNDS = int(os.environ.get("TOOLGATE_FAULTS_KILLS", "8"))
CLIENTS = 8


def under_load(service: Service, loaders: list[Loader], seconds: float) -> None:
    """Let all clients write for so long, kill the service, and wait until each of them has noticed."""
    with ThreadPoolExecutor(len(loaders)) as pool:
        running = [pool.submit(loader.run) for loader in loaders]
        time.sleep(seconds)
        service.process.send_signal(signal.SIGKILL)
        assert service.process.wait() == -signal.SIGKILL
        for client in running:
            client.result(60)


def repeat_what_had_a_key(loader: Loader, platform: Upstream) -> int:
    """Send again what was sent under an Idempotency-Key: the same answer, or 409, and never a second time."""
    repeated = 0
    for key, (path, body, answer) in [*loader.keyed.items()][-4:]:
        event = "server.create" if path == "/api/servers" else "action.execute"
        again = loader.http.post(path, json=body, headers={"Idempotency-Key": key})
        repeated += 1
        if answer is not None:
            assert (again.status_code, again.content) == (answer.status_code, answer.content), again.text
            assert again.headers["idempotent-replayed"] == "true"
        elif again.status_code < 300:
            loader.ledger.asked[event] += 1
        else:
            assert (again.status_code, again.json()["error"]["code"]) == (409, "CONFLICT"), again.text
        if event == "action.execute":
            received = executions(platform)[body["pathParams"]["id"]]
            assert received in ((1,) if again.status_code < 300 else (0, 1))
    return repeated


def executions(platform: Upstream) -> Counter[str]:
    """How often the platform received each mark."""
    return Counter(target.rsplit("/", 1)[1] for _, target, _, _ in [*platform.received])


def token_urls(loader: Loader) -> dict[str, str]:
    listed = loader.http.get("/api/servers", params={"limit": 1000}).json()["servers"]
    return {server["name"]: server["accessUrl"] for server in listed}


def check_doors(loader: Loader, tokens: dict[str, str]) -> None:
    """Tokens and keys that were answered work, and those that were revoked do not."""
    for name, url in [*tokens.items()][-3:]:
        answer = httpx.post(url, json={"jsonrpc": "2.0", "method": "ping", "id": 1}, trust_env=False)
        known, becomes = loader.ledger.facts.get(("server", name)), loader.ledger.doubt.get(("server", name))
        assert answer.status_code in {403 if paused else 200 for _, paused in filter(None, (known, becomes))}
    for key_id, key in [*loader.keys.items()][-5:]:
        answer = loader.http.get("/api/servers", headers={"Authorization": f"Bearer {key}"})
        if not loader.ledger.doubt.get(("key", key_id)):
            assert answer.status_code == (401 if loader.ledger.facts["key", key_id] == "revoked" else 200)


def check(service: Service, platform: Upstream, loaders: list[Loader]) -> Counter[str]:
    """Compare the restarted service with what every client of the killed one knows."""
    assert problems_of_the_file(service.data_dir) == []
    counted: Counter[str] = Counter()
    for loader in loaders:
        loader.connect(service)
        with loader.http:
            counted["repeated"] += repeat_what_had_a_key(loader, platform)
            tokens = token_urls(loader)
            check_doors(loader, tokens)
            stored, events = stored_of(service.data_dir, loader, tokens)
        assert [*loader.ledger.differences(stored)] == []
        assert [*loader.ledger.unrecorded(events)] == []
        marks = executions(platform)
        assert [mark for mark in loader.ledger.executed if marks[mark] != 1] == []
        assert [mark for mark in loader.ledger.unsure if marks[mark] > 1] == []
        counted["doubtful"] += bool(loader.ledger.doubt or loader.ledger.unsure)
        counted["answered"] += loader.answers
        counted["compared"] += len(stored)
        counted["executed"] += len(loader.ledger.executed)
        for event in loader.ledger.told:
            counted[f"event {event}"] += loader.ledger.told[event]
    return counted


def test_nothing_answered_is_lost(tmp_path: Path, figures: Callable[[str], None]) -> None:
    seed = int(os.environ.get("TOOLGATE_FAULTS_SEED", random.randrange(1_000_000)))
    print(f"seed {seed}: TOOLGATE_FAULTS_SEED={seed} repeats its choices")
    chance = random.Random(seed)
    total: Counter[str] = Counter()
    secrets: set[bytes] = set()
    starts: list[float] = []
    loaders: list[Loader] = []
    # One port for all rounds: it stands in token URLs.
    port = free_port()
    with running() as platform:
        for round_ in range(ROUNDS + 1):
            begun = time.monotonic()
            with serving(tmp_path, port, TOOLGATE_LOG_LEVEL="warning") as service:
                starts.append(time.monotonic() - begun)
                secrets.add((service.data_dir / "secrets.json").read_bytes())
                if round_ == 0:
                    document = {"id": CONNECTOR, "document": platform.document()}
                    assert service.client().post("/connectors", json=document).status_code == 201
                total += check(service, platform, loaders)
                platform.received.clear()
                if round_ == ROUNDS:
                    # The chain of the audit trail goes through all kills.
                    service.run("audit", "verify")
                else:
                    loaders = [
                        Loader(service, platform, f"w{number}r{round_}", chance.randrange(2**32))
                        for number in range(CLIENTS)
                    ]
                    under_load(service, loaders, chance.uniform(0.05, 1.2))
    figures(
        f"{ROUNDS} kills under load (seed {seed}): {total['answered']} answered operations, 0 lost; "
        f"{total['doubtful']} unanswered, each wholly there or wholly not; "
        f"{total['compared']} things compared, 0 half written; "
        f"{total['executed']} answered executions, each received once by the platform and on record; "
        f"{total['repeated']} requests repeated under their Idempotency-Key, 0 done twice; "
        f"file and foreign keys whole {ROUNDS} times, the audit chain through all of them; "
        f"slowest start {max(starts):.1f} s"
    )
    kinds = sorted(name.removeprefix("event ") for name in total if name.startswith("event "))
    figures(f"kinds of writes: {', '.join(kinds)}")
    assert len(secrets) == 1
    assert total["answered"] > 10 * ROUNDS
    assert len(kinds) >= 15
