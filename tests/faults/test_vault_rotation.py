"""`toolgate vault rotate`, killed and begun again, beside a service that is used all the time."""

import contextlib
import json
import random
import sqlite3
import subprocess
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from support.service import Service, command, serving
from support.upstream import Upstream, running

CREDENTIALS = 150
KILLS = 4
ROUNDS = 2


class Load:
    """Callers who create, replace and use credentials until they are told to stop."""

    def __init__(self, service: Service, upstream: Upstream) -> None:
        self.service, self.upstream = service, upstream
        self.statuses: Counter[int] = Counter()
        self.refused: list[str] = []
        # Credential id -> the token that it holds; a replacement that is on its way is in nobody's hands but its own.
        self.tokens: dict[str, str] = {}
        self.stop = threading.Event()
        client = service.client()
        made = client.post("/connectors", json={"id": "tasks", "document": upstream.document()})
        assert made.status_code == 201, made.text
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: self.create(client), range(CREDENTIALS)))

    def seen(self, answer: httpx.Response) -> httpx.Response:
        self.statuses[answer.status_code] += 1
        if answer.status_code != 200:
            self.refused.append(
                f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text}"
            )
        return answer

    def create(self, client: httpx.Client) -> None:
        token = f"token-{uuid.uuid4().hex}"
        body = {"userId": "me", "authenticationType": "bearer", "data": {"token": token}}
        key = {"Idempotency-Key": uuid.uuid4().hex}
        answer = self.seen(client.post("/connectors/tasks/credentials", json=body, headers=key))
        again = self.seen(client.post("/connectors/tasks/credentials", json=body, headers=key))
        assert answer.json() == again.json()
        self.tokens[answer.json()["credentialId"]] = token

    def replace(self, client: httpx.Client, mine: list[str]) -> None:
        credential, token = random.choice(mine), f"token-{uuid.uuid4().hex}"
        body = {"authenticationType": "bearer", "data": {"token": token}}
        self.seen(client.put(f"/connectors/tasks/credentials/{credential}", json=body))
        self.tokens[credential] = token

    def use(self, client: httpx.Client, mine: list[str]) -> None:
        credential = random.choice(mine)
        assert self.sent(client, credential) == f"Bearer {self.tokens[credential]}"

    def sent(self, client: httpx.Client, credential: str) -> str:
        nonce = uuid.uuid4().hex
        body = {"credentialId": credential, "pathParams": {"id": nonce}}
        self.seen(client.post("/connectors/tasks/actions/getTask/execute", json=body))
        return next(
            headers["authorization"] for _, path, headers, _ in reversed(self.upstream.received) if nonce in path
        )

    def run(self, mine: list[str]) -> None:
        client = self.service.client()
        kinds: list[Callable[[], None]] = [
            lambda: self.create(client),
            lambda: self.replace(client, mine),
            lambda: self.use(client, mine),
        ]
        while not self.stop.is_set():
            random.choice(kinds)()


def killed(service: Service) -> bool:
    """Begin to rotate, and kill -9 it somewhere; False where it was done before."""
    process = subprocess.Popen(
        command("vault", "rotate", "--batch", "2", "--data-dir", str(service.data_dir)),
        env=service.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    # The seconds of starting are nothing to kill in; sometimes it dies as soon as it has begun.
    process.stdout.readline()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(random.choice([0.0, random.uniform(0, 0.5)]))
    process.kill()
    process.wait()
    process.stdout.close()
    return process.returncode == -9


def test_a_rotation_that_is_killed_again_and_again(tmp_path: Path) -> None:
    seed = random.randrange(1_000_000)
    random.seed(seed)
    print(f"seed {seed}")
    with running() as upstream, serving(tmp_path) as service:
        load = Load(service, upstream)
        names = {held_keys(service)[0]}
        ids = list(load.tokens)
        with ThreadPoolExecutor(4) as pool:
            callers = [pool.submit(load.run, ids[start::4]) for start in range(4)]
            try:
                kills = 0
                for _ in range(ROUNDS):
                    for _ in range(KILLS):
                        kills += killed(service)
                        keys = held_keys(service)
                        assert len(keys) <= 2, "each resumed run goes on with the key of the one before"
                        names |= set(keys)
                    done = service.run("vault", "rotate")
                    assert done.stdout.startswith("A rotation to the key") or "Done" in done.stdout
                    assert len(held_keys(service)) == 1
                time.sleep(0.3)
            finally:
                load.stop.set()
            for caller in callers:
                caller.result()
        left = json.loads(service.run("vault", "status", "--json").stdout)
        print(f"{kills} kills, {len(names)} keys, {len(load.tokens)} credentials, answers {dict(load.statuses)}")
        assert load.refused == []
        assert kills >= ROUNDS
        assert left["keys"] == held_keys(service)
        assert {row["key"] for row in left["rows"]} == set(left["keys"])
        assert left["rotating"] is False
        client = service.client()
        assert [one for one, token in load.tokens.items() if load.sent(client, one) != f"Bearer {token}"] == []
        assert names - set(left["keys"]), "at least one key has gone"
    # And in a process that never knew the old keys.
    with running() as upstream, serving(tmp_path) as service:
        with contextlib.closing(sqlite3.connect(service.data_dir / "toolgate.db")) as database:
            assert {row[0] for row in database.execute("SELECT sealed_by FROM credentials")} == set(held_keys(service))
        assert "0 that do not open" in service.run("check").stdout


def held_keys(service: Service) -> list[str]:
    return [key["name"] for key in json.loads((service.data_dir / "secrets.json").read_text())["vaultKeys"]]
