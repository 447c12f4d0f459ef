"""kill -9 where there is no second try: the first start, a migration, a large upload, a command in the middle."""

import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from stored import problems_of_the_file

from storage import opening
from storage.opening import open_store
from support.service import Service, command, environment, free_port, serving

ROUNDS = int(os.environ.get("TOOLGATE_FAULTS_START_KILLS", "4"))
SEED = int(os.environ.get("TOOLGATE_FAULTS_SEED", "0")) or random.randrange(1_000_000)


class Aim:
    """Moments around one that is not known, on a machine that is now fast and now slow: it follows what it hits."""

    def __init__(self, chance: random.Random, guess: float) -> None:
        self._chance = chance
        self._guess = guess

    def moment(self) -> float:
        return self._guess * self._chance.uniform(0.6, 1.2)

    def hit(self, late: bool) -> None:
        self._guess *= 0.85 if late else 1.15


def killed_after(seconds: float, line: list[str], **options: Any) -> bool:
    """Start a process and kill it after so long; whether it was still running."""
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options) as process:
        time.sleep(seconds)
        process.kill()
        process.communicate()
    return process.returncode == -signal.SIGKILL


def test_the_first_start(tmp_path: Path, figures: Callable[[str], None]) -> None:
    chance = random.Random(SEED)
    stopped_at: Counter[str] = Counter()
    for round_ in range(ROUNDS * 2):
        folder = tmp_path / str(round_)
        folder.mkdir()
        data = folder / "data"
        values = environment(data)
        del values["TOOLGATE_API_KEY"]
        sign = chance.choice(["secrets.json", "toolgate.db", "toolgate.db-wal", "first-api-key"])
        with subprocess.Popen(
            command("serve", "--port", str(free_port())),
            env=values,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
        ) as process:
            while not (data / sign).exists() and process.poll() is None:
                time.sleep(0.0005)
            time.sleep(chance.choice([0, 0.002, 0.02, 0.2]) * chance.random())
            process.kill()
        names = {name for name in ("secrets.json", "toolgate.db", "first-api-key") if (data / name).exists()}
        stopped_at[", ".join(sorted(names)) or "nothing"] += 1
        secrets = (data / "secrets.json").read_bytes() if "secrets.json" in names else None
        with serving(folder, TOOLGATE_API_KEY="") as service:
            key = (data / "first-api-key").read_text().strip()
            with service.client(Authorization=f"Bearer {key}") as client:
                assert client.post("/api/servers", json={"name": "x"}).status_code == 201
                assert len(client.get("/keys").json()["keys"]) == 1
            # What was made before the kill stands: tokens that were given out are derived from it.
            assert secrets in (None, (data / "secrets.json").read_bytes())
            assert json.loads((data / "secrets.json").read_bytes())["version"] == 1
            assert problems_of_the_file(data) == []
    found = "; ".join(f"{number} with {names}" for names, number in sorted(stopped_at.items()))
    figures(
        f"{ROUNDS * 2} kills of a first start (seed {SEED}), {found}: each started afterwards with one key in force"
    )


def old_database(path: Path, rows: int) -> None:
    """A file of revision 0001 with so many audit rows, and a server in it."""
    first = path.with_name("first")
    shutil.copytree(opening.MIGRATIONS, first, ignore=shutil.ignore_patterns("__pycache__"))
    for file in (first / "versions").glob("[0-9]*.py"):
        if not file.name.startswith("0001_"):
            file.unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opening, "MIGRATIONS", first)
        store = open_store(path)
        store._finish()
    moment = "2026-01-01T00:00:00.000Z"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO accounts (account_id, name, created_at) VALUES ('default', 'x', ?)", (moment,))
        connection.execute("INSERT INTO users (account_id, user_id, created_at) VALUES ('default', 'u', ?)", (moment,))
        connection.executemany(
            "INSERT INTO audit (at, account_id, user_id, door, event, outcome) VALUES (?, 'default', 'u', 'cli', ?, ?)",
            ((moment, f"e{number}", "ok") for number in range(rows)),
        )
        connection.commit()


