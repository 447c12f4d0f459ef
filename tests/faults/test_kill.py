"""What was answered is there: a process is killed in the middle of a burst of writes, again and again."""

import os
import random
import select
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from storage.verification import verify

ROOT = Path(__file__).parents[2]
ROUNDS = int(os.environ.get("TOOLGATE_FAULTS_STORE_KILLS", "10"))
SEED = int(os.environ.get("TOOLGATE_FAULTS_SEED", "20261123"))

# Each job writes two rows; its number is printed, past every buffer, only once `write` has returned.
BURST = """
import asyncio, itertools, os, sys
from pathlib import Path
from sqlalchemy import insert
from storage import audit, tables
from storage.opening import open_store

NOW = "2026-11-23T16:40:00.123Z"
# Commits that take their time are more often hit in the middle.
LONG = "n" * 8192
store = open_store(Path(sys.argv[1]))
numbers = itertools.count()

async def work():
    for number in numbers:
        name = f"{sys.argv[2]}-{number}"
        row = {"at": NOW, "account_id": "a", "user_id": "u", "door": "cli", "event": "kill", "outcome": name}
        def job(connection):
            connection.execute(insert(tables.accounts), {"account_id": name, "name": LONG, "created_at": NOW})
            audit.record(connection, **row)
        await store.write(job)
        os.write(1, f"{name}\\n".encode())

async def main():
    os.write(1, b"ready\\n")
    await asyncio.gather(*(work() for _ in range(48)))

asyncio.run(main())
"""


def _burst(path: Path, round_: int, seconds: float, *, at_an_answer: bool) -> list[str]:
    """Let a child write for `seconds`, kill it, and return the ids it answered.

    `at_an_answer`: killed as soon as it has answered once more, when an answer given too early is found out best.
    """
    command = [sys.executable, "-c", BURST, str(path), str(round_)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdout is not None
        assert process.stdout.read(6) == b"ready\n"
        answered = bytearray()
        killed_at = time.monotonic() + seconds
        while (left := killed_at - time.monotonic()) > 0:
            # The pipe is emptied all the while: a child that waits for its reader is not killed at a random moment.
            answered += _read_for(process, left)
        if at_an_answer:
            while earlier := _read_for(process, 0):
                answered += earlier
            answered += process.stdout.read(65536)
        os.kill(process.pid, signal.SIGKILL)
        answered += process.stdout.read()
    assert process.returncode == -signal.SIGKILL
    lines = answered.decode().split("\n")
    # The last one was cut off, or is empty.
    return lines[:-1]


def _read_for(process: subprocess.Popen[bytes], seconds: float) -> bytes:
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], seconds)
    return process.stdout.read(65536) if readable else b""


def test_every_answered_write_survives_a_kill(tmp_path: Path, figures: Callable[[str], None]) -> None:
    path = tmp_path / "toolgate.db"
    chance = random.Random(SEED)
    answered: set[str] = set()
    moments = [chance.uniform(0.0, 0.25) for _ in range(ROUNDS)]
    for round_, seconds in enumerate(moments):
        answered.update(_burst(path, round_, seconds, at_an_answer=round_ % 2 == 1))
        with closing(sqlite3.connect(path)) as connection:
            kept = {name for (name,) in connection.execute("SELECT account_id FROM accounts")}
            recorded = {name for (name,) in connection.execute("SELECT outcome FROM audit")}
            (integrity,) = connection.execute("PRAGMA integrity_check").fetchone()
        assert integrity == "ok"
        assert answered - kept == set(), f"lost in round {round_} of seed {SEED}"
        assert kept == recorded, "half of a job was kept"
        report = verify(path, b"")
        assert (report.rows, report.broken) == (len(recorded), None), "the chain has a gap"
    figures(
        f"{ROUNDS} kills of the store alone, half of them right after an answer (seed {SEED}): {len(answered)} writes "
        f"answered, 0 lost, {len(kept - answered)} kept that were not yet told, 0 halves"
    )
    assert len(answered) > 10 * ROUNDS