def test_a_migration(tmp_path: Path, figures: Callable[[str], None]) -> None:
    chance = random.Random(SEED)
    rows = 60_000
    original = tmp_path / "old" / "toolgate.db"
    original.parent.mkdir()
    old_database(original, rows)
    newest = opening._revisions()[-1]
    code = "import sys; from pathlib import Path; from storage.opening import open_store; open_store(Path(sys.argv[1]))"
    begun = time.monotonic()
    shutil.copyfile(original, tmp_path / "timed.db")
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "timed.db")], check=True)
    whole = time.monotonic() - begun
    found: Counter[str] = Counter()
    aim = Aim(chance, whole * 0.9)
    for round_ in range(ROUNDS * 2):
        data = tmp_path / str(round_)
        data.mkdir()
        path = data / "toolgate.db"
        shutil.copyfile(original, path)
        killed_after(aim.moment(), [sys.executable, "-c", code, str(path)])
        with closing(sqlite3.connect(path)) as connection:
            (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            assert connection.execute("SELECT count(*) FROM audit").fetchone() == (rows,)
        found[revision] += 1
        aim.hit(late=revision == newest)
        assert revision in ("0001", newest)
        assert problems_of_the_file(data) == []
        subprocess.run([sys.executable, "-c", code, str(path)], check=True, timeout=60)
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (newest,)
            assert connection.execute("SELECT count(*) FROM audit").fetchone() == (rows,)
        with closing(sqlite3.connect(path.with_name("toolgate.db.before-0001"))) as connection:
            assert connection.execute("SELECT count(*) FROM audit").fetchone() == (rows,)
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        shutil.rmtree(data)
    figures(
        f"{ROUNDS * 2} kills of a migration 0001 to {newest} of {rows} rows (seed {SEED}): {found['0001']} as it was, "
        f"{found[newest]} migrated, none between; each went on afterwards, with a whole copy of before"
    )


def large_document(word: str, operations: int) -> dict[str, Any]:
    """Some megabytes of OpenAPI that bear one word throughout."""
    path = {
        "get": {"summary": word, "description": f"{word} " * 1300, "responses": {"200": {"description": word}}},
    }
    return {
        "openapi": "3.0.3",
        "info": {"title": "Large", "version": "1", "description": word},
        "servers": [{"url": "http://127.0.0.1:9"}],
        "paths": {f"/{word}/{number}": path for number in range(operations)},
    }


def words_of(service: Service) -> set[str]:
    with service.client() as client:
        page = client.get("/connectors/large/actions", params={"limit": 1000}).json()
        about = client.get("/connectors/large").json()
    words = {action["path"].split("/")[1] for action in page["actions"]}
    assert page["total"] == 900
    return words | set(re.findall(r"\bw[0-9]+\b", json.dumps(about)))


def test_a_large_upload(tmp_path: Path, figures: Callable[[str], None]) -> None:
    chance = random.Random(SEED)
    kept = "w0"
    outcomes: Counter[str] = Counter()
    size = len(json.dumps(large_document("w0", 900)))
    with serving(tmp_path) as service, service.client() as client:
        begun = time.monotonic()
        body = {"id": "large", "document": large_document(kept, 900)}
        assert client.post("/connectors", json=body).status_code == 201
        whole = time.monotonic() - begun
    aim = Aim(chance, whole)
    for round_ in range(1, ROUNDS + 1):
        word = f"w{round_}"
        answered: list[int] = []

        def put(service: Service, word: str = word, answered: list[int] = answered) -> None:
            with suppress(httpx.TransportError), service.client() as client:
                answer = client.put("/connectors/large", json={"document": large_document(word, 900)})
                answered.append(answer.status_code)

        with serving(tmp_path) as service, ThreadPoolExecutor(1) as pool:
            sent = pool.submit(put, service)
            time.sleep(aim.moment())
            service.process.kill()
            service.process.wait()
            sent.result(30)
        with serving(tmp_path) as service:
            words = words_of(service)
            assert problems_of_the_file(service.data_dir) == []
        assert len(words) == 1
        (found,) = words
        if answered:
            assert answered == [200]
            assert found == word
        else:
            assert found in (kept, word)
        outcomes["new" if found == word else "old"] += 1
        aim.hit(late=found == word)
        kept = found
    figures(
        f"{ROUNDS} kills during the upload of {size / 1e6:.1f} MB (seed {SEED}): {outcomes['old']} times the old "
        f"document, {outcomes['new']} times the new one, whole each time"
    )


def test_a_command(tmp_path: Path, figures: Callable[[str], None]) -> None:
    chance = random.Random(SEED)
    document = tmp_path / "document.json"
    document.write_text(json.dumps(large_document("w0", 20)))
    ended: Counter[bool] = Counter()
    with serving(tmp_path) as service, service.client() as client:

        def counted() -> tuple[int, int, int, int]:
            with closing(sqlite3.connect(service.data_dir / "toolgate.db", timeout=30)) as connection:
                ask = lambda sql: int(connection.execute(sql).fetchone()[0])  # noqa: E731
                return (
                    ask("SELECT count(*) FROM api_keys"),
                    ask("SELECT count(*) FROM audit WHERE event = 'key.create' AND door = 'cli'"),
                    ask("SELECT count(*) FROM connectors"),
                    ask("SELECT count(*) FROM audit WHERE event = 'connector.create' AND door = 'cli'"),
                )

        before = counted()
        begun = time.monotonic()
        service.run("keys", "create", "--user", "first")
        whole = time.monotonic() - begun
        finished = [1, 0]
        aim = Aim(chance, whole)
        for round_ in range(ROUNDS * 3):
            lines = (
                ["keys", "create", "--user", f"u{round_}"],
                ["connectors", "add", str(document), "--id", f"c{round_}"],
            )
            which = round_ % 2
            line = [*command(*lines[which]), "--data-dir", str(service.data_dir)]
            killed = killed_after(aim.moment(), line, env=service.environment)
            aim.hit(late=not killed)
            ended[killed] += 1
            finished[which] += not killed
            # The service beside it is not disturbed.
            assert client.post("/api/servers", json={"name": f"s{round_}"}).status_code == 201
        after = counted()
        keys, key_rows, connectors, connector_rows = (new - old for new, old in zip(after, before, strict=True))
        assert (keys, connectors) == (key_rows, connector_rows)
        assert keys >= finished[0]
        assert connectors >= finished[1]
        assert problems_of_the_file(service.data_dir) == []
    figures(
        f"{ended[True]} commands killed in the middle and {ended[False]} at their end, beside a running service (seed "
        f"{SEED}): {keys} keys and {connectors} connectors made, each whole and on record, no other"
    )
